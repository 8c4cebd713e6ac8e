package p2p

import (
	"context"
	"fmt"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// link is a block of the DAG and how far below the root it hangs.
type link struct {
	cid   cid.Cid
	depth int
}

// maxAside bounds how far past the blocks that a peer lacks the walk looks for others to ask it for.
const maxAside = 1024

// walk is what is left of a DAG to fetch. It goes depth first and looks at `into` only when it comes by, so that its
// memory is that of a path, not of the DAG, and blocks land nearly in the order of the files.
//
//	pending ──take──▶ asked ──accept──▶ landing ──settle──▶ durable in `into`
//	   ▲                 │
//	   └────giveBack─────┘
type walk struct {
	into blockstore.Blockstore

	mu      sync.Mutex // guards what follows
	pending []link     // the next one is last
	asked   map[cid.Cid]link
	landing map[cid.Cid]struct{}
	opened  map[cid.Cid]struct{}             // nodes whose links were taken in
	lacks   map[cid.Cid]map[peer.ID]struct{} // who said that it has not got it
	changed chan struct{}                    // closed and replaced when a waiting take might now succeed
}

func newWalk(root cid.Cid, into blockstore.Blockstore) *walk {
	w := &walk{
		into:    into,
		asked:   map[cid.Cid]link{},
		landing: map[cid.Cid]struct{}{},
		opened:  map[cid.Cid]struct{}{},
		lacks:   map[cid.Cid]map[peer.ID]struct{}{},
		changed: make(chan struct{}),
	}
	if !inline(root) {
		w.pending = []link{{cid: root}}
	}
	return w
}

// take returns up to max missing blocks for p to be asked for, waiting while others are at work on all there is. It
// returns none when p can do no more.
func (w *walk) take(ctx context.Context, p peer.ID, max int) ([]link, error) {
	for {
		span, wait, err := w.tryTake(ctx, p, max)
		if err != nil || len(span) > 0 || wait == nil {
			return span, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *walk) tryTake(ctx context.Context, p peer.ID, max int) (span []link, wait <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var aside []link // p lacks these
	for len(w.pending) > 0 && len(span) < max && len(aside) < maxAside {
		if err = ctx.Err(); err != nil {
			break
		}
		l := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if _, lacking := w.lacks[l.cid][p]; lacking {
			aside = append(aside, l)
			continue
		}
		var here bool
		if here, err = w.here(ctx, l); err != nil {
			w.pending = append(w.pending, l)
			break
		}
		if here {
			continue
		}
		w.asked[l.cid] = l
		span = append(span, l)
	}
	for i := len(aside) - 1; i >= 0; i-- {
		w.pending = append(w.pending, aside[i])
	}
	if err != nil {
		for i := len(span) - 1; i >= 0; i-- {
			delete(w.asked, span[i].cid)
			w.pending = append(w.pending, span[i])
		}
		return nil, nil, err
	}
	if len(span) == 0 && len(w.asked) > 0 {
		wait = w.changed
	}
	return span, wait, nil
}

// here tells whether nothing needs to be asked for l, taking in its links if it was here before.
func (w *walk) here(ctx context.Context, l link) (bool, error) {
	if _, ok := w.asked[l.cid]; ok {
		return true, nil
	}
	if _, ok := w.landing[l.cid]; ok {
		return true, nil
	}
	if _, ok := w.opened[l.cid]; ok {
		return true, nil
	}
	has, err := w.into.Has(ctx, l.cid)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", l.cid, err)
	}
	if !has || leaf(l.cid) {
		return has, nil
	}
	b, err := w.into.Get(ctx, l.cid)
	if err != nil { // damaged since: fetch it again
		return false, ctx.Err()
	}
	below, err := links(l.cid, b.RawData(), l.depth)
	if err != nil {
		return false, err
	}
	return true, w.open(l, below)
}

// open puts the links of a node on top of what is pending, the first of them topmost.
func (w *walk) open(l link, below []cid.Cid) error {
	if len(below) == 0 {
		return nil
	}
	if len(w.opened) >= maxNodes || len(w.pending)+len(below) > maxPending {
		return fmt.Errorf("%w: too many blocks", ErrRefused)
	}
	w.opened[l.cid] = struct{}{}
	for i := len(below) - 1; i >= 0; i-- {
		w.pending = append(w.pending, link{cid: below[i], depth: l.depth + 1})
	}
	return nil
}

// accept reads the links of a verified block and says whether it was still waited for; land must follow. Only an accepted
// block may go to `into`.
func (w *walk) accept(b blocks.Block) (below []cid.Cid, fresh bool, err error) {
	w.mu.Lock()
	l, ok := w.asked[b.Cid()]
	w.mu.Unlock()
	if !ok {
		return nil, false, nil
	}
	if below, err = links(l.cid, b.RawData(), l.depth); err != nil {
		return nil, false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.landing[l.cid] = struct{}{}
	return below, true, nil
}

// land puts what hangs below an accepted block up for fetching.
func (w *walk) land(c cid.Cid, below []cid.Cid) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open(w.asked[c], below); err != nil {
		return err
	}
	delete(w.asked, c)
	delete(w.lacks, c)
	w.wake()
	return nil
}

// giveBack returns what did not land to those that can still be asked; with lacks, p is not asked again for it.
func (w *walk) giveBack(span []link, p peer.ID, lacks bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(span) - 1; i >= 0; i-- {
		l := span[i]
		if _, ok := w.asked[l.cid]; !ok {
			continue
		}
		delete(w.asked, l.cid)
		w.pending = append(w.pending, l)
		if lacks {
			if w.lacks[l.cid] == nil {
				w.lacks[l.cid] = map[peer.ID]struct{}{}
			}
			w.lacks[l.cid][p] = struct{}{}
		}
	}
	w.wake()
}

// settle notes that blocks are durable in `into`.
func (w *walk) settle(batch []blocks.Block) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range batch {
		delete(w.landing, b.Cid())
	}
}

// forgive forgets who lacked what, for another round.
func (w *walk) forgive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.lacks)
}

// missing tells whether anything is left to fetch, after looking at all that can be seen without asking.
func (w *walk) missing(ctx context.Context) (bool, error) {
	span, _, err := w.tryTake(ctx, "", 1)
	w.giveBack(span, "", false)
	return !w.done(), err
}

// done tells whether all has landed.
func (w *walk) done() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pending) == 0 && len(w.asked) == 0
}

func (w *walk) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}
