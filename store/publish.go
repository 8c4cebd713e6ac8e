package store

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// Publish moves an item from the private to the mesh space: from then on its blocks are among Blocks(Mesh). It is
// durable when Publish returns; interrupted, it can be repeated, and an item that is published already stays so.
// ErrNotFound, ErrBusy.
func (s *Store) Publish(root cid.Cid) (Item, error) {
	root = canonical(root)
	it, err := s.publish(root)
	if err != nil {
		return Item{}, fmt.Errorf("publish %w", err)
	}
	return it, nil
}

func (s *Store) publish(root cid.Cid) (Item, error) {
	s.gesture.Lock()
	defer s.gesture.Unlock()
	from, old, err := s.find(root)
	if err != nil || from == s.mesh {
		return old.item(Mesh), err
	}
	to := s.mesh
	for _, sp := range []*space{from, to} {
		if err := sp.claim(root); err != nil {
			return Item{}, err
		}
		defer sp.release(root)
	}
	h := old
	h.dag = filepath.Join(to.items(), root.String()+".dag")
	if err := share(old.dag, h.dag); err != nil && !os.IsNotExist(err) {
		return Item{}, err
	}
	// What makes it an item of one space or the other is moved in one step: the folder, or in place the card.
	what := root.String()
	if h.card.Base == "" {
		h.folder = filepath.Join(to.items(), root.String())
		if err := writeCard(to.items(), root, h.card); err != nil {
			return Item{}, err
		}
	} else {
		what += ".json"
		if err := syncPath(to.items()); err != nil {
			return Item{}, err
		}
	}
	if err := os.Rename(filepath.Join(from.items(), what), filepath.Join(to.items(), what)); err != nil {
		return Item{}, err
	}
	for _, sp := range []*space{to, from} {
		if err := syncPath(sp.items()); err != nil {
			return Item{}, err
		}
	}
	if err := to.install(&h); err != nil {
		return Item{}, err
	}
	if err := to.keepMarks(root); err != nil {
		return Item{}, err
	}
	if err := from.forget(root); err != nil {
		return Item{}, err
	}
	return s.Item(root)
}

// forget removes an item whose folder is gone already from memory, from the index and from the folder of items.
func (sp *space) forget(root cid.Cid) error {
	sp.mu.Lock()
	delete(sp.held, root.KeyString())
	sp.mu.Unlock()
	if err := sp.purge(map[string]bool{root.KeyString(): true}); err != nil {
		return err
	}
	return removeFamily(sp.items(), root)
}

// keepMarks writes the marks of an item that came from the other space.
func (sp *space) keepMarks(root cid.Cid) error {
	h, _ := sp.snapshot(root)
	return sp.edit(func(e *edit) error {
		for m, d := range h.marks {
			e.set(sp.markKey(root.KeyString(), m), encodeDamaged(d))
		}
		return nil
	})
}
