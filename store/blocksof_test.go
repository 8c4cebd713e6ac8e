package store

import (
	"context"
	"crypto/sha256"
	"slices"
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

func TestDigestsAreOfOneSpaceInOrderAndEachOnce(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, someFiles()), AddOptions{})
	add(t, s, writeTree(t, map[string][]byte{"secret": []byte("nobody else's business")}), AddOptions{})
	_, err := s.Publish(it.Root)
	must(t, err)
	var want [][]byte
	for _, b := range blocksOf(t, s, it.Root) {
		sum := sha256.Sum256(b.RawData())
		want = append(want, sum[:DigestPrefix])
	}
	slices.SortFunc(want, slices.Compare)
	got, err := s.Digests(1<<20, Mesh)
	must(t, err)
	if diff := cmp.Diff(slices.Concat(want...), got); diff != "" {
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
