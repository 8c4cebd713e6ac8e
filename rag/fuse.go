package rag

import (
	"slices"
)

// Fusion of the two rankings: each is brought to 0…1 over its candidates (min-max), then
// .4 lexical + .6 dense. Across languages words do not meet, so there the dense score stands alone;
// where a passage has no vector yet, the lexical one does.
const (
	lexicalWeight = 0.4
	denseWeight   = 0.6
)

// fused is one candidate. lexical is BM25, lex and den are the scores brought to 0…1.
type fused struct {
	index    int
	offer    *Offer // not in an index: another node sent it
	set      string
	n        int
	lexical  float64
	cos      float64
	lex, den float64
	share    float64 // see lexicalHit
	terms    int
	score    float64
}

type fusion struct {
	q        question
	xs       []*Index
	found    map[passageKey]*fused
	hasDense bool
	best     float64 // cosine, of all
}

type passageKey struct {
	index int // -1 for one that another node sent
	set   string
	n     int
}

func newFusion(q question, xs []*Index) *fusion {
	return &fusion{q: q, xs: xs, found: map[passageKey]*fused{}}
}

func (f *fusion) at(index int, offer *Offer, set string, n int) *fused {
	key := passageKey{index, set, n}
	if offer != nil {
		key.index = -1
	}
	c := f.found[key]
	if c == nil {
		c = &fused{index: index, offer: offer, set: set, n: n}
		f.found[key] = c
	}
	return c
}

func (f *fusion) lexical(hits []lexicalHit) {
	if len(hits) == 0 {
		return
	}
	low := 0.0 // when not all places are taken, whoever is absent scored nothing
	if len(hits) == depth {
		low = hits[len(hits)-1].score
	}
	for _, h := range hits {
		c := f.at(h.index, h.offer, h.set, h.n)
		c.lexical, c.share, c.terms = h.score, h.share, h.terms
		c.lex = scaled(h.score, low, hits[0].score)
	}
}

func (f *fusion) dense(vector []float32) error {
	type placed struct {
		index int
		denseHit
	}
	var all []placed
	for i, x := range f.xs {
		asked := func(set string) bool { return x.sets[set] != nil && f.q.asks(set) }
		hits, err := x.vectors.search(vector, asked, depth)
		if err != nil {
			return err
		}
		for _, h := range hits {
			all = append(all, placed{i, h})
		}
	}
	for _, h := range f.q.Elsewhere.denseOffers(vector) {
		all = append(all, placed{-1, h})
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b placed) int { return order(b.cos, a.cos, a.set, b.set, a.n, b.n) })
	all = all[:min(depth, len(all))]
	f.hasDense = true
	f.best = all[0].cos
	for _, h := range all {
		c := f.at(h.index, h.offer, h.set, h.n)
		c.cos = h.cos
		c.den = scaled(h.cos, all[len(all)-1].cos, all[0].cos)
	}
	return nil
}

func scaled(x, low, high float64) float64 {
	if high <= low {
		return 1
	}
	return (x - low) / (high - low)
}

// ranked scores the candidates and returns them, best first.
func (f *fusion) ranked() []*fused {
	all := make([]*fused, 0, len(f.found))
	for _, c := range f.found {
		c.score = f.score(c)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *fused) int { return order(b.score, a.score, a.set, b.set, a.n, b.n) })
	return all
}

func (f *fusion) score(c *fused) float64 {
	switch {
	case !f.hasDense:
		return c.lex
	case f.q.Mode == ModeDense:
		return c.den
	case !f.hasVector(c):
		return c.lex
	case f.q.foreign(f.lang(c)):
		return c.den
	}
	return lexicalWeight*c.lex + denseWeight*c.den
}

func (f *fusion) hasVector(c *fused) bool {
	if c.offer != nil {
		return len(c.offer.Vector) > 0
	}
	return c.n < f.xs[c.index].vectors.count(c.set)
}

func (f *fusion) lang(c *fused) string {
	if c.offer != nil {
		return c.offer.language()
	}
	return f.xs[c.index].langAt(c.set, c.n)
}

// langAt is the language a passage is indexed under.
func (x *Index) langAt(name string, n int) string {
	s := x.sets[name]
	at, err := s.passages.place(n)
	if err != nil {
		return ""
	}
	return s.langOf(at.language())
}
