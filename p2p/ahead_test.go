package p2p

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
)

// twos reads two blocks at a time, and uses their memory for something else afterwards.
type twos struct {
	blockstore.Blockstore
	pairs *atomic.Int64
}

func (s twos) ViewPair(ctx context.Context, c, d cid.Cid, f func(x, y []byte) error) error {
	s.pairs.Add(1)
	var x, y []byte
	if b, err := s.Get(ctx, c); err == nil {
		x = bytes.Clone(b.RawData())
	}
	if b, err := s.Get(ctx, d); err == nil {
		y = bytes.Clone(b.RawData())
	}
	defer clear(x)
	defer clear(y)
	return f(x, y)
}

func TestAnAnswerReadTwoByTwoIsTheSame(t *testing.T) {
	store := newMemory()
	root := addFile(t, store, random(1, 3<<20), 16<<10, 31)
	order, _ := dag(t, store, root)
	var pairs atomic.Int64
	m := &Mesh{ahead: make(chan struct{}, sharedAhead)}
	read := func(from blockstore.Blockstore) (cids []cid.Cid) {
		m.opts.Blocks = from
		r := reader{m: m, tree: newTree(request{Root: root, Want: []cid.Cid{root}})}
		defer r.close()
		for {
			b, ok := r.next(t.Context())
			if !ok {
				return cids
			}
			if matches(b.cid, b.data) {
				cids = append(cids, b.cid)
			}
			b.free()
		}
	}
	same := func(name string, lacking int) {
		t.Helper()
		alone, two := read(store), read(twos{store, &pairs})
		if len(alone) != len(order)-lacking || len(two) != len(alone) {
			t.Fatalf("%s: %d blocks alone, %d by two, of %d", name, len(alone), len(two), len(order))
		}
		for i := range alone {
			if alone[i] != two[i] {
				t.Fatalf("%s: block %d is another", name, i)
			}
		}
		if len(m.ahead) != 0 {
			t.Errorf("%s: %d places are still taken", name, len(m.ahead))
		}
	}
	same("whole", 0)
	if most := int64(len(order)) / 2; pairs.Load() < most*3/4 || pairs.Load() > most {
		t.Errorf("%d pairs read of %d blocks", pairs.Load(), len(order))
	}
	lacking := 0
	for i, b := range order {
		if leaf(b.Cid()) && i%7 < 2 {
			lacking++
			if err := store.DeleteBlock(t.Context(), b.Cid()); err != nil {
				t.Fatal(err)
			}
		}
	}
	same("some lacking", lacking)
}
