package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Why a valid entry in its place is not kept.
var (
	ErrQuota   = errors.New("no more room for entries of authors not trusted")
	ErrBlocked = errors.New("author is blocked")
)

// Added is what became of one entry given to AddMany.
type Added struct {
	Entry Entry // zero if the seal is bad
	New   bool  // it now belongs to its author's chain
	Err   error
}

// Add takes an entry from a peer or a stick. It is verified, put in its place and on the disk before
// Add returns. New is false for an entry already held, which is no error. The entry is returned with
// every error but those of [Sealed.Open]:
//
//   - ErrGap: it does not follow the last entry held of its author; nothing is kept. Ask for what
//     lies between, by heights.
//   - ErrFork: another entry with this number is held. Both are kept as proof, the author is frozen
//     at the number before, and later entries are taken back.
//   - ErrFrozen: its author is frozen at a lower number.
//   - ErrQuota, ErrBlocked: nothing is kept.
func (c *Catalog) Add(ctx context.Context, s Sealed) (Entry, bool, error) {
	added, err := c.AddMany(ctx, []Sealed{s})
	if err != nil {
		return Entry{}, false, err
	}
	return added[0].Entry, added[0].New, added[0].Err
}

// AddMany is Add for many entries, with one flush. It returns what became of each, in the order
// given; its own error (the context's, the disk's, ErrClosed) means that nothing of the batch is kept.
// Two entries with one number given one after the other, as Beyond gives a proof, are taken as proof
// of a fork even beyond a gap.
func (c *Catalog) AddMany(ctx context.Context, entries []Sealed) ([]Added, error) {
	return c.take(ctx, entries, "")
}

// take is AddMany; entries by own have no quota and are kept even beyond a gap.
func (c *Catalog) take(ctx context.Context, entries []Sealed, own peer.ID) ([]Added, error) {
	added := make([]Added, len(entries))
	for i, s := range entries { // before the lock: this is what takes time
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		added[i].Entry, added[i].Err = c.open(s)
	}
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	b := c.newBatch()
	for i, s := range entries {
		if added[i].Err != nil {
			continue
		}
		e := added[i].Entry
		ours := own != "" && e.Author == own
		if !ours {
			if added[i].Err = b.admit(e); added[i].Err != nil {
				continue
			}
		}
		keep := ours || isProof(i, entries, added)
		added[i].New, added[i].Err = b.put(e, s, keep)
	}
	b.judge(added)
	if err := b.commit(); err != nil {
		return nil, fmt.Errorf("add entries: %w", err)
	}
	return added, nil
}

// open is Open, but for the last entry held of an author: it was verified when it came, and whoever sends it again and again
// makes no work.
func (c *Catalog) open(s Sealed) (Entry, error) {
	e, err := s.read()
	if err != nil {
		return Entry{}, err
	}
	if a := c.held(e.Author); a.seq() == e.Seq && a.head == s.Hash() {
		return e, nil
	}
	return s.Open()
}

// judge corrects what was said of entries before the same batch proved a fork below them.
func (b *batch) judge(added []Added) {
	for i, d := range added {
		a := b.authors[d.Entry.Author]
		if a == nil || a.fork.seq == 0 || d.Entry.Seq < a.fork.seq || !d.New && !errors.Is(d.Err, ErrGap) {
			continue
		}
		added[i].New, added[i].Err = false, ErrFrozen
		if d.Entry.Seq == a.fork.seq {
			added[i].Err = ErrFork
		}
	}
}

// isProof reports whether entry i and the one after it have one author and number but differ.
func isProof(i int, entries []Sealed, added []Added) bool {
	if i+1 == len(entries) || added[i+1].Err != nil || bytes.Equal(entries[i], entries[i+1]) {
		return false
	}
	e, next := added[i].Entry, added[i+1].Entry
	return e.Author == next.Author && e.Seq == next.Seq
}

// batch is a change to the catalogue being decided. Nothing of it shows before commit.
type batch struct {
	c       *Catalog
	authors map[peer.ID]*author // changed copies
	entries []Sealed            // to be written
	end     int64               // where the next will lie
	unsaved map[int64]Sealed    // entries by where they will lie
	taken   []Entry             // now in their chains
}

func (c *Catalog) newBatch() *batch {
	return &batch{c: c, authors: map[peer.ID]*author{}, end: c.journal.size, unsaved: map[int64]Sealed{}}
}

// author returns the batch's own copy of what is held of an author.
func (b *batch) author(id peer.ID) *author {
	a := b.authors[id]
	if a == nil {
		a = &author{}
		if held := b.c.authors[id]; held != nil {
			*a = *held
			a.later = maps.Clone(held.later)
		}
		b.authors[id] = a
	}
	return a
}

// admit refuses new entries of blocked authors and of those at their limit. What contradicts an entry
// held is let in: a proof is worth keeping whoever the author is.
func (b *batch) admit(e Entry) error {
	a := b.author(e.Author)
	if e.Seq <= a.seq() {
		return nil
	}
	err := b.c.refusal(e.Author, e.Seq, b.end)
	if err != nil && a.last() == 0 {
		b.c.remember(e.Author)
	}
	return err
}

// refusal says why entry seq of an author would not be taken with the file at a given size, or nil.
func (c *Catalog) refusal(id peer.ID, seq uint64, size int64) error {
	if c.opts.Blocked(id) {
		return ErrBlocked
	}
	if (seq > uint64(c.opts.Quota) || size >= c.opts.Room) && !c.opts.Trusted(id) {
		return ErrQuota
	}
	return nil
}

// put places e and decides whether its bytes are to be written.
func (b *batch) put(e Entry, s Sealed, keep bool) (isNew bool, err error) {
	a := b.author(e.Author)
	waiting := len(a.later)
	taken, err := a.place(e, s, b.end, b.read, keep)
	b.taken = append(b.taken, taken...)
	if len(taken) > 0 || errors.Is(err, ErrFork) || len(a.later) > waiting {
		b.unsaved[b.end] = s
		b.entries = append(b.entries, s)
		b.end += frameSize(s)
	}
	return len(taken) > 0, err
}

func (b *batch) read(at int64) (Sealed, error) {
	if s, ok := b.unsaved[at]; ok {
		return s, nil
	}
	return b.c.journal.read(at)
}

// commit makes the batch durable, then visible.
func (b *batch) commit() error {
	if len(b.entries) == 0 {
		return nil
	}
	c := b.c
	if err := c.journal.append(b.entries); err != nil {
		return err
	}
	for id, a := range b.authors {
		if held := c.authors[id]; a.fork.seq != 0 && (held == nil || held.fork != a.fork) {
			c.log.Warn("author signed two entries with one number, frozen before it", "author", id, "seq", a.fork.seq)
			a.relist(c.journal.read)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size = c.journal.size
	for id, a := range b.authors {
		if a.last() > 0 { // else refused, and nothing is held
			c.authors[id] = a
			delete(c.refused, id)
		}
	}
	for _, e := range b.taken {
		if a := c.authors[e.Author]; e.Seq <= a.seq() {
			a.offer(e)
		}
	}
	c.settle(b.authors)
	return nil
}
