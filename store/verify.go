package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// Damage is a range of an item that is not what was stored.
type Damage struct {
	Path   string  `json:"path"` // in the item; "<root>.dag" for a node
	Offset int64   `json:"offset"`
	Length int64   `json:"length"`
	Block  cid.Cid `json:"block"`
	Reason string  `json:"reason"`
}

// Verify reads every block of an item from the disk. What is wrong is returned, marked and not served from then on;
// what was marked and is right again is unmarked. Of an item used in place, the files that changed are named. progress
// (may be nil) is called with content bytes, one call at a time. ErrNotFound.
func (s *Store) Verify(ctx context.Context, root cid.Cid, progress func(done, total int64)) ([]Damage, error) {
	root = canonical(root)
	sp, _, err := s.find(root)
	if err != nil {
		return nil, fmt.Errorf("verify %w", err)
	}
	if err := sp.reindex(root); err != nil {
		return nil, fmt.Errorf("verify %s: %w", root, err)
	}
	h, ok := sp.snapshot(root)
	if !ok {
		return nil, fmt.Errorf("verify %s: %w", root, ErrNotFound)
	}
	v := &verification{sp: sp, h: h, progress: progress, bad: make(map[mark]damaged)}
	if err := v.run(ctx); err != nil {
		return nil, fmt.Errorf("verify %s: %w", root, err)
	}
	if err := v.settle(); err != nil {
		return nil, fmt.Errorf("verify %s: %w", root, err)
	}
	slices.SortFunc(v.damages, func(a, b Damage) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset))
	})
	return v.damages, nil
}

// verification is one run of Verify.
type verification struct {
	sp       *space
	h        held
	progress func(done, total int64)

	// mu guards the fields below.
	mu      sync.Mutex
	done    int64
	damages []Damage
	bad     map[mark]damaged
}

func (v *verification) run(ctx context.Context) error {
	nodes, err := readDag(v.h.dag)
	if err != nil {
		return err
	}
	defer nodes.close()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	visit := func(p place, o opened, data []byte) error {
		switch {
		case o.shape == leaf:
			g.Go(func() error { v.leaf(p, o); return ctx.Err() })
			return nil
		case o.shape == fileTop:
			v.longer(o.path, o.size)
		}
		if len(o.inline) > 0 {
			g.Go(func() error { v.inline(p, o); return ctx.Err() })
		}
		return nil
	}
	missing := func(p place, _ error) error {
		v.damage(mark{kind: inDag, path: string(p.c.Hash())}, damaged{block: p.c, size: max(p.size, 0)},
			Damage{Path: filepath.Base(v.h.dag), Length: max(p.size, 0), Block: p.c, Reason: "node of " + p.path + " is missing or wrong"})
		return nil
	}
	err = walk(ctx, v.h.root, nodes.get, visit, missing)
	return errors.Join(g.Wait(), err)
}

// leaf checks the bytes of a block in a file.
func (v *verification) leaf(p place, o opened) {
	if data, ok := inlined(p.c); ok {
		o.inline = data
		v.longer(o.path, int64(len(data)))
		v.inline(p, o)
		return
	}
	if o.size < 0 {
		o.size = 0
		if refs, err := v.sp.refs(string(p.c.Hash())); err == nil && len(refs) > 0 {
			o.size = refs[0].size
		}
		v.longer(o.path, o.size)
	}
	data, err := readRange(filepath.Join(v.h.folder, filepath.FromSlash(o.path)), o.off, min(o.size, maxBlock))
	if err != nil || !matches(p.c, data) {
		v.damage(mark{kind: inFile, path: o.path, off: o.off}, damaged{block: p.c, size: o.size},
			Damage{Path: o.path, Offset: o.off, Length: o.size, Block: p.c, Reason: v.reason(err)})
	}
	v.add(o.size)
}

// inline checks the bytes of a file that its node carries itself.
func (v *verification) inline(p place, o opened) {
	n := int64(len(o.inline))
	data, err := readRange(filepath.Join(v.h.folder, filepath.FromSlash(o.path)), o.off, n)
	if err != nil || !bytes.Equal(data, o.inline) {
		v.damage(mark{kind: inFile, path: o.path, off: o.off}, damaged{block: p.c, size: n},
			Damage{Path: o.path, Offset: o.off, Length: n, Block: p.c, Reason: v.reason(err)})
	}
	v.add(n)
}

// longer reports a file that goes on after its content. Nothing of it is ever served, so nothing is marked.
func (v *verification) longer(path string, size int64) {
	st, err := os.Stat(filepath.Join(v.h.folder, filepath.FromSlash(path)))
	if err != nil || st.Size() <= size {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.damages = append(v.damages, Damage{Path: path, Offset: size, Length: st.Size() - size, Reason: "longer than it should be"})
}

func (v *verification) reason(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "file is missing"
	case v.h.card.Base != "":
		return "file was changed since it was added"
	case err != nil:
		return err.Error()
	}
	return "bytes are wrong"
}

func (v *verification) damage(m mark, d damaged, report Damage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.bad[m]; ok {
		return
	}
	v.bad[m] = d
	v.damages = append(v.damages, report)
}

func (v *verification) add(n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done += n
	if v.progress != nil {
		v.progress(v.done, max(v.h.size, v.done))
	}
}

// settle makes the marks of the item agree with what was found.
func (v *verification) settle() error {
	var right []mark
	for m := range v.h.marks {
		if _, ok := v.bad[m]; !ok {
			right = append(right, m)
		}
	}
	if err := v.sp.unmark(v.h.root, right); err != nil {
		return err
	}
	v.sp.mu.Lock()
	if h, ok := v.sp.held[v.h.root.KeyString()]; ok {
		for m, d := range v.bad {
			h.addMark(m, d)
		}
	}
	v.sp.mu.Unlock()
	return v.sp.keepMarks(v.h.root)
}
