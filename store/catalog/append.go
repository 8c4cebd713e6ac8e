package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// Append signs the next entry of the key's author and returns it once it is on the disk, so that it
// can be published: no power cut makes the same number be signed twice. V, Author, Seq and Prev of e
// are filled in. Errors are ErrMalformed and ErrTooLarge for what others would refuse; ErrGap while we
// know of entries of our own that we lack (Adopt them first); ErrFrozen if we have forked, as
// after running one identity on two machines: a new identity is the only way out.
func (c *Catalog) Append(key crypto.PrivKey, e Entry) (Entry, Sealed, error) {
	id, err := authorOf(key)
	if err != nil {
		return Entry{}, nil, fmt.Errorf("append entry: %w", err)
	}
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed {
		return Entry{}, nil, ErrClosed
	}
	b := c.newBatch()
	a := b.author(id)
	if a.fork.seq != 0 {
		return Entry{}, nil, fmt.Errorf("append entry: %w at number %d", ErrFrozen, a.fork.seq-1)
	}
	if last := a.last(); last > a.seq() {
		return Entry{}, nil, fmt.Errorf("append entry: %w: we signed up to %d and hold up to %d", ErrGap, last, a.seq())
	}
	e.V, e.Author, e.Seq, e.Prev = version, id, a.seq()+1, a.prev()
	e, s, err := seal(key, e)
	if err != nil {
		return Entry{}, nil, fmt.Errorf("append entry: %w", err)
	}
	if _, err := b.put(e, s, false); err != nil {
		return Entry{}, nil, fmt.Errorf("append entry: %w", err)
	}
	if err := b.commit(); err != nil {
		return Entry{}, nil, fmt.Errorf("append entry: %w", err)
	}
	return e, s, nil
}

// Adopt takes the key's own entries as peers and sticks hold them, in any order, before anything is
// signed: a disk restored from an old copy would otherwise give their numbers again. Entries of others
// are passed over. It returns ErrGap while some of our own are still missing (what was heard is
// kept, and Append refuses until the rest is there), ErrFork if numbers were already given twice,
// else the first error of [Catalog.Add].
func (c *Catalog) Adopt(key crypto.PrivKey, entries []Sealed) error {
	id, err := authorOf(key)
	if err != nil {
		return fmt.Errorf("adopt entries: %w", err)
	}
	type own struct {
		seq uint64
		s   Sealed
	}
	var ours []own
	for _, s := range entries {
		if s.Claimed() != id {
			continue
		}
		e, err := s.Open()
		if err != nil {
			return fmt.Errorf("adopt entries: %w", err)
		}
		ours = append(ours, own{e.Seq, s})
	}
	slices.SortStableFunc(ours, func(a, b own) int { return cmp.Compare(a.seq, b.seq) })
	sorted := make([]Sealed, len(ours))
	for i := range ours {
		sorted[i] = ours[i].s
	}
	added, err := c.take(context.Background(), sorted, id)
	if err != nil {
		return fmt.Errorf("adopt entries: %w", err)
	}
	for _, a := range added {
		if a.Err != nil && !errors.Is(a.Err, ErrGap) {
			return fmt.Errorf("adopt entry %d: %w", a.Entry.Seq, a.Err)
		}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if a := c.authors[id]; a != nil && a.last() > a.seq() {
		return fmt.Errorf("adopt entries: %w: we signed up to %d and hold up to %d", ErrGap, a.last(), a.seq())
	}
	return nil
}
