package catalog

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// How long after an exchange a neighbour is asked again, before a quarter more or less by chance:
// soon while exchanges bring something, for then news gets lost on the way, and ever later while they
// bring nothing. News that gossip lost is made up for within LongestRound and its quarter.
const (
	shortestRound = 2 * time.Minute
	LongestRound  = 8 * time.Minute

	// hurrySpace is left between two exchanges with a neighbour, whatever the hurry. It is also when
	// one is asked again after the first exchange: gossip needs a second to reach a newcomer, and what
	// is told in between would be lost on both.
	hurrySpace = 2 * time.Second

	// settledFor is how long an exchange is spared for having brought nothing: who blocked an author
	// may have changed its mind, which no digest shows.
	settledFor = time.Hour
)

// Rounds decides when to ask which neighbour for what others published and gossip failed to tell. It
// reads no clock, only compares the times it is given. The zero value is ready; methods may be called
// concurrently.
type Rounds struct {
	// Chance gives numbers from 0 to below 1, nil for the usual ones.
	Chance func() float64

	mu    sync.Mutex // guards turns
	turns map[peer.ID]*turn
}

// turn is when one neighbour is next, and what the last exchange with it came to.
type turn struct {
	due     time.Time
	began   time.Time // of the last exchange
	met     time.Time
	wait    time.Duration
	settled Settled
	since   time.Time // of settled
}

// Due returns those of the neighbours that are to be asked now, and when to come back, at most
// two minutes from now. Neighbours not named are forgotten, new ones are given a turn.
func (r *Rounds) Due(now time.Time, neighbours []peer.ID) (due []peer.ID, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.turns {
		if !slices.Contains(neighbours, p) {
			delete(r.turns, p)
		}
	}
	next = now.Add(shortestRound)
	for _, p := range neighbours {
		if t := r.turn(p, now); !t.due.After(now) {
			due = append(due, p)
		} else if t.due.Before(next) {
			next = t.due
		}
	}
	return due, next
}

// Begin says that an exchange with p begins, and returns what to give to Follow.
func (r *Rounds) Begin(p peer.ID, now time.Time) Settled {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.turn(p, now)
	t.began, t.due = now, now.Add(shortestRound)
	if now.Sub(t.since) > settledFor {
		t.settled = Settled{}
	}
	return t.settled
}

// Done says what an exchange with p came to, quiet if it brought nothing, and when its next turn is.
func (r *Rounds) Done(p peer.ID, now time.Time, s Settled, quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.turn(p, now)
	if s != t.settled {
		t.settled, t.since = s, now
	}
	r.next(t, now, quiet)
}

// Equal says that p asked us and holds the same: its turn is over too.
func (r *Rounds) Equal(p peer.ID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next(r.turn(p, now), now, true)
}

// Hurry gives every neighbour but one its turn now, or some seconds after its last: entries came from
// that one that no gossip tells the others of.
func (r *Rounds) Hurry(but peer.ID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, t := range r.turns {
		soon := t.began.Add(hurrySpace)
		if soon.Before(now) {
			soon = now
		}
		if p != but && soon.Before(t.due) {
			t.due = soon
		}
	}
}

// Forget drops what exchanges came to, after a change of what is refused here.
func (r *Rounds) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.turns {
		t.settled = Settled{}
	}
}

func (r *Rounds) next(t *turn, now time.Time, quiet bool) {
	if quiet {
		t.wait = min(2*t.wait, LongestRound)
	} else {
		t.wait = shortestRound
	}
	chance := r.Chance
	if chance == nil {
		chance = rand.Float64
	}
	t.due = now.Add(t.wait*3/4 + time.Duration(chance()*float64(t.wait/2)))
	if now.Sub(t.met) < hurrySpace {
		t.due = now.Add(hurrySpace)
	}
}

// turn is that of p, half a round from now if it is new. The caller holds mu.
func (r *Rounds) turn(p peer.ID, now time.Time) *turn {
	t := r.turns[p]
	if t == nil {
		if r.turns == nil {
			r.turns = map[peer.ID]*turn{}
		}
		t = &turn{wait: shortestRound / 2, met: now}
		t.due = now.Add(t.wait)
		r.turns[p] = t
	}
	return t
}
