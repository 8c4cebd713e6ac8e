package p2p

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	ds "github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestAHolderThatIsNotConnectedIsFoundThroughTheDHT(t *testing.T) {
	store := newMemory()
	root := addFile(t, store, random(1, 256<<10), 16<<10, 32)
	a, b, c := open(t, Options{}), open(t, Options{}), open(t, Options{Blocks: store})
	connect(t, a, b)
	connect(t, c, b)
	eventually(t, "routing tables fill", func() bool {
		return a.dht.RoutingTable().Find(b.ID()) != "" && c.dht.RoutingTable().Find(b.ID()) != ""
	})
	if err := c.Provide(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	var holders []peer.ID
	eventually(t, "the record is found", func() bool {
		holders = a.Holders(t.Context(), root)
		return slices.Contains(holders, c.ID())
	})
	into := newMemory()
	if err := a.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
}

func TestTheDHTLeadsToHoldersThatTheGateLetsIn(t *testing.T) {
	key, store := NewMeshKey(), newMemory()
	root := addFile(t, store, random(1, 256<<10), 16<<10, 32)
	a, b, c := open(t, Options{Closed: key}), open(t, Options{Closed: key}), open(t, Options{Closed: key, Blocks: store})
	stranger := open(t, Options{})
	a.Block(c.ID()) // and so nobody has introduced them yet
	connect(t, a, b)
	connect(t, c, b)
	eventually(t, "routing tables fill", func() bool {
		return a.dht.RoutingTable().Find(b.ID()) != "" && c.dht.RoutingTable().Find(b.ID()) != ""
	})
	eventually(t, "b has the record", func() bool {
		if err := c.Provide(t.Context(), root); err != nil {
			t.Fatal(err)
		}
		return slices.Contains(b.Holders(t.Context(), root), c.ID())
	})
	if err := a.Fetch(t.Context(), root, newMemory(), FetchOptions{}); err == nil || linked(a, c) {
		t.Fatalf("fetched from a blocked peer (%v)", err)
	}
	a.host.Peerstore().ClearAddrs(c.ID()) // the record has to bring them
	a.Unblock(c.ID())
	into := newMemory()
	eventually(t, "the holder is found", func() bool { return a.Fetch(t.Context(), root, into, FetchOptions{}) == nil })
	whole(t, into, root)
	if !linked(a, c) {
		t.Error("it came from elsewhere")
	}
	if err := stranger.Fetch(t.Context(), root, newMemory(), FetchOptions{}); err == nil {
		t.Error("a stranger to the closed mesh has it")
	}
}

func TestAConnectedHolderSaysSo(t *testing.T) {
	a, _, root, _ := holder(t, 64<<10)
	b := open(t, Options{})
	connect(t, b, a)
	connect(t, b, open(t, Options{}))
	if got := b.Holders(t.Context(), root); !slices.Equal(got, []peer.ID{a.ID()}) {
		t.Errorf("holders: %v", got)
	}
}

func TestProvidingAloneIsNoError(t *testing.T) {
	a, _, root, _ := holder(t, 64<<10)
	if err := a.Provide(t.Context(), root); err != nil {
		t.Error(err)
	}
}

func TestProviderRecordsHaveAnEnd(t *testing.T) {
	r, ctx := newProviderRecords(), t.Context()
	put := func(key, p int) {
		t.Helper()
		if err := r.Put(ctx, ds.NewKey(fmt.Sprintf("/providers/key%d/peer%d", key, p)), nil); err != nil {
			t.Fatal(err) // an error would make the DHT try the whole batch again
		}
	}
	for p := range 2 * maxRecordsOfKey {
		put(0, p)
	}
	if r.n != maxRecordsOfKey {
		t.Errorf("%d records of one key", r.n)
	}
	for key := range 2 * maxRecordsOfPeer {
		put(key, 0)
	}
	if n := r.ofPeer["peer0"]; n != maxRecordsOfPeer {
		t.Errorf("%d records of one peer", n)
	}
	for p := range 10 {
		for key := range maxRecordsOfPeer {
			put(key+10_000*(p+1), p+1000)
		}
	}
	if r.n != maxRecords {
		t.Errorf("%d records in all", r.n)
	}
	put(0, 0) // renewing one
	b, err := r.Batch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Put(ctx, ds.NewKey("/providers/more/more"), nil), b.Commit(ctx)); err != nil || r.n != maxRecords {
		t.Errorf("%d records, error %v", r.n, err)
	}
	if err := r.Delete(ctx, ds.NewKey("/providers/key0/peer0")); err != nil {
		t.Fatal(err)
	}
	if put(1_000_000, 5000); r.n != maxRecords || r.ofPeer["peer5000"] != 1 {
		t.Error("no room after one was removed")
	}
}
