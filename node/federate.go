package node

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/rag"
)

// A question goes to a few other nodes, each with a time limit; their passages are ranked here among our own, and what
// would be shown is checked first. Nobody waits for who is slow, and nothing a peer says of itself decides a place.
const (
	askTime   = 2 * time.Second         // for one node
	wholeTime = 4 * time.Second         // for all, with checking
	checkTime = 1500 * time.Millisecond // for one round of checks
	replaced  = time.Second             // who refuses sooner is replaced by the next
	checked   = 8                       // passages of others, of the first, that are checked
	rounds    = 4                       // of checks, each without the liars of the one before
)

// reply is what one node that was asked made of it.
type reply struct {
	candidate
	rag.Asked
	offers []*rag.Offer
	counts rag.Counts
}

// asking is one question put to others. It is used by one goroutine.
type asking struct {
	n       *Node
	q       rag.Query
	e       rag.Embedder
	counts  map[string]rag.Counts // by the sketches, of each dataset elsewhere
	replies []*reply
	done    map[*rag.Offer]bool // checked
}

// askOthers puts q to the most promising others. early is called with the results so far each time an answer came while
// others are waited for. local are the results of this node alone, returned when nobody else can be asked.
func (n *Node) askOthers(ctx context.Context, q rag.Query, e rag.Embedder, local rag.Results, early func(rag.Results) error) (rag.Results, error) {
	candidates, counts, err := n.choose(ctx, q)
	if err != nil || len(candidates) == 0 {
		return local, err
	}
	if err := early(local); err != nil {
		return local, err
	}
	n.curious.ring()
	soon, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	a := &asking{n: n, q: q, e: e, counts: counts, done: map[*rag.Offer]bool{}}
	if err := a.gather(soon, candidates, early); err != nil {
		return local, err
	}
	if err := ctx.Err(); err != nil {
		return local, err
	}
	return a.settle(soon, local)
}

// choose returns whom to ask, the most promising first.
func (n *Node) choose(ctx context.Context, q rag.Query) ([]candidate, map[string]rag.Counts, error) {
	here := rag.Counts{}
	for _, x := range n.indexes {
		c, err := x.Counts(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		here.Add(c)
	}
	return n.whom(q, here)
}

// keptHome names in the results who would have been asked.
func (n *Node) keptHome(ctx context.Context, q rag.Query, local rag.Results) (rag.Results, error) {
	candidates, _, err := n.choose(ctx, q)
	for _, c := range candidates[:min(len(candidates), n.askMost())] {
		local.Asked = append(local.Asked, rag.Asked{Peer: c.peer.String(), Name: n.profiles.of(c.peer).Name, Outcome: rag.OutcomePrivate})
	}
	return local, err
}

func (n *Node) askMost() int {
	if n.o.AskMost > 0 {
		return n.o.AskMost
	}
	return defaultAsked
}

// gather asks as many as may be asked and waits for them, until ctx ends: who has not answered then is late. One that
// refuses at once gives its place to the next.
func (a *asking) gather(ctx context.Context, candidates []candidate, early func(rag.Results) error) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan *reply)
	open, start := map[peer.ID]candidate{}, time.Now()
	next := func() {
		c := candidates[0]
		candidates = candidates[1:]
		open[c.peer] = c
		running.Go(func() {
			r := a.n.question(ctx, c, a.q)
			select {
			case came <- r:
			case <-ctx.Done():
			}
		})
	}
	for len(open) < a.n.askMost() && len(candidates) > 0 {
		next()
	}
	for len(open) > 0 {
		var r *reply
		select {
		case r = <-came:
		case <-ctx.Done():
			for _, c := range open {
				r := a.n.replyFrom(c)
				r.Outcome = rag.OutcomeLate
				a.replies = append(a.replies, r)
			}
			return nil
		}
		delete(open, r.peer)
		a.replies = append(a.replies, r)
		if r.Outcome == rag.OutcomeRefused && len(candidates) > 0 && time.Since(start) < replaced {
			next()
		}
		if len(open) > 0 && len(r.offers) > 0 {
			so, err := a.rank(ctx)
			if err != nil {
				return err
			}
			if err := early(so); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Node) replyFrom(c candidate) *reply {
	return &reply{candidate: c, Asked: rag.Asked{Peer: c.peer.String(), Name: n.profiles.of(c.peer).Name}}
}

// question puts q to one node and takes what is as agreed.
func (n *Node) question(ctx context.Context, c candidate, q rag.Query) *reply {
	r := n.replyFrom(c)
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	question := searchQuestion{Text: q.Text, Lang: q.Lang, Model: q.Model, Vector: q.Vector}
	for set := range c.sets {
		question.In = append(question.In, set)
	}
	start := time.Now()
	answer, err := p2p.Call[searchQuestion, searchAnswer](ctx, n.mesh, c.peer, searchCall, searchLimit, question)
	r.Millis = time.Since(start).Milliseconds()
	switch {
	case err == nil:
		r.take(n, answer)
	case ctx.Err() != nil:
		r.Outcome = rag.OutcomeLate
	default:
		r.Outcome = rag.OutcomeRefused
		n.log.Debug("question to another node", "peer", c.peer, "err", err)
	}
	return r
}

// take accepts an answer, or blames who sent what no honest node sends.
func (r *reply) take(n *Node, a searchAnswer) {
	type place struct {
		set string
		n   int
	}
	seen := map[place]bool{}
	good := len(a.Offers) <= maxOffers
	for i := range a.Offers {
		o := &a.Offers[i]
		e, asked := r.sets[o.Set]
		at := place{o.Set, o.N}
		if good = good && asked && !seen[at] && o.Accept(); !good {
			break
		}
		seen[at] = true
		o.From = &rag.From{Peer: r.Peer, Name: r.Name, Author: e.Author.String(), Dataset: e.Title}
		r.offers = append(r.offers, o)
	}
	if !good {
		r.lied(n, p2p.NewFault(p2p.Malformed, searchCall, "answer with passages that no honest node sends", nil))
		return
	}
	most := int64(0)
	for _, e := range r.sets {
		most += e.Size/leastPassage + int64(e.Files)
	}
	if a.Counts.Clamp(); int64(a.Counts.Passages()) <= most {
		r.counts = a.Counts
	}
	r.Outcome, r.Passages = rag.OutcomeAnswered, len(r.offers)
}

// lied drops all that a node sent.
func (r *reply) lied(n *Node, f *p2p.Fault) {
	r.Outcome, r.offers, r.counts, r.Passages = rag.OutcomeLied, nil, nil, 0
	if f != nil {
		n.mesh.Blame(r.peer, f)
	}
}

// rank searches again with all that came.
func (a *asking) rank(ctx context.Context) (rag.Results, error) {
	q := a.q
	q.Elsewhere = rag.Elsewhere{Counts: rag.Counts{}}
	told := map[string]bool{}
	for _, r := range a.replies {
		for _, o := range r.offers {
			q.Elsewhere.Offers = append(q.Elsewhere.Offers, *o)
		}
		if r.counts != nil {
			q.Elsewhere.Counts.Add(r.counts)
			for set := range r.sets {
				told[set] = true
			}
		}
	}
	for set, c := range a.counts {
		if !told[set] {
			q.Elsewhere.Counts.Add(c)
		}
	}
	// What is here is ranked again in any case: it must not fail because the time for asking is up.
	res, err := a.n.rank(context.WithoutCancel(ctx), q, a.e)
	for _, r := range a.replies {
		res.Asked = append(res.Asked, r.Asked)
	}
	return res, err
}

// settle ranks what came and checks the first of it, until nothing is left to check or the time is up.
func (a *asking) settle(ctx context.Context, local rag.Results) (rag.Results, error) {
	for range rounds {
		res, err := a.rank(ctx)
		if err != nil {
			return local, err
		}
		if !a.check(ctx, res.Hits) {
			return res, nil
		}
	}
	return a.rank(ctx)
}

// replyOf returns who sent a passage.
func (a *asking) replyOf(from *rag.From) (*reply, *rag.Offer) {
	for _, r := range a.replies {
		for _, o := range r.offers {
			if o.From == from {
				return r, o
			}
		}
	}
	return nil, nil
}
