package store

import "github.com/ipfs/go-cid"

// discard removes an unfinished item, unless it was added meanwhile. The caller holds Store.gesture and the claim.
func (sp *space) discard(root cid.Cid) error {
	key := root.KeyString()
	sp.mu.Lock()
	if h := sp.held[key]; h == nil || h.whole {
		sp.mu.Unlock()
		return nil
	}
	delete(sp.held, key)
	sp.mu.Unlock()
	if err := removeFamily(sp.incoming(), root); err != nil {
		return err
	}
	return sp.purge(map[string]bool{key: true})
}

// discardElsewhere removes what landed of an item in other spaces than the one where it is whole, unless somebody is
// working on it there. The caller holds Store.gesture.
func (s *Store) discardElsewhere(root cid.Cid, at *space) error {
	for _, sp := range s.spaces() {
		if sp == at || sp.claim(root) != nil {
			continue
		}
		err := sp.discard(root)
		sp.release(root)
		if err != nil {
			return err
		}
	}
	return nil
}
