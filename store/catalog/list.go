package catalog

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Head returns the last entry held of an author: what is announced, and what the next must follow.
// False if there is none, or it cannot be read.
func (c *Catalog) Head(author peer.ID) (Sealed, bool) {
	c.mu.RLock()
	a := c.authors[author]
	c.mu.RUnlock()
	if a == nil || a.seq() == 0 {
		return nil, false
	}
	s, err := c.journal.read(a.chain[a.seq()-1])
	return s, err == nil
}

// Entries yields all entries, by author and then in order, as they stood when the loop began. An entry
// that cannot be read gives an error in its place; the loop may go on.
func (c *Catalog) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, a := range c.snapshot() {
			if !c.yieldAll(a.chain, yield) {
				return
			}
		}
	}
}

// Offers yields what is on offer: of each author who is not blocked the latest entry for each root,
// unless withdrawn or replaced since by the same author. One root may be offered by several authors.
// Order and errors are those of Entries.
func (c *Catalog) Offers() iter.Seq2[Entry, error] {
	return c.offers(func(rootKey) bool { return true })
}

// OffersOf is Offers for the items of these names only; it reads none but their entries.
func (c *Catalog) OffersOf(names map[Short]int) iter.Seq2[Entry, error] {
	return c.offers(func(k rootKey) bool { return names[Short(k[:])] > 0 })
}

// offers is Offers for the roots that are asked for.
func (c *Catalog) offers(asked func(rootKey) bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for id, a := range c.snapshot() {
			if c.opts.Blocked(id) {
				continue
			}
			var seqs []uint64
			c.mu.RLock()
			for k, seq := range a.offers {
				if asked(k) {
					seqs = append(seqs, seq)
				}
			}
			c.mu.RUnlock()
			slices.Sort(seqs)
			var places []int64
			for _, seq := range seqs {
				if seq <= a.seq() { // said since the loop began
					places = append(places, a.chain[seq-1])
				}
			}
			if !c.yieldAll(places, yield) {
				return
			}
		}
	}
}

// Withdrawn returns which of these items the author given for each has withdrawn or replaced, and
// nobody offers. It reads every entry.
func (c *Catalog) Withdrawn(items map[Short]peer.ID) (map[Short]bool, error) {
	gone := map[Short]bool{}
	for e, err := range c.Entries() {
		if err != nil {
			return nil, err
		}
		name := ShortOf(e.Root)
		switch e.Verb {
		case Publish:
			continue
		case Revise:
			name = ShortOf(e.Replaces)
		}
		if author, ok := items[name]; ok && author == e.Author {
			gone[name] = true
		}
	}
	names := map[Short]int{}
	for name := range gone {
		names[name] = 1
	}
	for e, err := range c.OffersOf(names) {
		if err != nil {
			return nil, err
		}
		delete(gone, ShortOf(e.Root))
	}
	return gone, nil
}

// yieldAll reads and yields the entries at these places; false ends the loop.
func (c *Catalog) yieldAll(places []int64, yield func(Entry, error) bool) bool {
	for _, at := range places {
		s, err := c.journal.read(at)
		var e Entry
		if err == nil {
			e, err = s.read()
		}
		if !yield(e, err) || errors.Is(err, os.ErrClosed) {
			return false
		}
	}
	return true
}

// Fork is the proof that an author signed two different entries with one number. Anyone can check it:
// both open, both name this author and number. A is the one with the lower hash.
type Fork struct {
	Author peer.ID `json:"author"`
	Seq    uint64  `json:"seq"`
	A      Sealed  `json:"a"`
	B      Sealed  `json:"b"`
}

// Forks returns the proof of the lowest known fork of each author who has one, in order of authors.
func (c *Catalog) Forks() []Fork {
	var forks []Fork
	for id, a := range c.snapshot() {
		if a.fork.seq == 0 {
			continue
		}
		x, errX := c.journal.read(a.fork.a)
		y, errY := c.journal.read(a.fork.b)
		if err := errors.Join(errX, errY); err != nil {
			c.log.Warn("proof of a fork cannot be read", "author", id, "err", err)
			continue
		}
		hx, hy := x.Hash(), y.Hash()
		if bytes.Compare(hx[:], hy[:]) > 0 {
			x, y = y, x
		}
		forks = append(forks, Fork{Author: id, Seq: a.fork.seq, A: x, B: y})
	}
	return forks
}
