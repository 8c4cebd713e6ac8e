package stick

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// source holds items in memory.
type source struct{ blocks map[cid.Cid][]byte }

func newSource() *source { return &source{blocks: make(map[cid.Cid][]byte)} }

func (s *source) View(ctx context.Context, c cid.Cid, f func([]byte) error) error {
	data, ok := s.blocks[c]
	if !ok {
		return ipld.ErrNotFound{Cid: c}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(data)
}

// item is a UnixFS file of pieces.
type item struct {
	root cid.Cid
	refs []Ref
}

// file makes one of n pieces of a size, which are noise of a seed from a number on.
func (s *source) file(t testing.TB, seed uint64, n, size int) item {
	t.Helper()
	var pieces [][]byte
	for i := range n {
		pieces = append(pieces, noise(seed<<20+uint64(i), size))
	}
	return s.pieces(t, pieces)
}

func (s *source) pieces(t testing.TB, pieces [][]byte) item {
	t.Helper()
	data, node := ft.NewFSNode(ft.TFile), new(merkledag.ProtoNode)
	node.SetCidBuilder(merkledag.V1CidPrefix())
	var leaves []Ref
	for _, p := range pieces {
		leaf, err := merkledag.NewRawNodeWPrefix(p, cid.V1Builder{Codec: cid.Raw, MhType: merkledag.V1CidPrefix().MhType})
		if err != nil {
			t.Fatal(err)
		}
		if err := node.AddRawLink("", &ipld.Link{Size: uint64(len(p)), Cid: leaf.Cid()}); err != nil {
			t.Fatal(err)
		}
		data.AddBlockSize(uint64(len(p)))
		s.blocks[leaf.Cid()] = p
		leaves = append(leaves, Ref{leaf.Cid(), len(p)})
	}
	b, err := data.GetBytes()
	if err != nil {
		t.Fatal(err)
	}
	node.SetData(b)
	s.blocks[node.Cid()] = node.RawData()
	return item{node.Cid(), append([]Ref{{node.Cid(), len(node.RawData())}}, leaves...)}
}

func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32), byte(seed >> 40)}).Read(b)
	return b
}

// parcel puts the whole item for these nodes.
func (it item) parcel(nodes ...peer.ID) Parcel {
	return Parcel{Root: it.root, For: nodes, Blocks: it.seq(func(Ref) bool { return true })}
}

func (it item) seq(keep func(Ref) bool) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for _, r := range it.refs {
			if keep(r) && !yield(r, nil) {
				return
			}
		}
	}
}

func newKey(t testing.TB, seed byte) (crypto.PrivKey, peer.ID) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, id
}

// small are packs as tests make them.
const small = 64 << 10

func write(t testing.TB, dir string, o Options) *Writer {
	t.Helper()
	if o.Key == nil {
		o.Key, _ = newKey(t, 1)
	}
	if o.PackSize == 0 {
		o.PackSize = small
	}
	w, err := OpenWriter(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// pack puts items with one writing.
func pack(t testing.TB, dir string, src *source, o Options, parcels ...Parcel) Manifest {
	t.Helper()
	w := write(t, dir, o)
	if _, err := w.Put(context.Background(), src, parcels, nil); err != nil {
		t.Fatal(err)
	}
	m, err := w.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, dir string) *Stick {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sink takes blocks as a store does: it hashes, and refuses a batch with a wrong one.
type sink struct {
	got chan map[cid.Cid][]byte
}

func newSink() *sink {
	s := &sink{got: make(chan map[cid.Cid][]byte, 1)}
	s.got <- make(map[cid.Cid][]byte)
	return s
}

func (s *sink) put(_ context.Context, bs []blocks.Block) error {
	got := <-s.got
	defer func() { s.got <- got }()
	for _, b := range bs {
		if !matches(b.Cid(), b.RawData()) {
			return fmt.Errorf("block %s: %w", b.Cid(), blocks.ErrWrongHash)
		}
	}
	for _, b := range bs {
		got[b.Cid()] = bytes.Clone(b.RawData())
	}
	return nil
}

// walk reads all items of a root.
func walk(t testing.TB, s *Stick, root cid.Cid) (map[cid.Cid][]byte, []Damage) {
	t.Helper()
	to := newSink()
	var damage []Damage
	for _, it := range s.Manifest().Items {
		if it.Root != root {
			continue
		}
		w, err := s.Walk(context.Background(), it, nil, to.put)
		if err != nil {
			t.Fatal(err)
		}
		damage = append(damage, w.Damage...)
	}
	return <-to.got, damage
}

// wholeItem fails unless the stick gives all blocks of an item.
func wholeItem(t testing.TB, s *Stick, src *source, it item) {
	t.Helper()
	got, damage := walk(t, s, it.root)
	if len(damage) > 0 {
		t.Fatalf("item %s: %v", it.root, damage)
	}
	for _, r := range it.refs {
		if !bytes.Equal(got[r.Cid], src.blocks[r.Cid]) {
			t.Fatalf("item %s: block %s is not there", it.root, r.Cid)
		}
	}
}

// verify fails unless all of the stick is right.
func verify(t testing.TB, s *Stick) Report {
	t.Helper()
	r, err := s.Verify(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Damage) > 0 {
		t.Fatalf("a stick that was packed: %v", r.Damage)
	}
	return r
}

// files gives the content of all files below a folder.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		all[must(filepath.Rel(dir, p))] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func names(all map[string]string) []string { return slices.Sorted(maps.Keys(all)) }
