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

// simNews is what a neighbour told of, see node.told.
type simNews struct {
	catalog.Height
	gossip bool
	failed int
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

// hear is node.heard and gossipsub: a head not seen before goes on to all others.
func (n *simNode) hear(h catalog.Height, from *link) {
	id := headID{h.Author, h.Seq}
	if n.seen[id] {
		return
	}
	n.seen[id] = true
	for _, l := range n.links {
		if l != from {
			l.send(n, traffic{asGossip: headBytes}, func() { l.other(n).hear(h, l) })
		}
	}
	if from != nil && n.cat.Lacks(h) {
		n.wantNews(from.other(n), simNews{Height: h, gossip: true})
	}
}

// wantNews is node.wantNews and node.getNews.
func (n *simNode) wantNews(from *simNode, about simNews) {
	n.coming[about.Author]++
	before, asking := n.news[from]
	n.news[from] = append(before, about)
	if asking {
		return
	}
	n.sim.clock.start(func(t *task) {
		cat := n.cat
		for cat == n.cat && len(n.news[from]) > 0 {
			told := n.news[from]
			n.news[from] = nil
			if !slices.ContainsFunc(told, func(h simNews) bool { return h.failed < 2 }) {
				if t.wait(300 * time.Millisecond); cat != n.cat {
					return
				}
			}
			n.ask(t, from, told)
		}
		if cat == n.cat {
			delete(n.news, from)
		}
	})
}

func (n *simNode) ask(t *task, from *simNode, told []simNews) {
	cat, l := n.cat, n.linkTo(from.id)
	var ids []peer.ID
	for _, h := range told {
		if !slices.Contains(ids, h.Author) && cat.Lacks(h.Height) {
			ids = append(ids, h.Author)
		}
	}
	if l != nil && len(ids) > 0 {
		cat.FollowAuthors(context.Background(), n.other(t, l), ids...) // what fails is asked elsewhere
	}
	if cat != n.cat {
		return
	}
	for _, h := range told {
		switch lacks := cat.Lacks(h.Height); {
		case lacks:
			n.elsewhere(from, h)
		case !h.gossip:
			n.rounds.Hurry(from.id, t.clock.time())
			n.wake(200 * time.Millisecond)
		}
	}
	for _, h := range told {
		n.coming[h.Author]--
	}
	n.moved.ring()
}

// elsewhere is node.elsewhere; an author who is no neighbour is not found.
func (n *simNode) elsewhere(from *simNode, h simNews) {
	h.failed++
	if h.failed == 1 && h.Author != from.id && n.linkTo(h.Author) != nil {
		n.wantNews(n.sim.byID[h.Author], h)
		return
	}
	others := slices.DeleteFunc(slices.Clone(n.links), func(l *link) bool { return l.other(n) == from })
	if h.failed < 5 && len(others) > 0 {
		n.wantNews(others[n.sim.random.IntN(len(others))].other(n), h)
	}
}

// publish says something new and tells the neighbours.
func (n *simNode) publish(title string) error {
	e, s, err := n.cat.Append(n.key, offer(title))
	if err != nil {
		return err
	}
	n.sim.published(n, e)
	hash := s.Hash()
	n.hear(catalog.Height{Author: n.id, Seq: e.Seq, Hash: hash[:]}, nil)
	return nil
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
