package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"savoirs/p2p"
	"savoirs/store"
	"savoirs/store/catalog"
)

// The catalogue travels by exchanges of package catalog, a call for each
// question: with all on connecting and from time to time, about one author when
// a head is heard. Of two nodes that hold the same, one asks, in one question.

const catalogueCall = "catalogue"

// catalogueQuestion is a question; the first on connecting says who asks.
type catalogueQuestion struct {
	catalog.Question
	Who *Profile `json:"who,omitempty"`
}

// catalogueAnswer says who answers if it was told who asks.
type catalogueAnswer struct {
	catalog.Answer
	Who *Profile `json:"who,omitempty"`
}

// A question has some 8,000 heights at most, an answer 1 MiB of entries.
var catalogueLimit = p2p.Limit{MaxRequest: 1 << 20, MaxAnswer: 2 << 20, Timeout: 30 * time.Second, PerPeer: 8}

const (
	exchangeTime = 10 * time.Minute // for one exchange of everything
	exchanges    = 8                // of everything, waiting or at once, that time brought
	tellers      = 64               // neighbours asked for news at once
)

func (n *Node) serveCatalogue() {
	p2p.Handle(n.mesh, catalogueCall, catalogueLimit, func(ctx context.Context, from peer.ID, q catalogueQuestion) (a catalogueAnswer, err error) {
		if q.Who != nil {
			n.profiles.set(from, *q.Who)
			who := n.profile()
			a.Who = &who
		}
		for _, h := range n.catalog.Ahead(q.Question) {
			n.wantNews(from, told{Height: h})
		}
		a.Answer, err = n.answer(ctx, from, q.Question)
		if errors.Is(err, catalog.ErrQuestion) {
			err = &p2p.RemoteError{Code: p2p.CodeMalformed}
		}
		if a.Same && q.Root == n.catalog.Digest() {
			n.rounds.Equal(from, time.Now())
		}
		return a, err
	})
}

// comingTime is how long a question about authors waits for news of them that
// is on its way here.
const comingTime = 2 * time.Second

// answer never has two nodes that ask each other wait for each other.
func (n *Node) answer(ctx context.Context, from peer.ID, q catalog.Question) (catalog.Answer, error) {
	if len(q.Heights) == 0 || len(q.Within) > 0 || n.news.asks(from) {
		return n.catalog.Answer(q)
	}
	ctx, cancel := context.WithTimeout(ctx, comingTime)
	defer cancel()
	for {
		moved := n.coming.any(q.Heights)
		a, err := n.catalog.Answer(q)
		if err != nil || moved == nil || ctx.Err() != nil {
			return a, err
		}
		if len(a.Entries) > 0 {
			a.More = true // of those still coming
			return a, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
}

// arrived is called by the mesh for each node that becomes connected.
func (n *Node) arrived(ctx context.Context, p peer.ID) {
	who := n.profile()
	n.syncWith(ctx, p, &who)
	if err := n.exchangeHoldings(ctx, p, nil); err != nil && ctx.Err() == nil {
		n.log.Debug("holdings", "peer", p, "err", err)
	}
}

// followCatalogue asks for what was announced, and neighbours from time to
// time: gossip may be lost.
func (n *Node) followCatalogue(ctx context.Context) error {
	var news, rounds errgroup.Group
	news.SetLimit(tellers)
	rounds.SetLimit(exchanges)
	defer rounds.Wait()
	defer news.Wait()
	turn := time.NewTimer(0)
	defer turn.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case from := <-n.tellers:
			news.Go(func() error { n.getNews(ctx, from); return nil })
		case <-n.turns:
			turn.Reset(hurryTime)
		case <-turn.C:
			due, next := n.rounds.Due(time.Now(), n.neighbours())
			for _, p := range due {
				if !rounds.TryGo(func() error { n.syncWith(ctx, p, nil); return nil }) {
					next = time.Now().Add(time.Second)
				}
			}
			turn.Reset(time.Until(next))
		}
	}
}

// hurryTime lets what comes together be passed on together.
const hurryTime = 200 * time.Millisecond

// hurry has the neighbours but one asked soon, who then see that we know more.
func (n *Node) hurry(but peer.ID) {
	n.rounds.Hurry(but, time.Now())
	n.turns.ring()
}

// neighbours are the nodes of ours among the peers connected now.
func (n *Node) neighbours() []peer.ID {
	var ids []peer.ID
	for _, p := range n.mesh.Peers() {
		if p.Savoirs {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// patience is how long an exchange of everything waits for others to end: what
// they bring, it need not bring again.
const patience = 5 * time.Second

// syncWith takes from p the entries that lack here, verified one by one, and
// settles when p is next.
func (n *Node) syncWith(ctx context.Context, p peer.ID, who *Profile) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	last := n.rounds.Begin(p, time.Now())
	defer n.syncing.enter(patience)()
	before := n.catalog.Digest()
	settled, err := n.catalog.Follow(ctx, n.other(p, who), last)
	quiet := n.catalog.Digest() == before
	n.rounds.Done(p, time.Now(), settled, quiet)
	if !quiet {
		n.hurry(p)
	}
	n.turns.ring()
	if err != nil && ctx.Err() == nil {
		n.log.Debug("catalogue", "peer", p, "err", err)
	}
}

// other is the catalogue of p, who being said with the first question.
func (n *Node) other(p peer.ID, who *Profile) catalog.Other {
	return catalog.Other{
		Ask: func(ctx context.Context, q catalog.Question) (catalog.Answer, error) {
			a, err := p2p.Call[catalogueQuestion, catalogueAnswer](ctx, n.mesh, p, catalogueCall, catalogueLimit, catalogueQuestion{q, who})
			if err != nil {
				return catalog.Answer{}, fmt.Errorf("ask %s for news: %w", p, err)
			}
			if a.Who != nil {
				n.profiles.set(p, *a.Who)
			}
			who = nil
			return a.Answer, nil
		},
		Take: func(ctx context.Context, entries []catalog.Sealed) error { return n.take(ctx, p, entries) },
	}
}

// take adds entries to the catalogue. Those that are refused are passed over:
// one author's fault must not hide the others' news.
func (n *Node) take(ctx context.Context, from peer.ID, entries []catalog.Sealed) error {
	added, err := n.takeEntries(ctx, n.mesh.Neighbourhood(from), entries)
	if err != nil {
		return fmt.Errorf("entries of %s: %w", from, err)
	}
	n.blameEntries(from, entries, added)
	if slices.ContainsFunc(added, func(a catalog.Added) bool { return errors.Is(a.Err, catalog.ErrFork) }) {
		n.hurry(from)
	}
	return nil
}

// takeEntries is take for whatever source, whose share is bounded; it returns
// what became of each entry. errIntake: the share is used up, nothing is kept.
func (n *Node) takeEntries(ctx context.Context, source string, entries []catalog.Sealed) ([]catalog.Added, error) {
	if err := n.catalog.Adopt(n.key, entries); err != nil && !errors.Is(err, catalog.ErrGap) {
		n.log.Error("our own entries, heard from others", "err", err)
	}
	if err := n.intake.take(source, entries); err != nil {
		return nil, err
	}
	added, err := n.check(ctx, entries)
	if err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	n.coming.move()
	for _, a := range added {
		switch {
		case errors.Is(a.Err, catalog.ErrFork):
			n.log.Warn("an author signed two entries with one number", "author", a.Entry.Author, "seq", a.Entry.Seq)
		case a.Err != nil:
			n.log.Debug("entry refused", "source", source, "err", a.Err)
		case a.Entry.Kind == catalog.Pack && a.Entry.Author != n.id:
			if set, ok := n.indexes[store.Mesh].Set(a.Entry.Base); ok && set.Embedded < set.Passages {
				n.embed.offered.ring()
				n.embed.wanted.ring()
			}
		}
	}
	return added, nil
}
