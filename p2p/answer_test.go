package p2p

import (
	"bufio"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// asked counts the requests to m, which it goes on answering.
func asked(m *Mesh) *atomic.Int64 {
	var n atomic.Int64
	m.host.SetStreamHandler(protoCAR, func(s network.Stream) {
		n.Add(1)
		r := bufio.NewReader(s)
		q, err := readRequest(r)
		if err == nil {
			err = m.answer(context.Background(), s, q, r)
		}
		if err != nil {
			s.Reset()
		}
		s.Close()
	})
	return &n
}

func TestAnItemComesInOneRequest(t *testing.T) {
	a, _, root, _ := holder(t, 40<<20)
	n := asked(a)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	if err := b.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	if whole(t, into, root); n.Load() != 1 {
		t.Errorf("%d requests for one item", n.Load())
	}
}

func TestTheAnswerIsACARThatAnyToolReads(t *testing.T) {
	a, store, root, _ := holder(t, 1<<20)
	order, _ := dag(t, store, root)
	b := open(t, Options{})
	connect(t, b, a)
	s, err := b.openRequest(t.Context(), a.ID(), request{Root: root, Want: []cid.Cid{root}, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	s.CloseWrite()
	r, err := carv2.NewBlockReader(s)
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || len(r.Roots) != 1 || !r.Roots[0].Equals(root) {
		t.Errorf("version %d, roots %v", r.Version, r.Roots)
	}
	for _, want := range order {
		b, err := r.Next() // it checks the hash
		if err != nil {
			t.Fatal(err)
		}
		if !b.Cid().Equals(want.Cid()) {
			t.Fatalf("%s came for %s", b.Cid(), want.Cid())
		}
	}
	if b, err := r.Next(); err == nil {
		t.Errorf("then came %s", b.Cid())
	}
}

func TestNoMoreComesThanWasLetCome(t *testing.T) {
	a, _, root, _ := holder(t, 1<<20)
	b := open(t, Options{})
	connect(t, b, a)
	s, err := b.openRequest(t.Context(), a.ID(), request{Root: root, Want: []cid.Cid{root}, Bytes: 100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	s.Write([]byte{0x80, 0x80, 0x02}) // 32 KiB more
	s.CloseWrite()
	r := carReader{r: bufio.NewReader(s), root: root}
	came := 0
	for {
		block, err := r.next()
		if err != nil {
			break
		}
		came += len(block.data)
	}
	if came < 132<<10 || came >= 132<<10+16<<10 {
		t.Errorf("%d bytes came", came)
	}
}

func TestWhoLetsNothingComeGetsNothing(t *testing.T) {
	a, store, root, _ := holder(t, 1<<20)
	b := open(t, Options{})
	connect(t, b, a)
	s, err := b.openRequest(t.Context(), a.ID(), request{Root: root, Want: []cid.Cid{root}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is being answered", func() bool { return sending(a, b.ID()) })
	s.Reset()
	eventually(t, "the answer ends", func() bool { return !sending(a, b.ID()) })
	if store.given.Load() != 0 {
		t.Errorf("%d bytes were read for it", store.given.Load())
	}
}

func TestADAGThatFoldsUponItselfIsSentOnce(t *testing.T) {
	store := newMemory()
	c := raw(t, store, []byte("bottom"))
	for range 60 { // 2^60 paths
		c = node(t, store, c, c)
	}
	a := open(t, Options{Blocks: store})
	r := reader{m: a, tree: newTree(request{Root: c, Want: []cid.Cid{c}})}
	defer r.close()
	n := 0
	for {
		b, ok := r.next(t.Context())
		if !ok {
			break
		}
		b.free()
		n++
	}
	if n != 61 {
		t.Errorf("%d blocks were sent", n)
	}
}

func TestWhatAnAnswerLooksForInVainIsLimited(t *testing.T) {
	store := newMemory()
	var tops []cid.Cid
	for k := range uint64(3) {
		below := make([]cid.Cid, maxLacking/2)
		for i := range below {
			below[i] = numbered(t, k<<32|uint64(i))
		}
		tops = append(tops, node(t, store, below...))
	}
	a := open(t, Options{Blocks: store})
	r := reader{m: a, tree: newTree(request{Root: tops[0], Want: tops})}
	defer r.close()
	came := 0
	for {
		b, ok := r.next(t.Context())
		if !ok {
			break
		}
		b.free()
		came++
	}
	if came != 2 || r.lacking != maxLacking {
		t.Errorf("%d blocks were looked for in vain, and %d came", r.lacking, came)
	}
}

func TestTheEndDoesNotWaitForASlowHolder(t *testing.T) {
	t.Parallel()
	a, store, root, size := holder(t, 8<<20)
	slow := open(t, Options{Blocks: store})
	slow.SetLimits(Limits{Day: Rates{Up: 64 << 10}}) // two minutes for all of it
	a.SetLimits(Limits{Day: Rates{Up: 8 << 20}})
	b, into := open(t, Options{}), newMemory()
	connect(t, b, slow)
	connect(t, b, a)
	begin := time.Now()
	if err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{slow.ID()}}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	if whole(t, into, root); into.kept.Load() > size+size/4 {
		t.Errorf("kept %d bytes of %d", into.kept.Load(), size)
	}
}

func TestAWrongLeafIsLaidToWhoSentIt(t *testing.T) {
	a, store, root, size := holder(t, 4<<20)
	order, _ := dag(t, store, root)
	bad := liar(t, root, func(w *bufio.Writer, q request) error {
		for i, b := range order {
			data := b.RawData()
			if i == 40 && leaf(b.Cid()) {
				data = append([]byte{data[0] ^ 1}, data[1:]...)
			}
			if err := writeSection(w, b.Cid(), data); err != nil {
				return err
			}
		}
		return nil
	})
	b, into := open(t, Options{}), newMemory()
	connect(t, b, bad)
	connect(t, b, a)
	if err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{bad.ID()}}); err != nil {
		t.Fatal(err)
	}
	if whole(t, into, root); into.kept.Load() < size {
		t.Errorf("kept %d bytes of %d", into.kept.Load(), size)
	}
	laid := false
	for _, f := range b.Faults() { // maybe also what it sent when asked for other blocks
		laid = laid || f.Kind == WrongBytes && f.Asked == order[40].Cid().String()
		if f.Peer != bad.ID() {
			t.Errorf("recorded: %+v", f)
		}
	}
	if !laid {
		t.Errorf("recorded: %+v", b.Faults())
	}
}

func TestWhatWaitsToBecomeDurableIsLimited(t *testing.T) {
	a, _, root, _ := holder(t, 40<<20)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	putting, goOn := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(putting) })
	into.onPut = func([]blocks.Block) error {
		first()
		<-goOn
		return nil
	}
	f := newFetch(b, root, into, FetchOptions{})
	done := make(chan error, 1)
	go func() { done <- f.run(t.Context()) }()
	<-putting
	var before int64 = -1
	eventually(t, "no more is accepted", func() bool {
		now := f.bytes.Load()
		same := now == before && now > maxBatch
		before = now
		return same
	})
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if before > maxLanded+maxBlock {
		t.Errorf("%d bytes waited", before)
	}
}
