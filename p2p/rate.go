package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Rates bound bulk, which is the content of items; calls and news are never held back. In bytes a second, 0 is no bound.
type Rates struct {
	Up       int64 `json:"up,omitempty"`        // to all peers together
	Down     int64 `json:"down,omitempty"`      // from all peers together
	PeerUp   int64 `json:"peer_up,omitempty"`   // to any one peer
	PeerDown int64 `json:"peer_down,omitempty"` // from any one peer
}

// Limits are Rates for the day and others for the night.
type Limits struct {
	Day   Rates `json:"day"`
	Night Rates `json:"night"`
	// Window is when Night holds; it never does while Window is zero, or while the clock cannot be right.
	Window Window `json:"window,omitzero"`
}

// at is what holds at that moment.
func (l *Limits) at(now time.Time) Rates {
	if credible(now) && l.Window.contains(now) {
		return l.Night
	}
	return l.Day
}

// Limits are what holds now; they are zero until SetLimits.
func (m *Mesh) Limits() Limits { return m.pacing.limits.Load().Limits }

// MinRate is the least bound there can be: below it a block would not arrive in time.
const MinRate = 1000

// ErrRate means that a rate is negative, or bounded below MinRate.
var ErrRate = errors.New("rate out of range")

// Check returns ErrRate for limits that cannot be set.
func (l Limits) Check() error {
	for _, r := range []Rates{l.Day, l.Night} {
		for _, rate := range []int64{r.Up, r.Down, r.PeerUp, r.PeerDown} {
			if rate < 0 || rate > 0 && rate < MinRate {
				return fmt.Errorf("%w: %d bytes a second, at least %d", ErrRate, rate, MinRate)
			}
		}
	}
	return nil
}

// SetLimits takes effect at once, also for what is on its way. The limits must pass Check.
func (m *Mesh) SetLimits(l Limits) { m.pacing.set(l) }

// paceOut returns when n bytes of bulk may go to p, or with the context's error. Peers that want to pass at the same time
// share the total evenly, however many streams each has.
func (m *Mesh) paceOut(ctx context.Context, p peer.ID, n int) error {
	return m.pacing.out.pass(ctx, p, n, func() (*limits, int64, int64) {
		l, r := m.pacing.now()
		return l, r.Up, r.PeerUp
	})
}

// paced writes bulk to s as paceOut allows. It does so a piece at a time, because the other side takes some seconds without
// a byte for a broken line and a block may take longer than that.
func (m *Mesh) paced(ctx context.Context, s network.Stream) io.Writer {
	return writer(func(b []byte) (done int, err error) {
		for done < len(b) && err == nil {
			_, r := m.pacing.now()
			n := min(len(b)-done, piece(r.Up, r.PeerUp))
			if err = m.paceOut(ctx, s.Conn().RemotePeer(), n); err != nil {
				return done, err
			}
			n, err = s.Write(b[done : done+n])
			done += n
		}
		return done, err
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// paceIn is called after n bytes of bulk came from p, and returns when it may go on reading.
func (m *Mesh) paceIn(ctx context.Context, p peer.ID, n int) error {
	return m.pacing.in.pass(ctx, p, n, func() (*limits, int64, int64) {
		l, r := m.pacing.now()
		return l, r.Down, r.PeerDown
	})
}

const (
	// Bytes pass a piece at a time: peers take turns by bytes and not by blocks, and whoever waits for a block sees that
	// something comes. A piece is a sixteenth of a second, within these bounds.
	minPiece = 1 << 10
	maxPiece = 64 << 10
	// paceSlack is how much time a late wake-up may make up for.
	paceSlack = 100 * time.Millisecond
	// maxLanes is how many peers are remembered that have nothing on its way.
	maxLanes = 256
)

// piece is how many bytes pass at once.
func piece(all, each int64) int {
	if all == 0 || each != 0 && each < all {
		all = each
	}
	if all == 0 {
		return math.MaxInt
	}
	return int(min(max(all/16, minPiece), maxPiece))
}

// pacing keeps bulk within limits.
type pacing struct {
	limits  atomic.Pointer[limits]
	out, in road
}

type limits struct {
	Limits
	changed chan struct{} // closed when others hold
}

func newPacing() *pacing {
	p := &pacing{out: newRoad(), in: newRoad()}
	p.limits.Store(&limits{changed: make(chan struct{})})
	return p
}

func (p *pacing) set(l Limits) {
	old := p.limits.Swap(&limits{Limits: l, changed: make(chan struct{})})
	close(old.changed)
}

func (p *pacing) now() (*limits, Rates) {
	l := p.limits.Load()
	return l, l.at(time.Now())
}

// road is one direction. A peer passes its own lane and then the gate that all share; it stands at the gate once, with one
// piece, so that all who stand there get the same share.
type road struct {
	gate *lane

	mu    sync.Mutex // guards lanes and their users
	lanes map[peer.ID]*lane
}

// lane lets bytes pass at a rate, one caller at a time in the order in which they came.
type lane struct {
	turn  chan struct{} // holds one value while someone has its turn
	free  time.Time     // when what passed will have been paid for; belongs to who has the turn
	users int
}

func newRoad() road { return road{gate: newLane(), lanes: map[peer.ID]*lane{}} }

func newLane() *lane { return &lane{turn: make(chan struct{}, 1)} }

func (r *road) pass(ctx context.Context, p peer.ID, n int, rates func() (l *limits, all, each int64)) error {
	if _, all, each := rates(); all == 0 && each == 0 {
		return ctx.Err()
	}
	own := r.enter(p)
	defer r.leave(own)
	if err := own.take(ctx); err != nil {
		return err
	}
	defer own.give()
	for n > 0 {
		l, all, each := rates()
		piece := min(n, piece(all, each))
		n -= piece
		if err := own.wait(ctx, piece, each, l.changed); err != nil {
			return err
		}
		if err := r.gate.take(ctx); err != nil {
			return err
		}
		l, all, _ = rates()
		err := r.gate.wait(ctx, piece, all, l.changed)
		r.gate.give()
		if err != nil {
			return err
		}
	}
	return nil
}

// enter returns the lane of p. It keeps what the lane owes when nobody uses it, until there are too many.
func (r *road) enter(p peer.ID) *lane {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.lanes[p]
	if own == nil {
		if len(r.lanes) >= maxLanes {
			for p, l := range r.lanes {
				if l.users == 0 {
					delete(r.lanes, p)
				}
			}
		}
		own = newLane()
		r.lanes[p] = own
	}
	own.users++
	return own
}

func (r *road) leave(own *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own.users--
}

func (l *lane) take(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lane) give() { <-l.turn }

// wait returns when what passed before is paid for, and lets n bytes pass. When other limits hold, the debt is forgiven.
func (l *lane) wait(ctx context.Context, n int, rate int64, changed <-chan struct{}) error {
	now := time.Now()
	if rate == 0 {
		l.free = now
		return ctx.Err()
	}
	if owed := l.free.Sub(now); owed > 0 {
		timer := time.NewTimer(owed)
		defer timer.Stop()
		select {
		case <-timer.C:
			now = time.Now()
		case <-changed:
			l.free = time.Now()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if earliest := now.Add(-paceSlack); l.free.Before(earliest) {
		l.free = earliest
	}
	l.free = l.free.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	return nil
}
