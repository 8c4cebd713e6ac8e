package p2p

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxAside bounds how far past the blocks that a peer lacks the walk looks for others to ask it for.
const maxAside = 1024

// walk is what is left of a DAG to fetch. It goes depth first and looks at `into` only when it comes by, so that its
// memory is that of a path, not of the DAG, and blocks land nearly in the order of the files.
//
//	pending ──take──▶ reserved, in the todo of a claim ──accept──▶ landing ──settle──▶ durable in `into`
//	   ▲                 │                        ▲                   │
//	   └────giveBack─────┘                        └─land: its links   └─ spoil: back to pending
type walk struct {
	into blockstore.Blockstore
	have *have // what holders are told to leave out; nil for nothing

	mu       sync.Mutex // guards what follows, and the claims
	pending  []link     // the next one is last
	claims   map[*claim]struct{}
	reserved map[cid.Cid]struct{} // some claim is to bring it
	landing  map[cid.Cid]link
	opening  int                              // accepted nodes whose links are not taken in yet
	opened   map[cid.Cid]struct{}             // nodes whose links were taken in
	lacks    map[cid.Cid]map[peer.ID]struct{} // who said that it has not got it
	windows  map[peer.ID]int64                // the last ones of their flows
	trusted  map[peer.ID]struct{}             // brought something, now or before
	idle     map[peer.ID]int                  // who waits for something to take
	changed  chan struct{}                    // closed and replaced when a waiting take might now succeed
}

func newWalk(root cid.Cid, into blockstore.Blockstore) *walk {
	w := &walk{
		into:     into,
		claims:   map[*claim]struct{}{},
		reserved: map[cid.Cid]struct{}{},
		landing:  map[cid.Cid]link{},
		opened:   map[cid.Cid]struct{}{},
		lacks:    map[cid.Cid]map[peer.ID]struct{}{},
		windows:  map[peer.ID]int64{},
		trusted:  map[peer.ID]struct{}{},
		idle:     map[peer.ID]int{},
		changed:  make(chan struct{}),
	}
	if !inline(root) {
		w.pending = []link{{cid: root}}
	}
	return w
}

// take returns up to max missing blocks for p to be asked for, or what another claim cannot bring as soon. It waits while
// others are at work on all there is, and returns nil when p can do no more.
func (w *walk) take(ctx context.Context, p peer.ID, max int) (*claim, error) {
	again := time.NewTicker(trialTime)
	defer again.Stop()
	defer w.rest(p)()
	for {
		c, wait, err := w.tryTake(ctx, p, max)
		if err != nil || c != nil || wait == nil {
			return c, err
		}
		select {
		case <-wait:
		case <-again.C: // someone may have stalled
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *walk) tryTake(ctx context.Context, p peer.ID, max int) (c *claim, wait <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	trial := w.onTrial(p)
	if trial && w.trials() == maxTrials {
		return nil, w.changed, nil
	}
	if trial {
		max = 1
	}
	span, err := w.fromPending(ctx, p, max)
	if err != nil {
		return nil, nil, err
	}
	if len(span) == 0 && p != nobody {
		span = w.steal(p)
	}
	switch {
	case len(span) > 0:
		c = w.newClaim(p, span)
		c.trial = trial
		return c, nil, nil
	case w.busy() || trial:
		return nil, w.changed, nil
	default:
		return nil, nil, nil
	}
}

// fromPending takes the next links that are not here and that p may have.
func (w *walk) fromPending(ctx context.Context, p peer.ID, max int) (span []link, err error) {
	var aside []link // p lacks these
	for len(w.pending) > 0 && len(span) < max && len(aside) < maxAside {
		if err = ctx.Err(); err != nil {
			break
		}
		l := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if w.lacking(l, p) || w.reservedForOthers(l, p) {
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
		w.reserved[l.cid] = struct{}{}
		span = append(span, l)
	}
	w.putBack(aside)
	if err != nil {
		for _, l := range span {
			delete(w.reserved, l.cid)
		}
		w.putBack(span)
		return nil, err
	}
	return span, nil
}

// lacking tells whether p has said that it has not got l.
func (w *walk) lacking(l link, p peer.ID) bool {
	_, lacks := w.lacks[l.cid][p]
	return lacks
}

// putBack makes links pending again, the first of them topmost.
func (w *walk) putBack(ls []link) {
	for _, l := range slices.Backward(ls) {
		w.pending = append(w.pending, l)
	}
}

// here tells whether nothing needs to be asked for l, taking in its links if it was here before.
func (w *walk) here(ctx context.Context, l link) (bool, error) {
	if _, ok := w.reserved[l.cid]; ok {
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
	below, err := links(l, b.RawData())
	if err != nil {
		return false, err
	}
	if err := w.open(l.cid, len(w.pending)+len(below)); err != nil {
		return false, err
	}
	w.putBack(below)
	return true, nil
}

// open notes that the links of a node are taken in, which makes so many not looked at.
func (w *walk) open(c cid.Cid, many int) error {
	if len(w.opened) >= maxNodes || many > maxPending {
		return fmt.Errorf("%w: too many blocks", ErrRefused)
	}
	w.opened[c] = struct{}{}
	return nil
}

// settle notes that blocks are durable in `into`.
func (w *walk) settle(cs []cid.Cid) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range cs {
		delete(w.landing, c)
	}
	if len(w.landing) == 0 {
		w.wake()
	}
}

// spoil notes that a leaf that had landed was wrong: another is to bring it.
func (w *walk) spoil(c cid.Cid) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, ok := w.landing[c]; ok {
		delete(w.landing, c)
		w.pending = append(w.pending, l)
		w.wake()
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
	w.mu.Lock()
	defer w.mu.Unlock()
	span, err := w.fromPending(ctx, nobody, 1)
	for _, l := range span {
		delete(w.reserved, l.cid)
	}
	w.putBack(span)
	return len(w.pending) > 0 || w.busy(), err
}

// busy tells whether something is on its way.
func (w *walk) busy() bool { return len(w.reserved) > 0 || len(w.landing) > 0 || w.opening > 0 }

// done tells whether all is durable.
func (w *walk) done() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pending) == 0 && !w.busy()
}

// arrived tells whether nothing more is to come, though some may not be durable.
func (w *walk) arrived() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pending) == 0 && len(w.reserved) == 0 && w.opening == 0
}

func (w *walk) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}
