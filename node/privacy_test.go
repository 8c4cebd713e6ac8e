package node_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"

	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/store"
)

// A stranger who somehow knows every CID of a private item.
func TestAStrangerGetsNothingOfAPrivateItemByAnyDoor(t *testing.T) {
	o := nodetest.Options(t, t.TempDir())
	a, stop := nodetest.Run(t, o)
	secret := add(t, a, "Registre privé", map[string]string{"registre.md": "# Registre\n\nLe dossier médical de Madame Zéphirin est confidentiel.\n"})
	public := publish(t, a, "Jardin", garden)
	stop()
	blocks := everyBlock(t, o.Dir, secret.Root)
	known := everyBlock(t, o.Dir, public.Root)
	a, _ = nodetest.Run(t, o)
	target, err := peer.AddrInfoFromString(a.ID().Addrs[0])
	if err != nil {
		t.Fatal(err)
	}

	t.Run("bitswap", func(t *testing.T) {
		swap := strangerBitswap(t, *target)
		if !gets(swap, known[0], 20*time.Second) {
			t.Fatal("a published block is not served: this test would prove nothing")
		}
		for _, c := range blocks {
			if gets(swap, c, time.Second) {
				t.Errorf("block %s of the private item was served", c)
			}
		}
	})

	t.Run("fetch and DHT", func(t *testing.T) {
		key := nodetest.Options(t, t.TempDir())
		stranger, _ := nodetest.Run(t, key)
		nodetest.Connect(t, stranger, a)
		m, content := strangerMesh(t, *target)
		for _, c := range blocks {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if err := m.Fetch(ctx, c, content, p2p.FetchOptions{From: []peer.ID{target.ID}, MaxBytes: 1 << 20}); err == nil {
				t.Errorf("block %s of the private item was fetched", c)
			}
			if found := m.Holders(ctx, c); len(found) != 0 {
				t.Errorf("holders of private block %s were told: %v", c, found)
			}
			cancel()
		}
		if err := m.Fetch(t.Context(), known[0], content, p2p.FetchOptions{From: []peer.ID{target.ID}, MaxBytes: 1 << 20}); err != nil {
			t.Fatalf("a published item is not served: %v", err)
		}
		for _, it := range list(t, stranger) {
			if it.Root == secret.Root {
				t.Errorf("the stranger's catalogue names the private item: %+v", it)
			}
		}
	})
}

// everyBlock lists the CIDs of an item, root first, from the store itself.
func everyBlock(t *testing.T, dir, root string) []cid.Cid {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir + "/store"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := cid.Decode(root)
	if err != nil {
		t.Fatal(err)
	}
	it, err := s.Item(c)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.Blocks(it.Space).AllKeysChan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := []cid.Cid{c}
	for k := range keys {
		if !k.Equals(c) {
			all = append(all, k)
		}
	}
	return all
}

func strangerHost(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Security(noise.ID, noise.New), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func strangerBitswap(t *testing.T, target peer.AddrInfo) *bitswap.Bitswap {
	t.Helper()
	h := strangerHost(t)
	swap := bitswap.New(t.Context(), bsnet.NewFromIpfsHost(h), nil, emptyBlocks())
	t.Cleanup(func() { swap.Close() })
	if err := h.Connect(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	return swap
}

func strangerMesh(t *testing.T, target peer.AddrInfo) (*p2p.Mesh, blockstore.Blockstore) {
	t.Helper()
	content := emptyBlocks()
	m, err := p2p.Open(p2p.Options{Key: newKey(t), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Blocks: content})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; m.Close() })
	if err := m.Connect(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	return m, content
}

func emptyBlocks() blockstore.Blockstore {
	return blockstore.NewBlockstore(sync.MutexWrap(datastore.NewMapDatastore()))
}

func gets(swap *bitswap.Bitswap, c cid.Cid, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_, err := swap.GetBlock(ctx, c)
	return err == nil
}

func newKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
