package node

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/store"
)

// Others' questions are answered from what is published here, by the index of the mesh space, which knows nothing else.

const (
	searchCall = "search"
	codesCall  = "codes"

	maxOffers    = 10  // passages sent for a question
	maxSetsAsked = 256 // named in a question
)

var (
	searchLimit = p2p.Limit{MaxRequest: 64 << 10, MaxAnswer: 256 << 10, Timeout: 4 * time.Second, PerPeer: 2}
	codesLimit  = p2p.Limit{MaxRequest: 1 << 10, MaxAnswer: 2 << 20, Timeout: 20 * time.Second, PerPeer: 1}
)

// searchQuestion is all that leaves this node of a question: not who asks, nor what was asked before.
type searchQuestion struct {
	Text   string    `cbor:"text"`
	Lang   string    `cbor:"lang,omitempty"`
	In     []string  `cbor:"in"`               // roots of the datasets asked
	Model  string    `cbor:"model,omitempty"`  // digest of the model of Vector
	Vector []float32 `cbor:"vector,omitempty"` //
}

type searchAnswer struct {
	Offers []rag.Offer `cbor:"offers"`
	Counts rag.Counts  `cbor:"counts"`
}

type codesQuestion struct {
	Root  string `cbor:"root"`
	Model string `cbor:"model"`
}

func (n *Node) serveSearch() {
	published := n.indexes[store.Mesh]
	p2p.Handle(n.mesh, searchCall, searchLimit, func(ctx context.Context, from peer.ID, q searchQuestion) (a searchAnswer, err error) {
		if !n.askers.take(from) {
			return a, &p2p.RemoteError{Code: p2p.CodeBusy}
		}
		if len(q.In) == 0 || len(q.In) > maxSetsAsked {
			return a, &p2p.RemoteError{Code: p2p.CodeMalformed}
		}
		a.Offers, a.Counts, err = published.Offer(ctx, rag.Query{
			Text: q.Text, Lang: q.Lang, In: q.In, Limit: maxOffers, Model: q.Model, Vector: q.Vector,
		})
		if errors.Is(err, rag.ErrEmptyQuestion) || errors.Is(err, rag.ErrQuestionTooLong) {
			err = &p2p.RemoteError{Code: p2p.CodeMalformed}
		}
		return a, err
	})
	p2p.Handle(n.mesh, codesCall, codesLimit, func(ctx context.Context, from peer.ID, q codesQuestion) (rag.Signs, error) {
		if !n.askers.take(from) {
			return rag.Signs{}, &p2p.RemoteError{Code: p2p.CodeBusy}
		}
		c, err := published.Signs(ctx, q.Root)
		if errors.Is(err, rag.ErrNotFound) || err == nil && c.Model != q.Model {
			return rag.Signs{}, &p2p.RemoteError{Code: codeNoCodes}
		}
		return c, err
	})
}

const codeNoCodes = "no-codes" // of that set and model
