package store

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// Drop removes an item and its files; files used in place are left alone. Blocks that other items hold stay with them,
// as every item has files of its own. ErrNotFound, ErrPinned, and ErrBusy while it is being repaired.
func (s *Store) Drop(root cid.Cid) error {
	if err := s.drop(canonical(root)); err != nil {
		return fmt.Errorf("drop %w", err)
	}
	return nil
}

func (s *Store) drop(root cid.Cid) error {
	s.gesture.Lock()
	defer s.gesture.Unlock()
	sp, h, err := s.find(root)
	if err != nil {
		return err
	}
	if h.card.Pinned {
		return fmt.Errorf("%s: %w", root, ErrPinned)
	}
	if err := sp.claim(root); err != nil {
		return err
	}
	defer sp.release(root)
	// Without its folder, or in place without its card, it is no item any more; the rest can be done at any time.
	trash := filepath.Join(sp.staging(), "drop-"+root.String())
	if h.card.Base == "" {
		err = os.Rename(h.folder, trash)
	} else {
		err = os.Remove(filepath.Join(sp.items(), root.String()+".json"))
	}
	if err != nil {
		return err
	}
	if err := syncPath(sp.items()); err != nil {
		return err
	}
	if err := sp.forget(root); err != nil {
		return err
	}
	return os.RemoveAll(trash)
}
