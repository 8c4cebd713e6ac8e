package p2p

import (
	"context"
	"errors"
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
	r := newProviderRecords()
	r.n.Store(maxRecords - 1)
	ctx := context.Background()
	if err := r.Put(ctx, ds.NewKey("last"), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Put(ctx, ds.NewKey("last"), nil); err != nil {
		t.Error("renewing a record:", err)
	}
	b, err := r.Batch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Put(ctx, ds.NewKey("more"), nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{r.Put(ctx, ds.NewKey("more"), nil), b.Commit(ctx)} {
		if !errors.Is(err, errRecordsFull) {
			t.Errorf("one too many: %v", err)
		}
	}
	if err := r.Delete(ctx, ds.NewKey("last")); err != nil {
		t.Fatal(err)
	}
	if err := r.Put(ctx, ds.NewKey("more"), nil); err != nil {
		t.Error("after one was removed:", err)
	}
}
