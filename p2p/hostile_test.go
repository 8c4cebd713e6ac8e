package p2p

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	mh "github.com/multiformats/go-multihash"
)

// liar opens a node that says it holds root and answers requests with whatever answer writes.
func liar(t *testing.T, root cid.Cid, answer func(w *bufio.Writer, want request) error) *Mesh {
	t.Helper()
	m := open(t, Options{})
	Handle(m, holdsName, holdsLimit(), func(context.Context, peer.ID, holdsQuestion) (holdsAnswer, error) {
		return holdsAnswer{Held: []bool{true}}, nil
	})
	m.host.SetStreamHandler(protoCAR, func(s network.Stream) {
		want, err := readRequest(bufio.NewReader(s))
		if err != nil {
			s.Reset()
			return
		}
		w := bufio.NewWriter(s)
		w.Write(carHeader(want.Root))
		answer(w, want)
		w.Flush()
		s.Close()
	})
	return m
}

func TestWhatAFaultyPeerSendsNeverReachesTheStore(t *testing.T) {
	t.Parallel()
	_, store, root, _ := holder(t, 256<<10)
	other := raw(t, store, []byte("nobody asked for this"))
	get := func(c cid.Cid) []byte {
		b, err := store.Get(context.Background(), c)
		if err != nil {
			t.Error(err)
			return nil
		}
		return b.RawData()
	}
	for name, answer := range map[string]func(w *bufio.Writer, want request) error{
		"wrong bytes": func(w *bufio.Writer, want request) error {
			return writeSection(w, want.Want[0], append(get(want.Want[0]), 'x'))
		},
		"a block nobody asked for": func(w *bufio.Writer, want request) error {
			return writeSection(w, other, get(other))
		},
		"a frame beyond the limit": func(w *bufio.Writer, want request) error {
			_, err := w.Write(binary.AppendUvarint(nil, maxBlock*2))
			return err
		},
		"a block beyond the limit": func(w *bufio.Writer, want request) error {
			return writeSection(w, want.Want[0], make([]byte, maxBlock+1))
		},
		"an empty frame": func(w *bufio.Writer, want request) error {
			_, err := w.Write([]byte{0})
			return err
		},
		"a length without end": func(w *bufio.Writer, want request) error {
			_, err := w.Write(bytes.Repeat([]byte{0xff}, 1<<10))
			return err
		},
		"a stream without end": func(w *bufio.Writer, want request) error {
			for {
				if err := writeSection(w, other, get(other)); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := liar(t, root, answer)
			b, into := open(t, Options{}), newMemory()
			connect(t, b, bad)
			err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{bad.ID()}})
			is(t, err, ErrNoProvider)
			fault, ok := errors.AsType[*Fault](err)
			if !ok || fault.Peer != bad.ID() {
				t.Errorf("the error does not name the peer: %v", err)
			}
			if faults := b.Faults(); len(faults) != 1 || faults[0].Peer != bad.ID() {
				t.Errorf("recorded: %v", faults)
			}
			if into.kept.Load() != 0 {
				t.Error("something reached the store")
			}
		})
	}
}

func TestAnAnswerThatLeavesItsOrderEndsThere(t *testing.T) {
	t.Parallel()
	_, store, root, _ := holder(t, 256<<10)
	order, _ := dag(t, store, root)
	for name, sent := range map[string][]blocks.Block{
		"a node twice":      {order[0], order[0]},
		"a block gone by":   {order[0], order[3], order[2]},
		"a leaf twice":      {order[0], order[1], order[1]},
		"from another item": {order[0], order[1], blocks.NewBlock([]byte("something else"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := liar(t, root, func(w *bufio.Writer, _ request) error {
				for _, b := range sent {
					if err := writeSection(w, b.Cid(), b.RawData()); err != nil {
						return err
					}
				}
				return nil
			})
			b, into := open(t, Options{}), newMemory()
			connect(t, b, bad)
			is(t, b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{bad.ID()}}), ErrIncomplete)
			if faults := b.Faults(); len(faults) != 1 || faults[0].Peer != bad.ID() {
				t.Errorf("recorded: %v", faults)
			}
			for _, c := range into.order {
				if !slices.ContainsFunc(order, func(b blocks.Block) bool { return b.Cid().Equals(c) }) {
					t.Errorf("kept %s", c)
				}
			}
		})
	}
}

func TestAPeerThatOnlyEverBreaksOffIsGivenUp(t *testing.T) {
	t.Parallel()
	_, _, root, _ := holder(t, 64<<10)
	bad := liar(t, root, func(w *bufio.Writer, want request) error {
		_, err := w.Write([]byte{100, 1, 0x55})
		return err
	})
	b := open(t, Options{})
	connect(t, b, bad)
	is(t, b.Fetch(t.Context(), root, newMemory(), FetchOptions{Patience: time.Hour}), ErrNoProvider)
}

func TestAFaultyPeerDoesNotKeepAnHonestOneFromDelivering(t *testing.T) {
	a, store, root, size := holder(t, 4<<20)
	asked := 0
	bad := liar(t, root, func(w *bufio.Writer, want request) error {
		asked++
		b, err := store.Get(context.Background(), want.Want[0])
		if err != nil {
			return err
		}
		return writeSection(w, want.Want[0], append(b.RawData(), 'x'))
	})
	b, into := open(t, Options{}), newMemory()
	connect(t, b, bad)
	connect(t, b, a)
	if err := b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{bad.ID()}}); err != nil {
		t.Fatal(err)
	}
	if whole(t, into, root); into.kept.Load() != size {
		t.Errorf("kept %d bytes of %d", into.kept.Load(), size)
	}
	if asked != 1 {
		t.Errorf("the faulty peer was asked %d times", asked)
	}
}

func TestAFaultyPeerIsNotAskedAgainInALaterRound(t *testing.T) {
	_, store, root, _ := holder(t, 1<<20)
	half := part(t, store, root, func(i int, c cid.Cid) bool { return !leaf(c) || i%2 == 0 })
	var asked atomic.Int64
	lied := make(chan struct{})
	bad := liar(t, root, func(w *bufio.Writer, want request) error {
		if asked.Add(1) == 1 {
			close(lied)
		}
		return writeSection(w, want.Want[0], []byte("wrong"))
	})
	half.onGet = func(ctx context.Context, b blocks.Block) (blocks.Block, error) {
		select { // of the root, and of what may be asked for twice at once, the faulty one is asked first
		case <-lied:
		case <-ctx.Done():
		}
		return b, ctx.Err()
	}
	b := open(t, Options{})
	connect(t, b, bad)
	connect(t, b, open(t, Options{Blocks: half}))
	err := b.Fetch(t.Context(), root, newMemory(), FetchOptions{From: []peer.ID{bad.ID()}})
	is(t, err, ErrIncomplete)
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times", asked.Load())
	}
}

func TestWhoLiesInItsFirstLeafIsAskedForNoMoreAndSpoilsNoBatch(t *testing.T) {
	_, store, root, _ := holder(t, 1<<20)
	order, _ := dag(t, store, root)
	var asked atomic.Int64
	bad := liar(t, root, func(w *bufio.Writer, want request) error {
		asked.Add(1)
		for _, b := range order {
			data := b.RawData()
			if leaf(b.Cid()) {
				data = []byte("wrong")
			}
			if err := writeSection(w, b.Cid(), data); err != nil {
				return err
			}
		}
		return nil
	})
	b, into := open(t, Options{}), &strict{memory: newMemory()}
	connect(t, b, bad)
	is(t, b.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{bad.ID()}}), ErrIncomplete)
	if asked.Load() != 1 || into.refused.Load() != 0 {
		t.Errorf("it was asked %d times, %d batches were spoilt", asked.Load(), into.refused.Load())
	}
}

// strict counts the batches it refuses.
type strict struct {
	*memory
	refused atomic.Int64
}

func (s *strict) PutMany(ctx context.Context, bs []blocks.Block) error {
	err := s.memory.PutMany(ctx, bs)
	if err != nil {
		s.refused.Add(1)
	}
	return err
}

func TestAnotherHeaderIsALie(t *testing.T) {
	store := newMemory()
	root, other := raw(t, store, []byte("root")), raw(t, store, []byte("other"))
	r := carReader{r: bufio.NewReader(bytes.NewReader(carHeader(other))), root: root}
	_, err := r.next()
	is(t, err, errLie)
}

func TestAnEndInTheMiddleOfABlockIsNoLie(t *testing.T) {
	store := newMemory()
	root := raw(t, store, []byte("root"))
	var buf bytes.Buffer
	buf.Write(carHeader(root))
	w := bufio.NewWriter(&buf)
	writeSection(w, root, []byte("root"))
	w.Flush()
	for cut := range buf.Len() {
		r := carReader{r: bufio.NewReader(bytes.NewReader(buf.Bytes()[:cut])), root: root}
		if _, err := r.next(); err == nil || errors.Is(err, errLie) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

func TestContentOfAnAbsurdShapeIsRefused(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(s *memory) cid.Cid{
		"deep": func(s *memory) cid.Cid {
			c := raw(t, s, []byte("bottom"))
			for range maxDepth + 2 {
				c = node(t, s, c)
			}
			return c
		},
		"wide": func(s *memory) cid.Cid {
			one := raw(t, s, []byte("again and again"))
			below := make([]cid.Cid, maxFanOut+1)
			for i := range below {
				below[i] = one
			}
			return node(t, s, below...)
		},
		"of another codec": func(s *memory) cid.Cid {
			c, err := cid.V1Builder{Codec: cid.DagCBOR, MhType: mh.SHA2_256}.Sum([]byte{0xa0})
			if err != nil {
				t.Fatal(err)
			}
			return node(t, s, c)
		},
		"with a weak hash": func(s *memory) cid.Cid {
			c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.MURMUR3X64_64}.Sum([]byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			return node(t, s, c)
		},
		"not dag-pb": func(s *memory) cid.Cid {
			c, err := cid.V1Builder{Codec: cid.DagProtobuf, MhType: mh.SHA2_256}.Sum([]byte("no protobuf"))
			if err != nil {
				t.Fatal(err)
			}
			b, err := blocks.NewBlockWithCid([]byte("no protobuf"), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Put(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			return node(t, s, c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := newMemory()
			root := build(store)
			b := open(t, Options{})
			connect(t, b, open(t, Options{Blocks: store}))
			is(t, b.Fetch(t.Context(), root, newMemory(), FetchOptions{}), ErrRefused)
		})
	}
}

func TestADAGThatFoldsUponItselfIsWalkedOnce(t *testing.T) {
	store := newMemory()
	c := raw(t, store, []byte("bottom"))
	for range 60 { // 2^60 paths
		c = node(t, store, c, c)
	}
	b, into := open(t, Options{}), newMemory()
	connect(t, b, open(t, Options{Blocks: store}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Fetch(ctx, c, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(into.order) != 61 {
		t.Errorf("%d blocks, want 61", len(into.order))
	}
	if err := b.Fetch(ctx, c, into, FetchOptions{}); err != nil {
		t.Fatal("again:", err)
	}
}

func TestIdentityCIDsAreReadInPlaceAndNeverFetched(t *testing.T) {
	store := newMemory()
	leafCID := raw(t, store, []byte("below an inline node"))
	inner := node(t, store, leafCID)
	b, err := store.Get(t.Context(), inner)
	if err != nil {
		t.Fatal(err)
	}
	identity := func(codec uint64, data []byte) cid.Cid {
		c, err := cid.V1Builder{Codec: codec, MhType: mh.IDENTITY}.Sum(data)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := node(t, store, identity(cid.Raw, []byte("inline")), identity(cid.DagProtobuf, b.RawData()))
	into, m := newMemory(), open(t, Options{})
	connect(t, m, open(t, Options{Blocks: store}))
	if err := m.Fetch(t.Context(), root, into, FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(into.order) != 2 || into.order[0] != root || into.order[1] != leafCID {
		t.Errorf("stored %v", into.order)
	}
	long := node(t, store, identity(cid.Raw, []byte(strings.Repeat("long ", 100))))
	is(t, m.Fetch(t.Context(), long, into, FetchOptions{}), ErrRefused)
	if err := m.Fetch(t.Context(), identity(cid.Raw, []byte("inline")), into, FetchOptions{}); err != nil {
		t.Error("an inline root:", err)
	}
}

func TestAStrangerGetsNothingThatIsNotInBlocks(t *testing.T) {
	t.Parallel()
	private := newMemory()
	root := addFile(t, private, random(1, 64<<10), 16<<10, 32)
	_ = private // the node is not given it
	a, stranger := open(t, Options{}), open(t, Options{})
	connect(t, stranger, a)

	if got := stranger.Holders(t.Context(), root); len(got) != 0 {
		t.Errorf("holders: %v", got)
	}
	into := newMemory()
	err := stranger.Fetch(t.Context(), root, into, FetchOptions{From: []peer.ID{a.ID()}}) // CAR, then bitswap
	is(t, err, ErrNoProvider)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if b, err := stranger.bitswap.wake().GetBlock(ctx, root); err == nil {
		t.Errorf("bitswap gave %s", b.Cid())
	}
	if into.kept.Load() != 0 {
		t.Error("something came")
	}
}

func writeSection(w *bufio.Writer, c cid.Cid, data []byte) error {
	if _, err := w.Write(sectionHead(c, len(data))); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

func FuzzCARReader(f *testing.F) {
	store := newMemory()
	root := raw(f, store, []byte("root"))
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
	w.Write(carHeader(root))
	writeSection(w, root, []byte("root"))
	writeSection(w, raw(f, store, []byte("third")), []byte("third"))
	w.Flush()
	f.Add(buf.Bytes())
	f.Add(carHeader(root))
	f.Add(append(carHeader(root), 0xff, 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := carReader{r: bufio.NewReader(bytes.NewReader(data)), root: root}
		read := len(carHeader(root))
		for {
			s, err := r.next()
			if err != nil {
				return
			}
			if read += s.cid.ByteLen() + len(s.data); read > len(data) || !s.cid.Defined() {
				t.Fatal("more came out than went in")
			}
		}
	})
}

func FuzzRequest(f *testing.F) {
	store := newMemory()
	root := raw(f, store, []byte("root"))
	have := newHave(1)
	have.add(root)
	good, err := encode(request{Root: root, Want: []cid.Cid{root}, Bytes: 1 << 20, Have: have})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(appendFrame(nil, good), 5, 0xff, 0x7f))
	f.Add([]byte{3, 0xa1, 0x61, 0x61})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		q, err := readRequest(r)
		if err != nil {
			return
		}
		if len(q.Want) > maxWant {
			t.Fatal("too many")
		}
		for _, c := range q.Want {
			if inline(c) || checkCID(c) != nil {
				t.Fatal("a CID that is not to be served")
			}
			q.Have.has(c)
		}
		allowed := newCredit(q.Bytes)
		allowed.read(r)
		if _, closed := allowed.state(); !closed || allowed.left < 0 || allowed.left > maxCredit {
			t.Fatalf("%d bytes may be sent", allowed.left)
		}
	})
}
