package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"savoirs/rag"
	"savoirs/rag/engine"
	"savoirs/store"
)

// Question is what a person asks. In narrows it to some items, by reference;
// Lang is the person's choice and wins over any detection.
type Question struct {
	Text    string   `json:"text"`
	Lang    string   `json:"lang,omitempty"`
	In      []string `json:"in,omitempty"`
	Limit   int      `json:"limit,omitempty"`
	Mode    rag.Mode `json:"mode,omitempty"`
	NoModel bool     `json:"no_model,omitempty"` // passages only
	Alone   bool     `json:"alone,omitempty"`    // the model without the library: no sources
	Mesh    bool     `json:"mesh,omitempty"`     // ask other nodes too, where this one does not by itself
	Fresh   bool     `json:"fresh,omitempty"`    // an answer kept from before will not do
	Private bool     `json:"private,omitempty"`  // the question stays on this machine, whatever else is said
}

// Search finds passages of the items on this machine and, unless the question is
// private, of a few other nodes that may have better ones, where Options or the
// question say so. It needs no model; with one that embeds, meaning counts beside
// words.
func (n *Node) Search(ctx context.Context, q Question) (rag.Results, error) {
	defer n.questions.begin()()
	query, err := n.query(ctx, q)
	if err != nil {
		return rag.Results{}, err
	}
	r, err := n.search(ctx, q, query, func(rag.Results) error { return nil })
	if err != nil {
		return r, fmt.Errorf("search: %w", err)
	}
	return r, nil
}

// Ask answers from the passages that Search finds: emit receives the sources
// first, early ones while other nodes are asked, then the answer as it is
// written, then its end. Without a model, or with
// NoModel, the passages are the answer. When the library has nothing on the
// subject the answer says so and Known is false. An answer that was given before to the same question, by the same
// models from the same versions, is given again, marked as Kept. One that is being given to somebody else is given to
// both: each hears it from its beginning, and either may leave.
func (n *Node) Ask(ctx context.Context, q Question, emit func(rag.Event) error) (rag.Answer, error) {
	defer n.questions.begin()()
	if q.Alone {
		return n.alone(ctx, q, emit)
	}
	query, err := n.query(ctx, q)
	if err != nil {
		return rag.Answer{}, err
	}
	var g rag.Generator
	var m engine.Model
	if !q.NoModel {
		if g, m, err = n.engine.Generator(ctx, n.chatModel()); err != nil && !errors.Is(err, engine.ErrNoModel) {
			n.log.Warn("no model for this answer", "err", err)
		}
	}
	key, err := n.answerKey(ctx, q, query, m.ID()+" "+m.Name)
	if err != nil {
		return rag.Answer{}, err
	}
	making := key
	if q.Fresh {
		making += " fresh" // not with those who may be given a kept one
	}
	return n.together.answer(ctx, making, func(ctx context.Context, emit func(rag.Event) error) (rag.Answer, error) {
		return n.answerOnce(ctx, q, query, g, key, emit)
	}, emit)
}

// answerOnce gives the answer kept under key again, where it is good enough, or makes one and keeps it.
func (n *Node) answerOnce(ctx context.Context, q Question, query rag.Query, g rag.Generator, key string, emit func(rag.Event) error) (rag.Answer, error) {
	keeps := !n.asksOthers(q)
	if keeps && !q.Fresh {
		if kept, ok := n.answers.find(key); ok {
			return kept, tellAgain(kept, emit)
		}
	}
	results, err := n.search(ctx, q, query, func(r rag.Results) error { return emit(rag.EarlySources(r)) })
	if err != nil {
		return rag.Answer{}, fmt.Errorf("search: %w", err)
	}
	answer, err := rag.Ask(ctx, query, results, g, emit)
	if err == nil && keeps && results.Degraded == "" && ctx.Err() == nil {
		if err := n.answers.keep(key, answer); err != nil {
			n.log.Warn("keep an answer", "err", err)
		}
	}
	return answer, err
}

// asksOthers tells whether a question would be put to other nodes, if it were not private. One about some items only
// is about what is here.
func (n *Node) asksOthers(q Question) bool { return (n.o.AskOthers || q.Mesh) && len(q.In) == 0 }

// search finds passages here, then asks others.
func (n *Node) search(ctx context.Context, said Question, q rag.Query, early func(rag.Results) error) (rag.Results, error) {
	e, err := n.embedder(ctx)
	if err != nil {
		e = nil // words alone still find
	}
	wanted := n.asksOthers(said)
	if e != nil && wanted && q.Mode != rag.ModeLexical {
		// what glossaries of private sets say stays home
		if q.Vector, err = rag.EmbedQuestion(ctx, q, e, n.indexes[store.Mesh]); err == nil {
			q.Model = e.Model()
		} else if n.log.Debug("embed a question for others", "err", err); ctx.Err() != nil {
			return rag.Results{}, ctx.Err()
		}
	}
	local, err := n.rank(ctx, q, e)
	switch {
	case err != nil || !wanted:
		return local, err
	case said.Private:
		return n.keptHome(ctx, q, local)
	}
	return n.askOthers(ctx, q, e, local, early)
}

// rank searches both indexes.
func (n *Node) rank(ctx context.Context, q rag.Query, e rag.Embedder) (rag.Results, error) {
	return rag.Search(ctx, q, e, n.indexes[store.Private], n.indexes[store.Mesh])
}

// embedder returns who makes vectors, or engine.ErrNoModel.
func (n *Node) embedder(ctx context.Context) (rag.Embedder, error) {
	if n.o.Embedder != nil {
		return n.o.Embedder, nil
	}
	e, _, err := n.engine.Embedder(ctx, n.embedModel())
	return e, err
}

// query turns references into the sets of the index.
func (n *Node) query(ctx context.Context, q Question) (rag.Query, error) {
	query := rag.Query{Text: q.Text, Lang: q.Lang, Limit: q.Limit, Mode: q.Mode}
	for _, ref := range q.In {
		it, _, err := n.findHere(ctx, ref)
		if err != nil {
			return query, fmt.Errorf("search in: %w", err)
		}
		query.In = append(query.In, it.Root)
	}
	return query, nil
}

// questions counts the ones being answered, so that background work can wait
// until none is.
type questions struct {
	mu   sync.Mutex
	open int
	idle chan struct{} // closed when open is 0; nil when it is 0 already
	give func()        // ends the work under way between questions; nil when there is none
}

// begin counts a question in and returns what counts it out.
func (q *questions) begin() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open++; q.open == 1 {
		q.idle = make(chan struct{})
	}
	if q.give != nil {
		q.give()
	}
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.open--; q.open == 0 {
			close(q.idle)
			q.idle = nil
		}
	}
}

// wait returns when no question is being answered, or with ctx's error.
func (q *questions) wait(ctx context.Context) error {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	if idle == nil {
		return ctx.Err()
	}
	select {
	case <-idle:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
