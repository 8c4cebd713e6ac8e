package store

import "fmt"

const (
	// mergeAt is how many tables Badger may have beside the merged ones; each comes from 8 MiB that were written.
	mergeAt = 5
	// mergeBy is how many there may be at most. At 15 Badger would wait for ever with the next write.
	mergeBy = 10
)

// merge does the work of Badger's own compactors when there is any, before a commit. They are switched off: each would
// look 20 times a second, for as long as the store is open, and would not look for room on the disk first.
func (x *index) merge() error {
	if !x.merging.TryLock() {
		return nil
	}
	defer x.merging.Unlock()
	levels := x.db.Levels()
	loose := levels[0].NumTables
	if loose < mergeAt {
		return nil
	}
	need := int64(indexReserve)
	for _, l := range levels {
		need += l.Size
	}
	have, err := x.disk.avail()
	if err == nil && have < need {
		err = &NoSpaceError{Need: need, Have: have}
	}
	if err == nil {
		err = x.db.Flatten(1)
	}
	if err == nil {
		return nil
	}
	x.log.Warn("index not merged", "tables", loose, "err", err)
	if loose < mergeBy {
		return nil
	}
	return fmt.Errorf("merge index: %w", err)
}
