package store

import (
	"context"
	"testing"

	ds "github.com/ipfs/go-datastore"
)

func TestTheIndexIsMergedWhileItIsWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := openTest(t)
	notes := s.Datastore("notes")
	const batches, each = 20, 5000
	for i := range batches {
		b, err := notes.Batch(ctx)
		must(t, err)
		for j := range each {
			must(t, b.Put(ctx, ds.NewKey(itoa(i*each+j)), noise(uint64(i*each+j), 900)))
		}
		must(t, b.Commit(ctx))
	}
	levels := s.idx.db.Levels()
	if n := levels[0].NumTables; n > mergeBy {
		t.Errorf("%d tables are not merged", n)
	}
	merged := 0
	for _, l := range levels[1:] {
		merged += l.NumTables
	}
	if merged == 0 {
		t.Error("nothing was merged")
	}
	for _, i := range []int{0, each, batches*each - 1} {
		if v, err := notes.Get(ctx, ds.NewKey(itoa(i))); err != nil || string(v) != string(noise(uint64(i), 900)) {
			t.Errorf("record %d: %d bytes, %v", i, len(v), err)
		}
	}
}
