// Package catalog keeps what everybody offers: for each author a chain of sealed, numbered entries,
// each naming the hash of the one before, so that nothing can be left out, reordered or forged on the
// way, and an author who says two things under one number is found out.
//
// It is not the store (it holds no content, only statements about items), it opens no connection (the
// node carries [Question] and [Answer] between catalogues, over the mesh or on a stick), and it knows no
// time: order is each author's own numbering, so a wrong clock changes nothing.
//
// Beside the entries stand the [Holdings]: of each node the one statement, replaced by each newer one,
// of what it holds, wants kept and lends. They have a file each, not a place in the catalogue's.
//
// Start with [Open], then [Catalog.Append] to say something oneself, [Catalog.Add] for what others
// said, and [Catalog.Offers] for what is on offer. Two catalogues become equal when each does a
// [Catalog.Follow] that the other's [Catalog.Answer] answers.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Options for Open. Dir is required, the rest has a useful zero value. The two functions are called
// often and concurrently, and must not call the catalogue.
type Options struct {
	// Dir is the folder of the catalogue file, made if missing.
	Dir string
	// Quota is the number of entries kept of each author who is not trusted; 0 is 1,000.
	Quota int
	// Room is the size in bytes of the catalogue file beyond which only trusted authors are heard,
	// since anyone can be a thousand authors; 0 is 256 MiB, about 400,000 usual entries.
	Room int64
	// Trusted authors have no quota. Nil trusts nobody.
	Trusted func(peer.ID) bool
	// Blocked authors are not heard, offered or passed on; what was kept of them before stays kept.
	// Nil blocks nobody.
	Blocked func(peer.ID) bool
	// Log hears of damage found and forks proved; nil is silence.
	Log *slog.Logger
}

// Catalog is the entries of all authors this node knows. All methods may be called concurrently;
// reading never waits for a flush. In memory it keeps where each entry lies in its file, about 65
// bytes an entry, and not the entries.
type Catalog struct {
	opts Options
	log  *slog.Logger

	// write is held by whoever changes the catalogue, from the decision to the flush. Under it,
	// authors may be read without mu.
	write   sync.Mutex
	journal *journal
	closed  bool

	// mu guards the fields below and is never held during a flush.
	mu      sync.RWMutex
	authors map[peer.ID]*author
	tree    branch               // digests over authors, without those of whom only later entries are held
	size    int64                // of the file
	refused map[peer.ID]struct{} // strangers of whom nothing is kept, see Heights
}

// ErrClosed is returned by what writes after Close.
var ErrClosed = errors.New("catalogue is closed")

// Open opens the catalogue in o.Dir, making an empty one if there is none. A torn last record is cut
// off, a damaged one in the middle stepped over; both are logged, and sync brings back what is lost.
// One Catalog per Dir: a second one is refused where the system has file locks.
func Open(o Options) (*Catalog, error) {
	if o.Quota == 0 {
		o.Quota = 1000
	}
	if o.Room == 0 {
		o.Room = 256 << 20
	}
	if o.Trusted == nil {
		o.Trusted = func(peer.ID) bool { return false }
	}
	if o.Blocked == nil {
		o.Blocked = func(peer.ID) bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	j, err := openJournal(filepath.Join(o.Dir, "entries.log"))
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	c := &Catalog{
		opts: o, log: o.Log, journal: j,
		authors: map[peer.ID]*author{}, refused: map[peer.ID]struct{}{},
	}
	if err := c.replay(); err != nil {
		j.close()
		return nil, fmt.Errorf("open catalogue in %s: %w", o.Dir, err)
	}
	return c, nil
}

// Close releases the file. Entries and offers being listed end with an error.
func (c *Catalog) Close() error {
	c.write.Lock()
	defer c.write.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return c.journal.close()
}

// replay builds the index from the file, by the rules entries came in by.
func (c *Catalog) replay() error {
	end, lost, err := scan(c.journal.f, c.journal.size, func(at int64, s Sealed, doubtful bool) error {
		read := s.read
		if doubtful {
			read = s.Open
		}
		e, err := read()
		if err != nil {
			c.log.Warn("catalogue record skipped", "at", at, "err", err)
			return nil
		}
		a := c.authors[e.Author]
		if a == nil {
			a = &author{}
			c.authors[e.Author] = a
		}
		taken, err := a.place(e, s, at, c.journal.read, true)
		if err != nil {
			c.log.Debug("catalogue record out of line", "author", e.Author, "seq", e.Seq, "err", err)
		}
		for _, e := range taken {
			a.offer(e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if lost > 0 {
		c.log.Warn("catalogue file damaged in the middle, entries lost until heard again", "bytes", lost)
	}
	if torn := c.journal.size - end; torn > 0 {
		c.log.Warn("torn end of the catalogue file cut off", "bytes", torn)
	}
	for _, a := range c.authors {
		if a.fork.seq != 0 {
			a.relist(c.journal.read)
		}
	}
	c.size = end
	c.settle(c.authors)
	return c.journal.cut(end)
}

// settle brings the digests up to date with these authors. The caller holds mu.
func (c *Catalog) settle(changed map[peer.ID]*author) {
	for id, a := range changed {
		if a.seq() > 0 || a.fork.seq > 0 {
			c.tree.touch(id, digits(id))
		}
	}
	c.tree.sum(c.state)
}

// Verify reads every kept entry and checks its signature and its place in the chain again, as the
// catalogue itself only trusts checksums once an entry is in. It returns the first error of each
// author, joined.
func (c *Catalog) Verify(ctx context.Context) error {
	var errs []error
	for id, a := range c.snapshot() {
		var prev []byte
		for i, at := range a.chain {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s, err := c.journal.read(at)
			var e Entry
			if err == nil {
				e, err = s.Open()
			}
			if err == nil && (e.Author != id || e.Seq != uint64(i)+1 || string(e.Prev) != string(prev)) {
				err = fmt.Errorf("%w: out of place", ErrMalformed)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("entry %d of %s: %w", i+1, id, err))
				break
			}
			h := s.Hash()
			prev = h[:]
		}
	}
	return errors.Join(errs...)
}

// snapshot yields the authors in order of their ids, as they stood when it was called.
func (c *Catalog) snapshot() func(yield func(peer.ID, author) bool) {
	c.mu.RLock()
	all := make(map[peer.ID]author, len(c.authors))
	for id, a := range c.authors {
		all[id] = *a
	}
	c.mu.RUnlock()
	return func(yield func(peer.ID, author) bool) {
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if !yield(id, all[id]) {
				return
			}
		}
	}
}
