package rag

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// A Hit is a passage found and why.
type Hit struct {
	Passage
	Score   float64 `json:"score"`             // what it is ranked by, 0 to 1
	Lexical float64 `json:"lexical,omitempty"` // BM25
	Dense   float64 `json:"dense,omitempty"`   // cosine: to rank, never to judge
}

// Results of a search, best first.
type Results struct {
	Mode       Mode    `json:"mode"`           // what was done
	Lang       string  `json:"lang,omitempty"` // language the question was taken for; empty when unsure
	Hits       []Hit   `json:"hits"`
	Covered    int     `json:"covered"`            // passages asked that have a vector
	Total      int     `json:"total"`              // passages asked
	Confidence float64 `json:"confidence"`         // that the library knows, 0 to 1
	Known      bool    `json:"known"`              // Confidence reaches the threshold
	Degraded   string  `json:"degraded,omitempty"` // why the vectors there are were not used
	Asked      []Asked `json:"asked,omitempty"`    // other nodes chosen to be asked
}

// depth is how many candidates each way of searching brings to the fusion.
const depth = 100

// Search finds the passages of all indexes given, each named once, that answer q, ranked together. With e nil, or while
// there are no vectors, it is lexical; Results.Mode says which it was. When Mode is left to Search and
// the model fails, the answer is lexical and Degraded says why.
//
// Errors: ErrEmptyQuestion, ErrQuestionTooLong, ErrNoModel (dense or hybrid asked, e nil), those of e.
func Search(ctx context.Context, q Query, e Embedder, xs ...*Index) (Results, error) {
	if !q.Mode.Valid() {
		return Results{}, fmt.Errorf("search mode %q: lexical, dense or hybrid", q.Mode)
	}
	asked, err := newQuestion(q)
	if err != nil {
		return Results{}, err
	}
	if e == nil && (q.Mode == ModeDense || q.Mode == ModeHybrid) {
		return Results{}, ErrNoModel
	}
	res := Results{Lang: asked.lang, Mode: ModeLexical, Hits: []Hit{}}
	var vector []float32
	switch {
	case q.Mode == ModeLexical:
	case e == nil:
		vector = givenVector(q, xs)
	default:
		vector, err = questionVector(ctx, asked, e, xs)
		switch {
		case err != nil && (q.Mode != ModeBest || ctx.Err() != nil):
			return Results{}, fmt.Errorf("embed the question: %w", err)
		case err != nil:
			res.Degraded = err.Error()
		}
	}
	found, damaged, err := findPassages(ctx, asked, vector, xs, &res)
	if err != nil {
		return Results{}, err
	}
	for _, d := range damaged {
		d.x.mu.Lock()
		d.x.forget(d.s)
		d.x.mu.Unlock()
	}
	res.Hits = found
	return res, nil
}

// questionVector returns the vector of the question, or nil when nothing has vectors to compare it with.
func questionVector(ctx context.Context, q question, e Embedder, xs []*Index) ([]float32, error) {
	covered := q.Elsewhere.covered()
	for _, x := range xs {
		n, err := x.useModel(e.Model())
		if err != nil {
			return nil, err
		}
		covered += n
	}
	if q.Vector != nil || covered == 0 {
		return q.Vector, nil
	}
	return EmbedQuestion(ctx, q.Query, e, xs...)
}

// EmbedQuestion returns the vector of a question, for Query.Vector: where the glossaries of xs know words
// of it, half way between it and what it is with these said in another language.
// Errors: those of e, ErrDimension, ErrEmptyQuestion, ErrQuestionTooLong.
func EmbedQuestion(ctx context.Context, q Query, e Embedder, xs ...*Index) ([]float32, error) {
	asked, err := newQuestion(q)
	if err != nil {
		return nil, err
	}
	texts := []string{q.Text}
	if other := asked.translated(asked.glossesOf(xs)); other != "" {
		texts = append(texts, other)
	}
	vs, err := e.Embed(ctx, RoleQuery, texts)
	if err != nil {
		return nil, err
	}
	if len(vs) != len(texts) || len(vs[0]) != len(vs[len(vs)-1]) {
		return nil, fmt.Errorf("%d vectors for %d texts: %w", len(vs), len(texts), ErrDimension)
	}
	if len(vs) == 1 {
		return vs[0], nil
	}
	a, b := unit(vs[0]), unit(vs[1])
	if a == nil || b == nil {
		return vs[0], nil
	}
	for j := range a {
		a[j] += b[j]
	}
	return a, nil
}

// givenVector returns the vector that came with the question, if all of xs have vectors of its model to compare it
// with: whoever asks changes nothing here.
func givenVector(q Query, xs []*Index) []float32 {
	for _, x := range xs {
		x.mu.RLock()
		fits := x.vectors != nil && x.vectors.model == q.Model && x.vectors.dim == len(q.Vector)
		x.mu.RUnlock()
		if !fits {
			return nil
		}
	}
	return q.Vector
}

type damagedSet struct {
	x *Index
	s *set
}

// findPassages searches with all indexes locked for reading.
func findPassages(ctx context.Context, q question, vector []float32, xs []*Index, res *Results) ([]Hit, []damagedSet, error) {
	for _, x := range xs {
		x.mu.RLock()
		defer x.mu.RUnlock()
		if x.closed {
			return nil, nil, errors.New("search: index is closed")
		}
	}
	fusion := newFusion(q, xs)
	var byMeaning errgroup.Group // while the words of the question are weighed
	defer byMeaning.Wait()
	if vector != nil {
		byMeaning.Go(func() error {
			if err := fusion.dense(vector); err != nil {
				return fmt.Errorf("dense search: %w", err)
			}
			return nil
		})
		res.Mode = ModeHybrid
		if q.Mode == ModeDense {
			res.Mode = ModeDense
		}
	}
	if q.Mode != ModeDense || vector == nil {
		nearest := func() ([]passageKey, error) {
			err := byMeaning.Wait()
			return fusion.keys(), err
		}
		hits, err := lexicalSearch(ctx, xs, q, depth, nearest)
		if err != nil {
			return nil, nil, fmt.Errorf("lexical search: %w", err)
		}
		fusion.lexical(hits)
		if vector != nil {
			fusion.measure(vector)
		}
	}
	if err := byMeaning.Wait(); err != nil {
		return nil, nil, err
	}
	res.Total, res.Covered = len(q.Elsewhere.Offers), q.Elsewhere.covered()
	for _, x := range xs {
		for name, s := range x.sets {
			if q.asks(name) {
				res.Total += s.passages.n
				if vector != nil {
					res.Covered += x.vectors.count(name)
				}
			}
		}
	}
	ranked := fusion.ranked()
	res.Confidence = fusion.confidence(res.Mode)
	res.Known = res.Confidence >= knownFrom

	var damaged []damagedSet
	mixed, most := len(q.Elsewhere.Offers) > 0, q.Limit
	if mixed {
		most = max(most, defaultLimit) // so that others' passages are there to come before an author's third
	}
	var alike nearDuplicates
	hits := make([]Hit, 0, most)
	for _, c := range ranked {
		if len(hits) == most {
			break
		}
		var p Passage
		var err error
		if c.offer != nil {
			p = c.offer.Passage
		} else {
			x := xs[c.index]
			s := x.sets[c.set]
			if p, err = s.passages.read(c.n); err != nil {
				x.log.Warn("passage left out of the results", "set", c.set, "passage", c.n, "err", err)
				if d := (damagedSet{x, s}); errors.Is(err, ErrDamaged) && !slices.Contains(damaged, d) {
					damaged = append(damaged, d)
				}
				continue
			}
		}
		if mixed && alike.many(p.Text) {
			continue
		}
		hits = append(hits, Hit{Passage: p, Score: c.score, Lexical: c.lexical, Dense: c.cos})
	}
	if mixed {
		mixAuthors(hits)
	}
	return hits[:min(len(hits), q.Limit)], damaged, nil
}

// fieldSize adds what the sets of x have in a field to size.
func (x *Index) fieldSize(f field, size fieldSize) fieldSize {
	for _, s := range x.sets {
		size.Passages += s.mark.Fields[f].Passages
		size.Terms += s.mark.Fields[f].Terms
	}
	return size
}
