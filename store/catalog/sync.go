package catalog

import (
	"bytes"
	"errors"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Height is how far one catalogue has come with one author. It travels in a slice, never in a map
// keyed by peer.ID, which encoding/json would corrupt.
type Height struct {
	Author peer.ID `json:"author"`
	Seq    uint64  `json:"seq"`              // the last entry held
	Hash   []byte  `json:"hash,omitempty"`   // of that entry: shows that the other follows another branch
	Fork   uint64  `json:"fork,omitempty"`   // number of the lowest fork proved, 0 for none
	Enough bool    `json:"enough,omitempty"` // no further entries wanted: quota, block
}

// Limits of one answer of Beyond.
const (
	MaxBeyond      = 256     // entries
	maxBeyondBytes = 1 << 20 // of sealed entries

	// branchStep is how far below the other's height entries are sent when its hash shows another
	// branch. If the fork lies lower, the next exchange goes on from where this one froze the author.
	branchStep = 64
)

// maxRefused bounds the strangers remembered for Heights.
const maxRefused = 4096

// Heights tells what this catalogue holds, in order of authors: enough to prepare for it elsewhere, by
// Beyond, what it lacks. Authors refused of late of whom nothing is held are listed with Seq 0 and
// Enough, so that nobody sends them again and again. Where the other side can be asked, Follow says
// the same in far fewer bytes.
func (c *Catalog) Heights() []Height {
	ids := c.within([]string{""})
	slices.Sort(ids)
	return append(c.heights(ids), c.strangers([]string{""})...)
}

// heights are those of these authors, also of ones unknown.
func (c *Catalog) heights(ids []peer.ID) []Height {
	c.mu.RLock()
	size := c.size
	c.mu.RUnlock()
	var hs []Height
	for _, id := range ids {
		hs = append(hs, c.height(id, c.held(id), size))
	}
	return hs
}

func (c *Catalog) height(id peer.ID, a author, size int64) Height {
	return Height{
		Author: id, Seq: a.seq(), Hash: bytes.Clone(a.prev()), Fork: a.fork.seq,
		Enough: c.refusal(id, a.seq()+1, size) != nil,
	}
}

// Beyond returns what the catalogue with these heights lacks, to be given to its AddMany: at most
// limit entries (256 if limit is 0 or more than that) and 1 MiB. An empty answer means that there is
// nothing more to give; it is worth asking again while AddMany reports something New or an ErrFork.
// First come proofs of forks the other has not got, or has only of a higher number, each as two
// entries with one number side by side; then, author by author and in order, the entries above the
// other's height. Where the other's hash is not ours at its height, the entries below are sent too,
// for it to find the fork. Authors blocked here are not passed on; proofs against them are.
func (c *Catalog) Beyond(theirs []Height, limit int) ([]Sealed, error) {
	ids := c.within([]string{""})
	slices.Sort(ids)
	out, err := c.beyond(ids, theirs, limit)
	return out.entries, err
}

// beyond is Beyond for some authors.
func (c *Catalog) beyond(ids []peer.ID, theirs []Height, limit int) (outgoing, error) {
	if limit <= 0 || limit > MaxBeyond {
		limit = MaxBeyond
	}
	out := outgoing{room: limit, bytes: maxBeyondBytes}
	heights := make(map[peer.ID]Height, len(theirs))
	for _, h := range theirs {
		heights[h.Author] = h
	}
	for _, id := range ids {
		a := c.held(id)
		if !lacksProof(heights[id], a.fork.seq) {
			continue
		}
		if err := c.give(&out, id, a.fork.a, a.fork.b); err != nil {
			return outgoing{}, err
		}
	}
	for _, id := range ids {
		if c.opts.Blocked(id) {
			continue
		}
		a, h := c.held(id), heights[id]
		from, to := c.span(h, a)
		out.stepped = out.stepped || from <= min(h.Seq, to)
		for seq := from; seq <= to && out.room > 0; seq++ {
			if err := c.give(&out, id, a.chain[seq-1]); err != nil {
				return outgoing{}, err
			}
		}
	}
	return out, nil
}

// lacksProof reports whether the other has use for the proof of a fork: it has none or one of a higher
// number and, if it wants no more of this author, holds what the proof takes back.
func lacksProof(h Height, fork uint64) bool {
	if fork == 0 || h.Fork != 0 && h.Fork <= fork {
		return false
	}
	return !h.Enough || fork <= h.Seq
}

// span is the range of numbers to send of one author; empty if to < from.
func (c *Catalog) span(h Height, a author) (from, to uint64) {
	from, to = h.Seq+1, a.seq()
	if h.Seq > a.seq() {
		return 1, 0
	}
	if h.Seq > 0 && !c.sameBranch(h, a) {
		from -= min(h.Seq, branchStep)
	}
	if h.Enough {
		to = min(to, h.Seq)
	}
	if h.Fork != 0 {
		to = min(to, h.Fork-1)
	}
	return from, to
}

// sameBranch reports whether the other's last entry, which is not above ours, is one of ours.
func (c *Catalog) sameBranch(h Height, a author) bool {
	if h.Seq == a.seq() {
		return bytes.Equal(h.Hash, a.head[:])
	}
	if h.Seq < a.seq() {
		s, err := c.journal.read(a.chain[h.Seq-1])
		if err != nil {
			return true // cannot tell, and the entry could not be sent either
		}
		hash := s.Hash()
		return bytes.Equal(h.Hash, hash[:])
	}
	return true
}

// outgoing collects entries up to a number and a size.
type outgoing struct {
	entries     []Sealed
	room, bytes int
	stepped     bool // entries below the other's height are among them
}

// give adds the entries at these places, all or none. A full answer takes no more. An entry that can
// no longer be read is logged and left out.
func (c *Catalog) give(out *outgoing, id peer.ID, places ...int64) error {
	var entries []Sealed
	size := 0
	for _, at := range places {
		s, err := c.journal.read(at)
		if errors.Is(err, errDamaged) {
			c.log.Warn("catalogue entry not passed on", "author", id, "err", err)
			return nil
		}
		if err != nil {
			return err
		}
		entries = append(entries, s)
		size += len(s)
	}
	if len(entries) > out.room || size > out.bytes {
		out.room = 0
		return nil
	}
	out.entries = append(out.entries, entries...)
	out.room -= len(entries)
	out.bytes -= size
	return nil
}

// remember notes a stranger who was refused, forgetting any other when there are too many.
func (c *Catalog) remember(id peer.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.refused {
		if len(c.refused) < maxRefused {
			break
		}
		delete(c.refused, old)
	}
	c.refused[id] = struct{}{}
}
