package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"savoirs/p2p"
	"savoirs/store/catalog"
)

// Each node says in one signed statement which published items it holds, how
// many copies it wants of some and what it lends. Neighbours compare digests of
// all they know, which ends there as long as nothing changed; what changed is
// told within seconds, and passed on.

const holdingCall = "holding"

var holdingLimit = p2p.Limit{MaxRequest: 1 << 20, MaxAnswer: 1 << 20, Timeout: 20 * time.Second, PerPeer: 4}

type holdingQuery struct {
	Digest digest          `cbor:"digest"`           // of all the asker knows
	News   []catalog.Tally `cbor:"news,omitempty"`   // what is new of it, for the other to say what it lacks
	Told   []catalog.Told  `cbor:"told,omitempty"`   //
	Wanted []catalog.Short `cbor:"wanted,omitempty"` // whose holdings to send
	List   bool            `cbor:"list,omitempty"`   // say what you have
}

type holdingAnswer struct {
	Digest digest          `cbor:"digest"`          // after Told was taken; if it is the asker's, there is nothing else
	Lacks  []catalog.Short `cbor:"lacks,omitempty"` // of News
	Have   []catalog.Tally `cbor:"have,omitempty"`
	Told   []catalog.Told  `cbor:"told,omitempty"`
}

// holdingNews is what the exchange of holdings remembers between two rounds.
type holdingNews struct {
	changed bell // rung when what this node holds, wants or lends may have changed
	heard   bell // rung when others' holdings changed

	mu      sync.Mutex            // guards all below
	fresh   []peer.ID             // whose holdings are new here, to be passed on
	passed  map[peer.ID]time.Time // when they last were
	settled map[peer.ID][2]digest // digests of ours and theirs after which an exchange brought nothing
}

type digest = [16]byte

func newHoldingNews() *holdingNews {
	return &holdingNews{changed: newBell(), heard: newBell(), passed: map[peer.ID]time.Time{}, settled: map[peer.ID][2]digest{}}
}

func (n *Node) serveHoldings() {
	p2p.Handle(n.mesh, holdingCall, holdingLimit, func(_ context.Context, from peer.ID, q holdingQuery) (holdingAnswer, error) {
		if len(q.News) > catalog.MaxTallies || len(q.Wanted) > catalog.MaxTallies {
			return holdingAnswer{}, &p2p.RemoteError{Code: p2p.CodeTooLarge}
		}
		if _, err := n.takeHoldings(from, q.Told); err != nil {
			return holdingAnswer{}, err
		}
		a := holdingAnswer{Digest: n.holdings.Digest()}
		if a.Digest == q.Digest {
			n.holdings.Met(from)
			return a, nil
		}
		if q.List {
			a.Have = n.holdings.Tallies()
		}
		a.Lacks, a.Told = n.holdings.Lacking(q.News), n.holdings.Give(q.Wanted)
		return a, nil
	})
}

// maxHoldingRounds bounds one exchange: 256 KiB each way a round, the rest
// comes next time.
const maxHoldingRounds = 16

// exchangeHoldings makes p and this node know the same: one small question if
// they do, two if all p lacks is of fresh authors, which is most of the time.
func (n *Node) exchangeHoldings(ctx context.Context, p peer.ID, fresh []peer.ID) error {
	var q holdingQuery
	if len(fresh) > 0 {
		q.News = n.holdings.Tallies(fresh...)
	}
	var theirs digest
	for range maxHoldingRounds {
		q.Digest = n.holdings.Digest()
		a, err := p2p.Call[holdingQuery, holdingAnswer](ctx, n.mesh, p, holdingCall, holdingLimit, q)
		if err != nil {
			return fmt.Errorf("exchange holdings with %s: %w", p, err)
		}
		taken, err := n.takeHoldings(p, a.Told)
		if err != nil {
			return err
		}
		both := [2]digest{n.holdings.Digest(), a.Digest}
		if both[0] == both[1] || n.telling.isSettled(p, both) {
			n.holdings.Met(p)
			return nil
		}
		if !q.List {
			q = holdingQuery{Told: n.holdings.Give(a.Lacks), List: len(a.Lacks) == 0}
			continue
		}
		stuck := len(q.Told)+len(q.Wanted) > 0 && taken == 0 && a.Digest == theirs
		q, theirs = holdingQuery{List: true}, a.Digest
		q.Wanted, q.Told = n.holdings.Compare(a.Have)
		if stuck || len(q.Told)+len(q.Wanted) == 0 { // no room, here or there
			n.telling.settle(p, both)
			return nil
		}
	}
	return nil
}

// takeHoldings keeps what is new and valid of what p told, and returns how many
// were.
func (n *Node) takeHoldings(p peer.ID, told []catalog.Told) (int, error) {
	fresh, err := n.holdings.Take(p, told)
	n.tookHoldings(fresh)
	if forged, ok := errors.AsType[*catalog.ForgedError](err); ok {
		f := p2p.NewFault(p2p.Malformed, holdingCall, forged.Error(), forged.Holding)
		if forged.Claims == p {
			f.Kind, f.Signed = p2p.BadSignature, forged.Holding
		}
		n.mesh.Blame(p, f)
	}
	return len(fresh), err
}

// tookHoldings has the holdings of these nodes, which are new here, counted and
// passed on.
func (n *Node) tookHoldings(fresh []peer.ID) {
	if len(fresh) == 0 {
		return
	}
	n.telling.mu.Lock()
	for _, id := range fresh {
		if !slices.Contains(n.telling.fresh, id) {
			n.telling.fresh = append(n.telling.fresh, id)
		}
	}
	n.telling.mu.Unlock()
	n.telling.heard.ring()
	n.telling.changed.ring()
}

func (h *holdingNews) isSettled(p peer.ID, d [2]digest) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settled[p] == d
}

func (h *holdingNews) settle(p peer.ID, d [2]digest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.settled) >= maxProfiles {
		clear(h.settled)
	}
	h.settled[p] = d
}

// takeFresh returns whose holdings are to be passed on now. Those of a node that
// changes its mind again and again wait until the last one is a while ago.
func (h *holdingNews) takeFresh(while time.Duration) []peer.ID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var now, later []peer.ID
	for _, id := range h.fresh {
		if last, ok := h.passed[id]; ok && time.Since(last) < while {
			later = append(later, id)
			continue
		}
		now = append(now, id)
		if len(h.passed) >= maxProfiles {
			clear(h.passed)
		}
		h.passed[id] = time.Now()
	}
	h.fresh = later
	return now
}

// tellHoldings signs what this node holds whenever it changed and tells the
// neighbours what is new, a little later than it heard: others may be about to
// tell the same, and changes come in bursts.
func (n *Node) tellHoldings(ctx context.Context) error {
	look := time.NewTicker(n.pace())
	defer look.Stop()
	round := time.NewTicker(10 * n.pace())
	defer round.Stop()
	for {
		fresh := n.telling.takeFresh(n.pace())
		if said, err := n.stateHolding(); err != nil {
			n.log.Warn("say what is held here", "err", err)
		} else if said {
			fresh = append(fresh, n.id)
			n.telling.heard.ring()
		}
		if len(fresh) > 0 {
			n.tellNeighbours(ctx, fresh)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-round.C: // what was told may have been lost
			n.tellNeighbours(ctx, nil)
		case <-look.C: // an item may be found damaged, the week be over
		case <-n.telling.changed:
			n.linger(ctx, n.pace()/30)
		}
	}
}

// linger waits for d, give or take a half, or until ctx ends.
func (n *Node) linger(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// pace is how often copies are looked at.
func (n *Node) pace() time.Duration {
	if n.o.Pace > 0 {
		return n.o.Pace
	}
	return time.Minute
}

func (n *Node) tellNeighbours(ctx context.Context, fresh []peer.ID) {
	var telling errgroup.Group
	telling.SetLimit(8)
	for _, p := range n.neighbours() {
		telling.Go(func() error {
			if err := n.exchangeHoldings(ctx, p, fresh); err != nil && ctx.Err() == nil {
				n.log.Debug("holdings", "peer", p, "err", err)
			}
			return nil
		})
	}
	telling.Wait() // what failed comes with the next exchange
}
