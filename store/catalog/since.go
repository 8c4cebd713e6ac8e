package catalog

import (
	"bytes"
	"errors"
	"iter"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Since is Beyond without its limits, for what is written down and not sent: all that a catalogue with these heights
// lacks, in the order of Beyond. With no heights it is everything. Entries that can no longer be read are logged and left
// out.
func (c *Catalog) Since(theirs []Height) iter.Seq2[Sealed, error] {
	return func(yield func(Sealed, error) bool) {
		ids := c.within([]string{""})
		slices.Sort(ids)
		heights := make(map[peer.ID]Height, len(theirs))
		for _, h := range theirs {
			heights[h.Author] = h
		}
		give := func(at int64) bool {
			s, err := c.journal.read(at)
			if errors.Is(err, errDamaged) {
				c.log.Warn("catalogue entry not passed on", "err", err)
				return true
			}
			return yield(s, err) && err == nil
		}
		for _, id := range ids {
			a := c.held(id)
			if lacksProof(heights[id], a.fork.seq) && !(give(a.fork.a) && give(a.fork.b)) {
				return
			}
		}
		for _, id := range ids {
			if c.opts.Blocked(id) {
				continue
			}
			a := c.held(id)
			from, to := c.span(heights[id], a)
			for seq := from; seq <= to; seq++ {
				if !give(a.chain[seq-1]) {
					return
				}
			}
		}
	}
}

// Has reports whether this very entry is held, in its author's chain or as part of the proof of a fork. It checks no
// signature: the bytes are compared with those held.
func (c *Catalog) Has(s Sealed) bool {
	e, err := s.read()
	if err != nil {
		return false
	}
	a := c.held(e.Author)
	var places []int64
	if e.Seq <= a.seq() {
		places = append(places, a.chain[e.Seq-1])
	}
	if a.fork.seq != 0 && e.Seq == a.fork.seq {
		places = append(places, a.fork.a, a.fork.b)
	}
	return slices.ContainsFunc(places, func(at int64) bool {
		held, err := c.journal.read(at)
		return err == nil && bytes.Equal(held, s)
	})
}

// Lower returns heights that are nowhere above any of these: what lies beyond them is all that one of these catalogues or
// another lacks.
func Lower(all ...[]Height) []Height {
	if len(all) == 0 {
		return nil
	}
	lowest := slices.Clone(all[0])
	for _, other := range all[1:] {
		heights := make(map[peer.ID]Height, len(other))
		for _, h := range other {
			heights[h.Author] = h
		}
		lowest = slices.DeleteFunc(lowest, func(h Height) bool { _, ok := heights[h.Author]; return !ok })
		for i, h := range lowest {
			o := heights[h.Author]
			if o.Seq < h.Seq {
				h.Seq, h.Hash = o.Seq, o.Hash
			}
			h.Enough = h.Enough && o.Enough
			if h.Fork == 0 || o.Fork == 0 {
				h.Fork = 0
			} else {
				h.Fork = max(h.Fork, o.Fork)
			}
			lowest[i] = h
		}
	}
	return lowest
}
