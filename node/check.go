package node

import (
	"context"
	"errors"
	"sync"

	"github.com/ipfs/go-cid"

	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/rag/extract"
)

// suspect is a passage of another node that would be shown, and what its check found.
type suspect struct {
	reply *reply
	offer *rag.Offer
	found rag.Finding
	wrong bool // its vector is not that of its text
}

// check checks the passages of others among the first hits: their text against the blocks of the dataset, their vector by
// our own model. It returns whether anything changed by which the order may change.
func (a *asking) check(ctx context.Context, hits []rag.Hit) (changed bool) {
	var suspects []*suspect
	for _, h := range hits[:min(len(hits), checked)] {
		if h.From == nil {
			continue
		}
		if r, o := a.replyOf(h.From); o != nil && !a.done[o] {
			suspects = append(suspects, &suspect{reply: r, offer: o})
			a.done[o] = true
		}
	}
	if len(suspects) == 0 || ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var checking sync.WaitGroup
	for _, s := range suspects {
		checking.Go(func() { s.found = a.n.finds(ctx, s.reply, s.offer.Passage) })
	}
	vectors := false
	checking.Go(func() { vectors = a.recheck(ctx, suspects) })
	checking.Wait()
	for _, s := range suspects {
		switch {
		case s.reply.Outcome != rag.OutcomeAnswered: // another passage showed that it lied
		case s.found == rag.Lacks:
			s.reply.lied(a.n, falsePassage(s))
		case s.wrong:
			s.reply.lied(a.n, nil) // the vector may be another's: it came with the dataset
		case s.found == rag.Says:
			from := *s.offer.From
			from.Verified = true
			s.offer.From = &from
		}
		changed = true
	}
	return changed || vectors
}

// recheck embeds the passages with our own model, where there is one and time.
func (a *asking) recheck(ctx context.Context, suspects []*suspect) bool {
	if a.e == nil || a.q.Vector == nil {
		return false
	}
	offers := make([]*rag.Offer, len(suspects))
	for i, s := range suspects {
		offers[i] = s.offer
	}
	wrong, err := rag.Recheck(ctx, a.e, offers)
	if err != nil {
		a.n.log.Debug("vectors of others are not checked", "err", err)
		return false
	}
	for _, s := range suspects {
		for _, o := range wrong {
			s.wrong = s.wrong || s.offer == o
		}
	}
	return true
}

// finds looks in the blocks of the dataset for what a passage says.
func (n *Node) finds(ctx context.Context, r *reply, p rag.Passage) rag.Finding {
	root, err := cid.Decode(p.Set)
	if err != nil {
		return rag.Unsure
	}
	read := func(start, end int64) ([]byte, rag.Finding) {
		b, err := n.prove(ctx, r.peer, root, proofQuestion{Doc: p.Doc, Start: start, End: end})
		switch {
		case errors.Is(err, errNoDocument) && extract.Supported(p.Doc):
			return nil, rag.Lacks
		case err != nil:
			n.log.Debug("proof of a passage", "peer", r.peer, "document", p.Doc, "err", err)
			return nil, rag.Unsure
		}
		return b, rag.Says
	}
	if p.End > p.Start && p.End-p.Start <= maxDocument {
		b, found := read(p.Start, p.End)
		if found != rag.Says || p.InBytes(b) == rag.Says {
			return found
		}
	}
	b, found := read(0, maxDocument+1)
	switch {
	case found != rag.Says:
		return found
	case len(b) > maxDocument:
		return rag.Unsure
	}
	return p.InDocument(ctx, b, n.extraction())
}

// falsePassage is the fault of a node that sent what its dataset does not say. Only of a dataset of its own is it proved a
// lie: what others hold may have come to them with a pack of passages.
func falsePassage(s *suspect) *p2p.Fault {
	kind := p2p.Malformed
	if s.offer.From.Author == s.reply.Peer {
		kind = p2p.FalsePassage
	}
	f := p2p.NewFault(kind, searchCall, "passage that "+s.offer.Doc+" does not hold", []byte(s.offer.Text))
	f.Asked = s.offer.Set
	return f
}
