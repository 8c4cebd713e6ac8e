package store

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ipfs/go-cid"
)

func TestBlocksOfNamesWhatExportWrites(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, someFiles()), AddOptions{})
	sizes := map[cid.Cid]int64{}
	must(t, s.BlocksOf(context.Background(), it.Root, func(c cid.Cid, size int64) error {
		sizes[c] = size
		return nil
	}))
	want := map[cid.Cid]int64{}
	for _, b := range blocksOf(t, s, it.Root) {
		want[b.Cid()] = int64(len(b.RawData()))
	}
	if diff := cmp.Diff(want, sizes, cmp.Comparer(func(a, b cid.Cid) bool { return a.Equals(b) })); diff != "" {
		t.Error(diff)
	}
}

func TestAllBlocksAreThoseOfOneSpace(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, someFiles()), AddOptions{})
	add(t, s, writeTree(t, map[string][]byte{"secret": []byte("nobody else's business")}), AddOptions{})
	_, err := s.Move(it.Root, Mesh)
	must(t, err)
	want, got := map[string]bool{}, map[string]bool{}
	for _, b := range blocksOf(t, s, it.Root) {
		want[b.Cid().Hash().HexString()] = true
	}
	for c, err := range s.AllBlocks(Mesh) {
		must(t, err)
		got[c.Hash().HexString()] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnIncomingNamesWhatItLacks(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, map[string][]byte{"a": noise(1, 3<<20), "b": noise(2, 1<<20)}), AddOptions{})
	all := blocksOf(t, from, src.Root)
	to := openTest(t)
	in := receive(t, to, src.Root, ReceiveOptions{Space: Mesh})
	last := all[len(all)-1]
	must(t, in.PutMany(context.Background(), all[:len(all)-1]))
	lacks, err := in.Lacks(context.Background(), 10)
	must(t, err)
	if len(lacks) != 1 || !lacks[0].Equals(last.Cid()) {
		t.Errorf("lacks %v, want %s", lacks, last.Cid())
	}
}
