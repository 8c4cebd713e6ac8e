package p2p

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/bitswap/server"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/semaphore"
)

// holder opens a node that holds a file of n bytes in chunks of 16 KiB.
func holder(t *testing.T, n int) (m *Mesh, store *memory, root cid.Cid, size int64) {
	t.Helper()
	store = newMemory()
	root = addFile(t, store, random(1, n), 16<<10, 32)
	_, size = dag(t, store, root)
	store.given.Store(0)
	return open(t, Options{Blocks: store}), store, root, size
}

func TestFetchBringsTheWholeItem(t *testing.T) {
	a, from, root, size := holder(t, 3<<20)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	var told int64
	err := b.Fetch(t.Context(), root, into, FetchOptions{Progress: func(n int64) { told = n }})
	if err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if told != size || from.given.Load() != size {
		t.Errorf("told %d bytes, given %d, the item has %d", told, from.given.Load(), size)
	}
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal("again:", err)
	}
	if from.given.Load() != size {
		t.Error("fetching again moved bytes")
	}
}

func TestBlocksReachTheStoreParentsFirst(t *testing.T) {
	a, store, root, _ := holder(t, 3<<20)
	a2 := open(t, Options{Blocks: store})
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	connect(t, b, a2)
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	at := map[cid.Cid]int{}
	for i, c := range into.order {
		at[c] = i
	}
	for _, c := range into.order {
		blk, err := into.Get(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		below, _ := links(link{cid: c}, blk.RawData())
		for _, l := range below {
			// Calls of several batches are under way at once, and begin in any order.
			if ahead := into.call[c] - into.call[l.cid]; ahead >= putsAtOnce || ahead == 0 && at[l.cid] < at[c] {
				t.Fatalf("block %s came %d calls before its parent", l.cid, ahead)
			}
		}
	}
}

// cutFetch fetches until about half has come, then cancels, and returns what became durable.
func cutFetch(t *testing.T, b *Mesh, root cid.Cid, into *memory, size int64) int64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var accepted atomic.Int64
	into.onPut = func(bs []blocks.Block) error {
		for _, blk := range bs {
			accepted.Add(int64(len(blk.RawData())))
		}
		if accepted.Load() > size/4 {
			cancel()
		}
		return nil
	}
	err := b.Fetch(ctx, root, into, FetchOptions{})
	is(t, err, ErrIncomplete)
	is(t, err, context.Canceled)
	into.onPut = nil
	kept := into.kept.Load()
	if kept <= size/4 || kept >= size {
		t.Fatalf("the cut came at %d of %d bytes", kept, size)
	}
	return kept
}

// sending tells whether m has a bulk stream with p.
func sending(m *Mesh, p peer.ID) bool {
	for _, c := range m.host.Network().ConnsToPeer(p) {
		for _, s := range c.GetStreams() {
			if s.Protocol() == protoCAR {
				return true
			}
		}
	}
	return false
}

func TestAFetchThatWasCutMovesOnlyWhatLacks(t *testing.T) {
	a, from, root, size := holder(t, 40<<20)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	kept := cutFetch(t, b, root, into, size)
	eventually(t, "the holder stops reading", func() bool { return !sending(a, b.ID()) })
	before := from.given.Load()
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if moved := from.given.Load() - before; moved > size-kept {
		t.Errorf("moved %d bytes, only %d lacked", moved, size-kept)
	}
}

func TestWhatWasAcceptedIsKeptWhenTheFetchIsCancelled(t *testing.T) {
	store, into := newMemory(), newMemory()
	root := addFile(t, store, random(1, 64<<10), 16<<10, 32)
	order, size := dag(t, store, root)
	f := &fetch{into: into, walk: newWalk(root, into), landed: make(chan arrival, len(order)), room: semaphore.NewWeighted(size)}
	for _, b := range order {
		f.room.Acquire(t.Context(), int64(len(b.RawData())))
		f.landed <- arrival{Block: b}
	}
	close(f.landed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.keep(ctx); err != nil {
		t.Fatal(err)
	}
	if into.kept.Load() != size {
		t.Errorf("kept %d bytes of %d", into.kept.Load(), size)
	}
}

func TestAFetchResumesAfterTheReceiverRestarts(t *testing.T) {
	a, _, root, size := holder(t, 40<<20)
	key, into := newKey(t), newMemory()
	b := open(t, Options{Key: key})
	connect(t, b, a)
	kept := cutFetch(t, b, root, into, size)
	b.Close()

	b = open(t, Options{Key: key})
	connect(t, b, a)
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if into.kept.Load() != size {
		t.Errorf("kept %d bytes in all, %d of them before the restart; the item has %d", into.kept.Load(), kept, size)
	}
}

func TestANewVersionMovesOnlyWhatChanged(t *testing.T) {
	store := newMemory()
	same := addFile(t, store, random(1, 1<<20), 16<<10, 32)
	older := node(t, store, same, raw(t, store, []byte("first edition")))
	newer := node(t, store, same, raw(t, store, []byte("second edition")))
	a, b, into := open(t, Options{Blocks: store}), open(t, Options{}), newMemory()
	connect(t, b, a)
	if err := b.Fetch(t.Context(), older, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	store.given.Store(0)
	if err := b.Fetch(t.Context(), newer, into, FetchOptions{Former: older}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, newer)
	if moved := store.given.Load(); moved > 1<<10 {
		t.Errorf("the new version moved %d bytes", moved)
	}
}

// part is a store with those blocks of the item that keep selects.
func part(t *testing.T, store *memory, root cid.Cid, keep func(i int, c cid.Cid) bool) *memory {
	t.Helper()
	some := newMemory()
	order, _ := dag(t, store, root)
	for i, b := range order {
		if keep(i, b.Cid()) {
			if err := some.Put(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	return some
}

func TestHoldersOfHalvesMakeAWhole(t *testing.T) {
	_, store, root, size := holder(t, 3<<20)
	even := part(t, store, root, func(i int, c cid.Cid) bool { return !leaf(c) || i%2 == 0 })
	odd := part(t, store, root, func(i int, c cid.Cid) bool { return !leaf(c) || i%2 == 1 })
	b, into := open(t, Options{}), newMemory()
	connect(t, b, open(t, Options{Blocks: even}))
	connect(t, b, open(t, Options{Blocks: odd}))
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if given := even.given.Load() + odd.given.Load(); given > size+size/2 {
		t.Errorf("given %d bytes, the item has %d", given, size)
	}
}

// slowedBy makes s wait before it gives more than a part of what it has, until other gives something too: on a busy machine
// one may be done before the other is asked at all.
func slowedBy(s, other *memory) {
	s.onGet = func(ctx context.Context, b blocks.Block) (blocks.Block, error) {
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for s.given.Load() > 4<<20 && other.given.Load() == 0 {
			select {
			case <-look.C:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return b, nil
	}
}

func TestSeveralHoldersShareTheWork(t *testing.T) {
	a, store, root, _ := holder(t, 40<<20)
	second := part(t, store, root, func(int, cid.Cid) bool { return true })
	store.given.Store(0)
	slowedBy(store, second)
	slowedBy(second, store)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	connect(t, b, open(t, Options{Blocks: second}))
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if store.given.Load() == 0 || second.given.Load() == 0 {
		t.Errorf("one gave %d bytes, the other %d", store.given.Load(), second.given.Load())
	}
}

func TestAPreferredHolderIsAskedFirst(t *testing.T) {
	a, store, root, _ := holder(t, 1<<20)
	b, into := open(t, Options{}), newMemory()
	if err := b.host.Connect(t.Context(), info(a)); err != nil {
		t.Fatal(err)
	}
	b.host.Network().ClosePeer(a.ID())
	if err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{a.ID()}}); err != nil {
		t.Fatal("a holder whose address is known was not dialled:", err)
	}
	if store.given.Load() == 0 {
		t.Error("the preferred holder gave nothing")
	}
}

func TestAHolderThatVanishesIsReplacedByAnother(t *testing.T) {
	a, store, root, _ := holder(t, 8<<20)
	second := part(t, store, root, func(int, cid.Cid) bool { return true })
	spare := open(t, Options{Blocks: second})
	var gets atomic.Int64
	store.onGet = func(ctx context.Context, blk blocks.Block) (blocks.Block, error) {
		if gets.Add(1) == 100 {
			go a.Close()
		}
		return blk, nil
	}
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	connect(t, b, spare)
	if err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{a.ID()}}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
}

func TestAFetchWhoseOnlyHolderVanishesIsIncomplete(t *testing.T) {
	a, store, root, _ := holder(t, 8<<20)
	var gets atomic.Int64
	store.onGet = func(ctx context.Context, blk blocks.Block) (blocks.Block, error) {
		if gets.Add(1) == 100 {
			go a.Close()
		}
		return blk, nil
	}
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	err := b.Fetch(t.Context(), root, into, FetchOptions{Patience: 500 * time.Millisecond})
	is(t, err, ErrIncomplete)
	is(t, err, ErrUnreachable)
	if into.kept.Load() == 0 {
		t.Error("what had landed was not kept")
	}
}

func TestAFetchGoesOnWhenItsHolderComesBack(t *testing.T) {
	key, store := newKey(t), newMemory()
	root := addFile(t, store, random(1, 8<<20), 16<<10, 32)
	a := open(t, Options{Key: key, Blocks: store})
	listen := []string{a.host.Addrs()[0].String()}
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	var gets atomic.Int64
	back := make(chan *Mesh, 1)
	store.onGet = func(ctx context.Context, blk blocks.Block) (blocks.Block, error) {
		if gets.Add(1) == 100 {
			go func() {
				a.Close()
				again, err := Open(Options{Key: key, Blocks: store, Listen: listen})
				if err != nil {
					t.Error(err)
				}
				back <- again
			}()
		}
		return blk, nil
	}
	err := b.Fetch(t.Context(), root, into, FetchOptions{})
	if again := <-back; again != nil {
		defer again.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
}

func TestAHolderThatStallsIsDropped(t *testing.T) {
	t.Parallel()
	a, store, root, _ := holder(t, 1<<20)
	second := part(t, store, root, func(int, cid.Cid) bool { return true })
	var gets atomic.Int64
	store.onGet = func(ctx context.Context, blk blocks.Block) (blocks.Block, error) {
		if gets.Add(1) == 10 {
			<-ctx.Done()
		}
		return blk, nil
	}
	t.Cleanup(func() { a.Close() })
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	connect(t, b, open(t, Options{Blocks: second}))
	begin := time.Now()
	if err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{a.ID()}}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestNobodyHavingItIsErrNoProvider(t *testing.T) {
	t.Parallel()
	_, _, root, _ := holder(t, 64<<10)
	b := open(t, Options{})
	is(t, b.Fetch(t.Context(), root, newMemory(), FetchOptions{}), ErrNoProvider)
	c := open(t, Options{})
	connect(t, b, c)
	is(t, b.Fetch(t.Context(), root, newMemory(), FetchOptions{From: []peer.ID{c.ID()}}), ErrNoProvider)

	stranger, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	err = b.Fetch(t.Context(), root, newMemory(), FetchOptions{From: []peer.ID{stranger}})
	is(t, err, ErrNoProvider)
	is(t, err, ErrUnreachable)
}

func TestAStoreThatIsFullEndsTheFetch(t *testing.T) {
	a, _, root, _ := holder(t, 1<<20)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	full := errors.New("no space")
	into.onPut = func([]blocks.Block) error { return full }
	is(t, b.Fetch(t.Context(), root, into, FetchOptions{}), full)
}

func TestMoreBytesThanAllowedAreRefused(t *testing.T) {
	a, _, root, _ := holder(t, 1<<20)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	is(t, b.Fetch(t.Context(), root, into, FetchOptions{MaxBytes: 512 << 10}), ErrRefused)
	if into.kept.Load() > 512<<10 {
		t.Errorf("kept %d bytes", into.kept.Load())
	}
}

func TestAPlainIPFSNodeIsAskedOverBitswap(t *testing.T) {
	t.Parallel()
	store := newMemory()
	root := addFile(t, store, random(1, 1<<20), 16<<10, 32)
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	net := bsnet.NewFromIpfsHost(h)
	s := server.New(t.Context(), net, store)
	net.Start(s)
	defer s.Close()

	b, into := open(t, Options{}), newMemory()
	if err := b.Connect(t.Context(), *host.InfoFromHost(h)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	whole(t, into, root)
	if took := time.Since(begin); took >= aroundTime {
		t.Errorf("took %s: an answer was lost and waited for", took)
	}
	peers := b.Peers()
	if i := slices.IndexFunc(peers, func(p Peer) bool { return p.ID == h.ID() }); i < 0 || peers[i].Savoirs {
		t.Errorf("peers: %+v", peers)
	}
}
