package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"
)

// load reads the folders of a space and makes the index agree with them. It returns how much it found. What a killed
// gesture left behind is recognised by what is missing:
//
//	items: a folder is an item; a card that names an in-place folder is an item; anything else was being made or dropped
//	incoming: a card is an unfinished item, unless it is an item already
//	staging: never anything
func (sp *space) load() (found int, err error) {
	for _, d := range []string{sp.items(), sp.incoming(), sp.loose()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return 0, err
		}
	}
	if err := os.RemoveAll(sp.staging()); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(sp.staging(), 0o755); err != nil {
		return 0, err
	}
	if err := sp.loadItems(); err != nil {
		return 0, err
	}
	if err := sp.loadIncoming(); err != nil {
		return 0, err
	}
	n, err := sp.loadLoose()
	if err != nil {
		return 0, err
	}
	return len(sp.held) + n, sp.reconcile()
}

// family is which of the files of one root are in a folder of roots.
type family struct{ folder, dag, card, wait bool }

func families(dir string) (map[string]*family, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	m := make(map[string]*family)
	for _, e := range entries {
		name, ext, _ := strings.Cut(e.Name(), ".")
		c, err := cid.Decode(name)
		if err != nil || c.String() != name {
			continue
		}
		f := m[name]
		if f == nil {
			f = new(family)
			m[name] = f
		}
		switch {
		case ext == "" && e.IsDir():
			f.folder = true
		case ext == "dag":
			f.dag = true
		case ext == "json":
			f.card = true
		case ext == "wait":
			f.wait = true
		}
	}
	return m, nil
}

func (sp *space) loadItems() error {
	all, err := families(sp.items())
	if err != nil {
		return err
	}
	for name, f := range all {
		root, _ := cid.Decode(name)
		base := filepath.Join(sp.items(), name)
		var c card
		if f.card {
			if c, err = readCard(base + ".json"); err != nil {
				sp.log.Warn("card cannot be read, going on without", "item", name, "err", err)
				if !f.folder {
					continue // it may have been in place: leave it for a person to look at
				}
			}
		}
		switch {
		case f.folder:
			c.InPlace, c.Base = "", ""
		case c.Base == "":
			if err := removeFamily(sp.items(), root); err != nil {
				return err
			}
			continue
		}
		h := &held{root: root, card: c, whole: true, folder: base, dag: base + ".dag"}
		if c.Base != "" {
			h.folder = c.Base
		}
		sp.held[root.KeyString()] = h
	}
	return nil
}

func (sp *space) loadIncoming() error {
	all, err := families(sp.incoming())
	if err != nil {
		return err
	}
	for name, f := range all {
		root, _ := cid.Decode(name)
		base := filepath.Join(sp.incoming(), name)
		c, err := readCard(base + ".json")
		if _, whole := sp.held[root.KeyString()]; whole || !f.card || !f.folder || err != nil {
			if err := removeFamily(sp.incoming(), root); err != nil {
				return err
			}
			continue
		}
		sp.held[root.KeyString()] = &held{root: root, card: c, folder: base, dag: base + ".dag"}
	}
	return nil
}

// removeFamily removes everything of root from a folder of roots; the card last.
func removeFamily(dir string, root cid.Cid) error {
	base := filepath.Join(dir, root.String())
	for _, p := range []string{base, base + ".wait", base + ".dag", base + ".dag.new", base + ".json.new", base + ".json"} {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

// reconcile indexes what is not indexed, and forgets what is indexed but not held.
func (sp *space) reconcile() error {
	gone := make(map[string]bool)
	for _, what := range []byte{'i', 'u'} {
		err := sp.idx.each(sp.key(what, ""), func(key, value []byte) error {
			h, ok := sp.held[string(key[2:])]
			switch {
			case !ok:
				gone[string(key[2:])] = true
			case what == 'i' && h.whole:
				size, files, err := decodeTotals(value)
				if err == nil {
					h.size, h.files = size, files
				}
				return err
			case what == 'u' && !h.whole:
				n, _, err := cutUvarint(value)
				h.size = int64(n)
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	stale, err := sp.loadMarks()
	if err != nil {
		return err
	}
	if len(stale) > 0 {
		if err := sp.edit(func(e *edit) error {
			for _, k := range stale {
				e.del(k)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		if err := sp.purge(gone); err != nil {
			return err
		}
	}
	for _, h := range sp.held {
		if !h.whole {
			continue
		}
		if _, err := sp.idx.get(sp.key('i', h.root.KeyString())); errors.Is(err, errNoRecord) {
			if err := sp.reindex(h.root); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// purge removes every reference, record and mark of some roots from the index.
func (sp *space) purge(roots map[string]bool) error {
	return sp.edit(func(e *edit) error {
		err := sp.idx.each(sp.key('b', ""), func(key, value []byte) error {
			refs, err := decodeRefs(value)
			if err != nil {
				return err
			}
			for _, r := range refs {
				if roots[r.root] {
					return e.forget(string(key[2:]), func(r ref) bool { return roots[r.root] })
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for root := range roots {
			if err := sp.idx.each(appendString(sp.key('x', ""), root), func(key, _ []byte) error {
				e.del(key)
				return nil
			}); err != nil {
				return err
			}
			e.del(sp.key('i', root))
			e.del(sp.key('u', root))
		}
		return nil
	})
}
