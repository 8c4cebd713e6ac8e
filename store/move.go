package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// ErrNoWay is returned by Move for a way that items do not go.
var ErrNoWay = errors.New("items do not go that way")

// Move moves an item to another space: from private to mesh, which publishes it, and from the inbox to either. From then
// on its blocks are among those of the other space. It is durable when Move returns; interrupted, it can be repeated, and
// an item that is there already stays so.
//
// Nothing goes to the inbox, nor out of the mesh, nor a sealed item from the inbox to the mesh: ErrNoWay. ErrNotFound,
// ErrBusy.
func (s *Store) Move(root cid.Cid, to Space) (Item, error) {
	root = canonical(root)
	it, err := s.move(root, to)
	if err != nil {
		return Item{}, fmt.Errorf("move %s to %s: %w", root, to, err)
	}
	return it, nil
}

func (s *Store) move(root cid.Cid, name Space) (Item, error) {
	s.gesture.Lock()
	defer s.gesture.Unlock()
	from, old, err := s.find(root)
	if err != nil {
		return Item{}, err
	}
	if from.name == name {
		return old.item(name), nil
	}
	if !leads(from.name, name) || from == s.inbox && old.card.Sealed && name == Mesh {
		return Item{}, fmt.Errorf("from %s: %w", from.name, ErrNoWay)
	}
	to := s.space(name)
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

// leads tells whether items go from one space to the other.
func leads(from, to Space) bool {
	return from == Private && to == Mesh || from == Inbox && (to == Private || to == Mesh)
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

// keepMarks writes the marks of an item that came from another space.
func (sp *space) keepMarks(root cid.Cid) error {
	h, _ := sp.snapshot(root)
	return sp.edit(func(e *edit) error {
		for m, d := range h.marks {
			e.set(sp.markKey(root.KeyString(), m), encodeDamaged(d))
		}
		return nil
	})
}
