package rag

import (
	"context"
	"fmt"

	index "github.com/blevesearch/bleve_index_api"
)

// Offer answers a question of another node: the passages of x that suit it best, with their vectors when they are of the
// model that q names, and what the asker needs to weigh the words of its question. It calls no model and changes nothing
// but that damaged sets are forgotten. Errors: ErrEmptyQuestion, ErrQuestionTooLong.
func (x *Index) Offer(ctx context.Context, q Query) ([]Offer, Counts, error) {
	q.Mode = ModeBest
	found, err := Search(ctx, q, nil, x)
	if err != nil {
		return nil, nil, err
	}
	asked, err := newQuestion(q)
	if err != nil {
		return nil, nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, nil, fmt.Errorf("offer: index is closed")
	}
	offers := make([]Offer, 0, len(found.Hits))
	for _, h := range found.Hits {
		o := Offer{Passage: h.Passage}
		if s := x.sets[h.Set]; s != nil {
			o.As = s.mark.Lang
		}
		if x.vectors != nil && x.vectors.model == q.Model {
			o.Vector = x.vectors.components(h.Set, h.N)
		}
		offers = append(offers, o)
	}
	counts, err := x.counts(ctx, asked)
	return offers, counts, err
}

// Counts counts all sets of x and the passages in them with each term of q. Errors: ErrEmptyQuestion, ErrQuestionTooLong.
func (x *Index) Counts(ctx context.Context, q Query) (Counts, error) {
	asked, err := newQuestion(q)
	if err != nil {
		return nil, err
	}
	asked.In = nil
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, fmt.Errorf("count terms: index is closed")
	}
	return x.counts(ctx, asked)
}

// components returns the vector of a passage as int8, without the scale, which follows from them; nil where it has none.
func (v *vectors) components(set string, n int) []byte {
	s := v.sets[set]
	if s == nil || n >= s.file.n {
		return nil
	}
	rec := make([]byte, s.file.recordSize())
	if s.file.read(n, rec) != nil {
		return nil
	}
	return rec[:v.dim]
}

// counts counts the sets that q asks and the passages in them with each of its terms. x is locked for reading.
func (x *Index) counts(ctx context.Context, q question) (Counts, error) {
	counts := Counts{}
	for name, s := range x.sets {
		if q.asks(name) {
			for f, size := range s.mark.Fields {
				counts.Add(Counts{string(f): {Passages: size.Passages, Terms: size.Terms}})
			}
		}
	}
	err := x.lexical.read(func(r index.IndexReader) error {
		among, err := passagesOf(ctx, r, q.In)
		if err != nil {
			return err
		}
		for f := range counts {
			with := map[string]int{}
			for _, t := range q.terms(x.lexical.analyze, field(f)) {
				if with[t], err = passagesWith(ctx, r, f, t, among); err != nil {
					return err
				}
			}
			counts.Add(Counts{f: {With: with}}) // each field once
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count terms: %w", err)
	}
	return counts, nil
}

func passagesWith(ctx context.Context, r index.IndexReader, f, term string, among bitset) (n int, err error) {
	tfr, err := r.TermFieldReader(ctx, []byte(term), f, false, false, false)
	if err != nil {
		return 0, err
	}
	defer tfr.Close()
	if among == nil {
		return int(tfr.Count()), nil
	}
	var doc index.TermFieldDoc
	for {
		d, err := tfr.Next(&doc)
		if err != nil || d == nil {
			return n, err
		}
		if among.has(d.ID.Value()) {
			n++
		}
	}
}
