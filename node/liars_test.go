package node_test

import (
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/p2p/attacktest"
)

// stranger is a host of no node.
func stranger(t *testing.T) host.Host {
	t.Helper()
	h, err := attacktest.NewPeer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func target(t *testing.T, n *node.Node) peer.AddrInfo {
	t.Helper()
	info, err := peer.AddrInfoFromString(n.ID().Addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	return *info
}

func offers(t *testing.T, n *node.Node, root string) bool {
	t.Helper()
	items, err := n.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(items, func(it node.Item) bool { return it.Root == root })
}

// speaks tells whether n knows that h claims to be a node.
func speaks(n *node.Node, h host.Host) bool {
	return slices.ContainsFunc(n.Peers(), func(p node.Peer) bool { return p.ID == h.ID() && p.Savoirs })
}

// why is what n holds against h.
func why(t *testing.T, n *node.Node, h host.Host) node.Record {
	t.Helper()
	records, err := n.Why(h.ID().String())
	if err != nil {
		t.Fatal(err)
	}
	return records[0]
}

// letsIn tells whether h can stay connected to n.
func letsIn(t *testing.T, n *node.Node, h host.Host) bool {
	t.Helper()
	h.Network().ClosePeer(target(t, n).ID)
	if h.Connect(t.Context(), target(t, n)) != nil {
		return false
	}
	s, err := h.NewStream(t.Context(), target(t, n).ID, "/savoirs/holds/1")
	if err != nil {
		return false
	}
	s.Reset()
	return h.Network().Connectedness(target(t, n).ID) == network.Connected
}

func TestALiarIsBannedAcrossRestartsAndTheItemComesFromOthers(t *testing.T) {
	holds, reads := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, stopA := nodetest.Run(t, holds)
	b, stopB := nodetest.Run(t, reads)
	nodetest.Connect(t, b, a)
	it := publish(t, a, "Jardin", garden)
	nodetest.Until(t, "the offer arrives", func() bool { return offers(t, b, it.Root) })
	stopA()

	root, err := cid.Decode(it.Root)
	if err != nil {
		t.Fatal(err)
	}
	liar := stranger(t)
	attacktest.Liar(liar, root, 0)
	if !letsIn(t, b, liar) {
		t.Fatal("a stranger who did nothing is refused")
	}
	nodetest.Until(t, "the liar is known", func() bool { return speaks(b, liar) })
	if _, err := b.Pull(t.Context(), it.Root, nil); err == nil {
		t.Fatal("fetched from a liar")
	}
	r := why(t, b, liar)
	if !r.Banned || len(r.Faults) != 1 {
		t.Fatalf("%+v", r)
	}
	f := r.Faults[0]
	if f.Kind != p2p.WrongBytes || f.Asked != it.Root || f.Length != 1000 || len(f.SHA256) != 64 || len(f.First) != 64 {
		t.Errorf("evidence: %+v", f)
	}
	if letsIn(t, b, liar) {
		t.Error("the liar is let in")
	}

	stopB()
	b, _ = nodetest.Run(t, reads)
	if letsIn(t, b, liar) || !why(t, b, liar).Banned {
		t.Error("forgotten over a restart")
	}
	a, _ = nodetest.Run(t, holds)
	nodetest.Connect(t, b, a)
	if _, err := b.Pull(t.Context(), it.Root, nil); err != nil {
		t.Error("from an honest node:", err)
	}
	if err := b.Unblock(liar.ID().String()); err != nil {
		t.Fatal(err)
	}
	if r := why(t, b, liar); !letsIn(t, b, liar) || r.Banned || len(r.Faults) != 1 {
		t.Errorf("after unblocking: %+v", r)
	}
}

func TestWhoForgesItsOwnHeadIsBannedAndWhoInventsAuthorsIsNot(t *testing.T) {
	a := nodetest.Start(t, 1)[0]
	forger, inventor := stranger(t), stranger(t)
	for h, say := range map[host.Host]func() ([]byte, error){
		forger:   func() ([]byte, error) { return attacktest.ForgedHead(forger.Peerstore().PrivKey(forger.ID())) },
		inventor: attacktest.InventedHead,
	} {
		if err := h.Connect(t.Context(), target(t, a)); err != nil {
			t.Fatal(err)
		}
		head, err := say()
		if err != nil {
			t.Fatal(err)
		}
		if err := attacktest.Tell(t.Context(), h, target(t, a).ID, head); err != nil {
			t.Fatal(err)
		}
	}
	nodetest.Until(t, "the forger is banned", func() bool { return why(t, a, forger).Banned })
	if f := why(t, a, forger).Faults[0]; f.Kind != p2p.BadSignature || len(f.Signed) == 0 {
		t.Errorf("evidence: %+v", f)
	}
	if r := why(t, a, inventor); r.Count != 0 {
		t.Errorf("held against somebody whose head was valid: %+v", r)
	}
}
