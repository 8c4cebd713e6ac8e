package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// AddOptions are the parameters of Add; the zero value copies into the private space.
type AddOptions struct {
	Title  string // "" takes the name of the folder or file
	Kind   string // "model" and "adapter" are cut into fixed pieces of 1 MiB, everything else by content
	Origin string
	// InPlace references the user's own files instead of copying them. They must stay as they are; a file that was
	// changed since is not served.
	InPlace bool
	Space   Space // "" is Private
	Pin     bool
	// Progress is called with content bytes, one call at a time, now and then.
	Progress func(done, total int64)
}

// Add makes an item of a folder, or of one file wrapped in a folder. When it returns, the item is durable. Hidden files
// are skipped; links are followed inside the folder.
//
// The same content twice is one item: the second time the first Item is returned with Existed set (moved if it was
// private and Mesh is asked for, or if it waited in the inbox; pinned if Pin is set), and no second copy is made. On an error nothing of it remains.
//
// Errors name the path: ErrEmpty, ErrOutside, ErrUnreadable; ErrNoSpace before the first byte is written.
func (s *Store) Add(ctx context.Context, name string, o AddOptions) (Item, error) {
	if o.Space == "" {
		o.Space = Private
	}
	if !o.Space.Valid() {
		return Item{}, fmt.Errorf("add %s: unknown space %q", name, o.Space)
	}
	it, err := s.add(ctx, name, o)
	if err != nil {
		return Item{}, fmt.Errorf("add %w", err)
	}
	return it, nil
}

func (s *Store) add(ctx context.Context, name string, o AddOptions) (Item, error) {
	src, err := survey(name)
	if err != nil {
		return Item{}, err
	}
	defer src.root.Close()
	sp := s.space(o.Space)
	stage, err := os.MkdirTemp(sp.staging(), "add-")
	if err != nil {
		return Item{}, err
	}
	defer os.RemoveAll(stage)

	b := &builder{src: src, kind: o.Kind, progress: o.Progress}
	need := src.size/512 + int64(src.files)*256
	if !o.InPlace {
		b.out = filepath.Join(stage, "files")
		if err := os.Mkdir(b.out, 0o755); err != nil {
			return Item{}, err
		}
		if b.clone = canClone(src, stage); !b.clone {
			need += src.size
		}
	}
	if err := s.disk.need(need); err != nil {
		return Item{}, fmt.Errorf("%s: %w", name, err)
	}
	root, err := b.build(ctx, filepath.Join(stage, "dag"))
	if err != nil {
		return Item{}, err
	}

	c := card{Title: o.Title, Kind: o.Kind, Origin: o.Origin, Pinned: o.Pin}
	abs, err := filepath.Abs(name)
	if err != nil {
		return Item{}, err
	}
	if c.Title == "" {
		c.Title = filepath.Base(abs)
	}
	if o.InPlace {
		c.InPlace, c.Base = abs, src.base
	}
	return s.keepAdded(sp, root, c, stage)
}

// keepAdded turns what was staged into an item: flush, card and nodes, then the folder itself, which is what makes it
// an item, and last the index.
func (s *Store) keepAdded(sp *space, root cid.Cid, c card, stage string) (Item, error) {
	s.gesture.Lock()
	at, old, err := s.find(root)
	s.gesture.Unlock()
	if err == nil {
		return s.addedBefore(old.item(at.name), sp.name, c.Pinned)
	}
	if !errors.Is(err, ErrNotFound) {
		return Item{}, err
	}
	if err := flushTree(stage); err != nil {
		return Item{}, err
	}

	s.gesture.Lock()
	defer s.gesture.Unlock()
	if at, old, err := s.find(root); err == nil {
		it := old.item(at.name)
		it.Existed = true
		return it, nil
	}
	h := &held{root: root, card: c, whole: true, folder: filepath.Join(sp.items(), root.String())}
	h.dag = h.folder + ".dag"
	if err := os.Rename(filepath.Join(stage, "dag"), h.dag); err != nil {
		return Item{}, err
	}
	if c.Base == "" {
		if err := writeCard(sp.items(), root, c); err != nil {
			return Item{}, err
		}
		if err := os.Rename(filepath.Join(stage, "files"), h.folder); err != nil {
			return Item{}, err
		}
		if err := syncPath(sp.items()); err != nil {
			return Item{}, err
		}
	} else {
		h.folder = c.Base
		if err := syncPath(sp.items()); err != nil {
			return Item{}, err
		}
		if err := writeCard(sp.items(), root, c); err != nil {
			return Item{}, err
		}
	}
	if err := sp.install(h); err != nil {
		return Item{}, err
	}
	return h.item(sp.name), nil
}

// addedBefore answers an Add of content that is here already.
func (s *Store) addedBefore(it Item, want Space, pin bool) (Item, error) {
	if pin {
		if err := s.Pin(it.Root); err != nil {
			return Item{}, err
		}
	}
	if want == Mesh || it.Space == Inbox {
		if _, err := s.Move(it.Root, want); err != nil {
			return Item{}, err
		}
	}
	it, err := s.Item(it.Root)
	it.Existed = true
	return it, err
}

// install makes a complete item known and indexes it. An unfinished one of the same root is forgotten.
func (sp *space) install(h *held) error {
	key := h.root.KeyString()
	sp.mu.Lock()
	old := sp.held[key]
	sp.held[key] = h
	sp.mu.Unlock()
	if err := sp.reindex(h.root); err != nil {
		return err
	}
	if old == nil || old.whole {
		return nil
	}
	if err := removeFamily(sp.incoming(), h.root); err != nil {
		return err
	}
	return sp.edit(func(e *edit) error {
		e.del(sp.key('u', key))
		return nil
	})
}

// flushTree makes a staged folder durable and its files read-only.
func flushTree(dir string) error {
	flush := newFlusher(dir)
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			if err := os.Chmod(p, 0o444); err != nil {
				return err
			}
		}
		flush.note(p)
		return nil
	})
	if err != nil {
		return err
	}
	return flush.flush()
}
