package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// reindex derives everything the index says about a complete item from its .dag file and its files, and notes last that
// it is complete. Running it again changes nothing. What is missing is marked; nothing is hashed but the nodes.
func (sp *space) reindex(root cid.Cid) error {
	h, ok := sp.snapshot(root)
	if !ok {
		return ErrNotFound
	}
	nodes, err := readDag(h.dag)
	if err != nil {
		return err
	}
	defer nodes.close()
	x := &reindexing{h: h, key: root.KeyString(), lost: make(map[mark]damaged)}
	err = sp.edit(func(e *edit) error {
		for mh, n := range nodes.at {
			if err := e.add(mh, ref{kind: inDag, root: x.key, off: n.off, size: n.size}); err != nil {
				return err
			}
		}
		visit := func(p place, o opened, _ []byte) error { return x.visit(e, p, o) }
		return walk(context.Background(), root, nodes.get, visit, x.missing)
	})
	if err != nil {
		return fmt.Errorf("index %s: %w", root, err)
	}
	sp.mu.Lock()
	if h, ok := sp.held[x.key]; ok {
		h.size, h.files = x.size, x.files
		for m, d := range x.lost {
			h.addMark(m, d)
		}
	}
	sp.mu.Unlock()
	return sp.edit(func(e *edit) error {
		for m, d := range x.lost {
			e.set(sp.markKey(x.key, m), encodeDamaged(d))
		}
		e.set(sp.key('i', x.key), encodeTotals(x.size, x.files))
		return nil
	})
}

// reindexing is one run of reindex.
type reindexing struct {
	h     held
	key   string
	size  int64
	files int
	lost  map[mark]damaged
}

func (x *reindexing) visit(e *edit, p place, o opened) error {
	if o.shape == fileTop || o.shape == leaf && p.role == entry {
		x.files++
	}
	if o.shape == fileTop {
		x.size += o.size
	}
	if o.shape != leaf {
		return nil
	}
	if data, ok := inlined(p.c); ok {
		if p.role == entry {
			x.size += int64(len(data))
		}
		return nil
	}
	m := mark{kind: inFile, path: o.path, off: o.off}
	if o.size < 0 { // a file of one block: only the file says how long it is
		st, err := os.Stat(filepath.Join(x.h.folder, filepath.FromSlash(o.path)))
		if err != nil {
			x.lost[m] = damaged{block: p.c}
			return nil
		}
		o.size = st.Size()
		x.size += o.size
	}
	if o.size > maxBlock {
		x.lost[m] = damaged{block: p.c, size: o.size}
		return nil
	}
	return e.add(string(p.c.Hash()), ref{kind: inFile, root: x.key, path: o.path, off: o.off, size: o.size})
}

func (x *reindexing) missing(p place, _ error) error {
	x.lost[mark{kind: inDag, path: string(p.c.Hash())}] = damaged{block: p.c, size: max(p.size, 0)}
	return nil
}
