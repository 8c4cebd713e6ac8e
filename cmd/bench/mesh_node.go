package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
)

// simNode is a node of the simulation: a real catalogue in a real folder, the
// real exchange and the real rounds; of package node, what it does when it meets
// a neighbour, hears a head, is asked, and has something to pass on.
type simNode struct {
	sim   *simulation
	index int
	key   crypto.PrivKey
	id    peer.ID
	links []*link
	known []peer.ID // neighbours it once had, to be found again

	// Of one stay; nil or zero while it is away.
	cat     *catalog.Catalog
	rounds  *catalog.Rounds
	seen    map[headID]bool
	news    map[*simNode][]simNews
	coming  map[peer.ID]int
	moved   bell
	busy    bool // an exchange of everything is under way
	left    bell
	turn    int // which wake-up counts
	sent    traffic
	lacking map[int]bool // publications made before it came back that it lacks
	back    time.Duration
}

type headID struct {
	author peer.ID
	seq    uint64
}

func (n *simNode) dir() string { return filepath.Join(n.sim.dir, fmt.Sprint("n", n.index)) }

// up starts the node: it reads its catalogue and has no neighbour yet.
func (n *simNode) up() error {
	cat, err := catalog.Open(catalog.Options{Dir: n.dir()})
	if err != nil {
		return err
	}
	n.cat, n.rounds = cat, &catalog.Rounds{Chance: n.sim.random.Float64}
	n.seen, n.news, n.coming = map[headID]bool{}, map[*simNode][]simNews{}, map[peer.ID]int{}
	n.back, n.lacking = n.sim.clock.now, map[int]bool{}
	return nil
}

// down stops it and cuts its links, as its neighbours notice.
func (n *simNode) down() {
	for _, l := range slices.Clone(n.links) {
		n.sim.cut(l)
	}
	n.moved.ring()
	n.left.ring()
	n.cat.Close()
	n.cat, n.busy = nil, false
	n.turn++
}

func (n *simNode) linkTo(id peer.ID) *link {
	for _, l := range n.links {
		if l.other(n).id == id {
			return l
		}
	}
	return nil
}

// other is the neighbour at the end of l, to take from.
func (n *simNode) other(t *task, l *link) catalog.Other {
	cat := n.cat
	return catalog.Other{
		Ask: func(_ context.Context, q catalog.Question) (a catalog.Answer, err error) {
			if l.cut {
				return a, errGone
			}
			var answered bell
			err = errGone
			l.send(n, weighQuestion(q), func() {
				l.other(n).answer(l, q, func(got catalog.Answer) {
					l.send(l.other(n), weighAnswer(got), func() {
						a, err = got, nil
						answered.ring()
					})
				})
			})
			t.wait(10*time.Second, &answered, &l.calls)
			return a, err
		},
		Take: func(ctx context.Context, entries []catalog.Sealed) error {
			added, err := cat.AddMany(ctx, entries)
			for _, a := range added {
				if a.New && cat == n.cat {
					n.sim.learned(n, a.Entry)
				}
			}
			n.moved.ring()
			return err
		},
	}
}

var errGone = errors.New("neighbour gone")

// answer gives what is asked, waiting for news on its way here as node.answer.
func (n *simNode) answer(l *link, q catalog.Question, reply func(catalog.Answer)) {
	n.sim.clock.start(func(t *task) {
		cat, asker, until := n.cat, l.other(n), t.clock.now+2*time.Second
		for _, h := range cat.Ahead(q) {
			n.wantNews(asker, simNews{Height: h})
		}
		for cat == n.cat {
			_, asked := n.news[asker]
			waits := len(q.Within) == 0 && !asked && t.clock.now < until && slices.ContainsFunc(q.Heights, func(h catalog.Height) bool { return n.coming[h.Author] > 0 })
			a, err := cat.Answer(q)
			if err != nil {
				return
			}
			if !waits || len(a.Entries) > 0 {
				a.More = a.More || waits
				if a.Same && q.Root == cat.Digest() {
					n.rounds.Equal(asker.id, t.clock.time())
				}
				reply(a)
				return
			}
			t.wait(until-t.clock.now, &n.moved)
		}
	})
}

// follow is node.syncWith.
func (n *simNode) follow(l *link) {
	n.sim.clock.start(func(t *task) {
		cat, p := n.cat, l.other(n).id
		last := n.rounds.Begin(p, t.clock.time())
		until := t.clock.now + 5*time.Second
		for n.busy && t.clock.now < until {
			t.wait(until-t.clock.now, &n.left)
		}
		if cat != n.cat {
			return
		}
		n.busy = true
		before := cat.Digest()
		settled, _ := cat.Follow(context.Background(), n.other(t, l), last)
		if cat != n.cat {
			return
		}
		n.busy = false
		n.left.ring()
		quiet := cat.Digest() == before
		n.rounds.Done(p, t.clock.time(), settled, quiet)
		if !quiet {
			n.rounds.Hurry(p, t.clock.time())
		}
		n.wake(200 * time.Millisecond)
	})
}

// wake has neighbours asked whose turn it is, in a while.
func (n *simNode) wake(in time.Duration) {
	n.turn++
	turn := n.turn
	n.sim.clock.after(in, func() {
		if turn != n.turn || n.sim.ending {
			return
		}
		var ids []peer.ID
		for _, l := range n.links {
			ids = append(ids, l.other(n).id)
		}
		due, next := n.rounds.Due(n.sim.clock.time(), ids)
		n.wake(next.Sub(n.sim.clock.time()))
		for _, p := range due {
			n.follow(n.linkTo(p))
		}
	})
}

// copyCatalogue gives a node what everybody knows at the beginning.
func (n *simNode) copyCatalogue(from string) error {
	b, err := os.ReadFile(filepath.Join(from, "entries.log"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.dir(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.dir(), "entries.log"), b, 0o600)
}
