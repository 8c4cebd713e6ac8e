package main

import (
	"context"
	"savoirs/store/catalog"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// simNews is what a neighbour told of, see node.told.
type simNews struct {
	catalog.Height
	gossip bool
	failed int
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
