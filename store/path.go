package store

import "github.com/ipfs/go-cid"

// Path returns the folder of an item's files, for a person to open with any program: the item's own read-only folder, or
// the user's when it is used in place. What is read there is not hashed; programs use FS. ErrNotFound for no item.
func (s *Store) Path(root cid.Cid) (string, error) {
	_, h, err := s.find(canonical(root))
	if err != nil {
		return "", err
	}
	return h.folder, nil
}
