package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	format "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	mh "github.com/multiformats/go-multihash"
)

func newKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	k, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open starts a node on loopback TCP. Fields that o leaves empty are filled in.
func open(t testing.TB, o Options) *Mesh {
	t.Helper()
	if o.Key == nil {
		o.Key = newKey(t)
	}
	if o.Listen == nil {
		o.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	}
	if o.Blocks == nil {
		o.Blocks = newMemory()
	}
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// run runs m until the test ends.
func run(t testing.TB, m *Mesh) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("run:", err)
		}
	})
}

func info(m *Mesh) peer.AddrInfo { return *host.InfoFromHost(m.host) }

func connect(t testing.TB, from, to *Mesh) {
	t.Helper()
	if err := from.Connect(t.Context(), info(to)); err != nil {
		t.Fatal(err)
	}
}

// eventually polls until ok, for at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("waited too long: " + what)
}

// memory is a blockstore in memory that counts, and lets a test step in.
type memory struct {
	blockstore.Blockstore
	given atomic.Int64 // bytes that Get returned
	kept  atomic.Int64 // bytes that PutMany took

	onGet func(context.Context, blocks.Block) (blocks.Block, error)
	onPut func([]blocks.Block) error

	mu    sync.Mutex      // guards all below
	order []cid.Cid       // as PutMany took them
	calls int             // of PutMany
	call  map[cid.Cid]int // which of them brought a block
}

func newMemory() *memory {
	return &memory{Blockstore: blockstore.NewBlockstore(dssync.MutexWrap(ds.NewMapDatastore())), call: map[cid.Cid]int{}}
}

func (s *memory) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	b, err := s.Blockstore.Get(ctx, c)
	if err == nil && s.onGet != nil {
		b, err = s.onGet(ctx, b)
	}
	if err == nil {
		s.given.Add(int64(len(b.RawData())))
	}
	return b, err
}

func (s *memory) PutMany(ctx context.Context, bs []blocks.Block) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.calls++
	for _, b := range bs {
		s.call[b.Cid()] = s.calls
	}
	s.mu.Unlock()
	own := make([]blocks.Block, 0, len(bs)) // the bytes are the caller's again afterwards
	for _, b := range bs {
		if !matches(b.Cid(), b.RawData()) {
			return blocks.ErrWrongHash
		}
		b, err := blocks.NewBlockWithCid(bytes.Clone(b.RawData()), b.Cid())
		if err != nil {
			return err
		}
		own = append(own, b)
	}
	if s.onPut != nil {
		if err := s.onPut(bs); err != nil {
			return err
		}
	}
	if err := s.Blockstore.PutMany(ctx, own); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range bs {
		s.kept.Add(int64(len(b.RawData())))
		s.order = append(s.order, b.Cid())
	}
	return nil
}

// random is n bytes that depend on seed only.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	mathrand.NewChaCha8(key).Read(b)
	return b
}

// addFile puts a UnixFS file of raw leaves into s.
func addFile(t testing.TB, s blockstore.Blockstore, data []byte, chunkSize int64, fanOut int) cid.Cid {
	t.Helper()
	buffered := format.NewBufferedDAG(context.Background(), merkledag.NewDAGService(blockservice.New(s, nil)))
	p := helpers.DagBuilderParams{
		Maxlinks: fanOut, RawLeaves: true, Dagserv: buffered,
		CidBuilder: cid.V1Builder{Codec: cid.DagProtobuf, MhType: mh.SHA2_256},
	}
	b, err := p.New(chunk.NewSizeSplitter(bytes.NewReader(data), chunkSize))
	if err != nil {
		t.Fatal(err)
	}
	n, err := balanced.Layout(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := buffered.Commit(); err != nil {
		t.Fatal(err)
	}
	return n.Cid()
}

// dag lists the blocks below root, parents first, and their bytes in all.
func dag(t testing.TB, s blockstore.Blockstore, root cid.Cid) (order []blocks.Block, size int64) {
	t.Helper()
	seen := cid.NewSet()
	var visit func(link)
	visit = func(l link) {
		c := l.cid
		if inline(c) || !seen.Visit(c) {
			return
		}
		b, err := s.Get(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		order, size = append(order, b), size+int64(len(b.RawData()))
		below, err := links(l, b.RawData())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range below {
			visit(l)
		}
	}
	visit(link{cid: root})
	return order, size
}

// whole fails unless all of root is in s, and returns its size.
func whole(t testing.TB, s blockstore.Blockstore, root cid.Cid) int64 {
	t.Helper()
	order, size := dag(t, s, root)
	for _, b := range order {
		if sum, err := b.Cid().Prefix().Sum(b.RawData()); err != nil || !sum.Equals(b.Cid()) {
			t.Fatalf("block %s is wrong", b.Cid())
		}
	}
	return size
}

// node puts a dag-pb node with these links into s.
func node(t testing.TB, s blockstore.Blockstore, below ...cid.Cid) cid.Cid {
	t.Helper()
	n := new(merkledag.ProtoNode)
	n.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: mh.SHA2_256})
	for _, c := range below {
		if err := n.AddRawLink("", &format.Link{Cid: c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(context.Background(), n); err != nil {
		t.Fatal(err)
	}
	return n.Cid()
}

// raw puts a raw block into s.
func raw(t testing.TB, s blockstore.Blockstore, data []byte) cid.Cid {
	t.Helper()
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(data)
	if err != nil {
		t.Fatal(err)
	}
	b, err := blocks.NewBlockWithCid(data, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return c
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
