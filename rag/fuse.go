package rag

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Fusion of two rankings. Both bring their best, and each candidate gets its score by words and by
// meaning, whichever of the two found it. Closeness of meaning is counted in standard deviations over
// the candidates, because cosines lie elsewhere for every model and question; BM25 is taken as it is,
// because its size says how much the words of this question tell. They add up:
//
//	score = deviations of the cosine + BM25 / bm25PerDeviation + allTerms × terms found / most terms found
//
// The last is for short questions, of which one rare word may weigh more than all others: a passage that has as many of
// their words as any is what was asked for.
//
// Where one of the two is missing, standing by the other takes its place: words between languages that
// do not share them, meaning where a passage has no vector yet.
const (
	bm25PerDeviation = 3.6
	allTerms         = 0.6
)

// lean is how much of what all questions have in common is taken out of a question's vector: passages
// near to that are near to every question.
const lean = 0.15

// fused is one candidate.
type fused struct {
	index   int
	offer   *Offer // not in an index: another node sent it
	set     string
	n       int
	lexical float64 // BM25
	cos     float64
	near    float64 // cosine with what the question has of its own
	seen    bool    // cos and near are known
	share   float64 // see lexicalHit
	terms   int
	score   float64 // 0 to 1
}

type fusion struct {
	q        question
	xs       []*Index
	found    map[passageKey]*fused
	hasDense bool
	best     float64 // cosine, of all
	world    float64 // best cosine with the subjects of the world, 0 when not known
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

// dense brings in the passages nearest to the question.
func (f *fusion) dense(vector []float32) error {
	type placed struct {
		index int
		denseHit
	}
	own := f.own(vector)
	var all []placed
	for i, x := range f.xs {
		asked := func(set string) bool { return x.sets[set] != nil && f.q.asks(set) }
		hits, err := x.vectors.search(own, asked, depth)
		if err != nil {
			return err
		}
		for _, h := range hits {
			all = append(all, placed{i, h})
		}
	}
	for _, h := range f.q.Elsewhere.denseOffers(own) {
		all = append(all, placed{-1, h})
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b placed) int { return order(b.cos, a.cos, a.set, b.set, a.n, b.n) })
	all = all[:min(depth, len(all))]
	for _, h := range all {
		f.at(h.index, h.offer, h.set, h.n)
	}
	f.hasDense = true
	f.world = nearestOfWorld(vector, f.xs)
	f.measure(vector)
	f.best = math.Inf(-1)
	for _, c := range f.found {
		if c.seen {
			f.best = max(f.best, c.cos)
		}
	}
	return nil
}

// own is the vector of the question without its share of what questions have in common, as strangers
// show it; the whole vector while they have not been met.
func (f *fusion) own(vector []float32) []float32 {
	for _, x := range f.xs {
		common := x.vectors.common(strangerLanguage(f.q.lang))
		if len(common) != len(vector) {
			continue
		}
		own := unit(vector)
		if own == nil {
			break
		}
		for j := range own {
			own[j] -= lean * common[j]
		}
		return own
	}
	return vector
}

// measure finds how close in meaning the candidates are that were not compared yet.
func (f *fusion) measure(vector []float32) {
	vector, own := unit(vector), unit(f.own(vector))
	for _, c := range f.found {
		if c.seen || !f.hasVector(c) {
			continue
		}
		var cosOK, nearOK bool
		if c.offer != nil {
			c.cos, cosOK = cosine(vector, c.offer.Vector)
			c.near, nearOK = cosine(own, c.offer.Vector)
		} else {
			c.cos, c.near, cosOK = f.xs[c.index].vectors.compare(vector, own, c.set, c.n)
			nearOK = cosOK
		}
		c.seen = cosOK && nearOK
	}
}

// keys names the candidates.
func (f *fusion) keys() []passageKey { return slices.Collect(maps.Keys(f.found)) }

// lexical brings in the passages that share words with the question.
func (f *fusion) lexical(hits []lexicalHit) {
	for _, h := range hits {
		c := f.at(h.index, h.offer, h.set, h.n)
		c.lexical, c.share, c.terms = h.score, h.share, h.terms
	}
}

// ranked scores the candidates and returns those for which something speaks, best first.
func (f *fusion) ranked() []*fused {
	all := make([]*fused, 0, len(f.found))
	for _, c := range f.found {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *fused) int {
		return cmp.Or(order(0, 0, a.set, b.set, a.n, b.n), a.index-b.index) // sums do not depend on the map
	})
	low := 0.0
	if f.hasDense {
		low = f.add(all)
	} else {
		for _, c := range all {
			c.score = c.lexical
		}
	}
	slices.SortStableFunc(all, func(a, b *fused) int { return order(b.score, a.score, a.set, b.set, a.n, b.n) })
	if len(all) > 0 {
		high := all[0].score
		for _, c := range all {
			c.score = scaled(c.score, low, high)
		}
	}
	return slices.DeleteFunc(all, func(c *fused) bool { return c.score <= 0 })
}

func scaled(x, low, high float64) float64 {
	if high <= low {
		return 1
	}
	return (x - low) / (high - low)
}

// add gives each candidate the sum of its two scores and returns what the farthest in meaning gets for that alone: who
// has no more is no candidate.
func (f *fusion) add(all []*fused) (low float64) {
	most := 1
	for _, c := range all {
		most = max(most, c.terms)
	}
	told := func(c *fused) float64 {
		return c.lexical/bm25PerDeviation + allTerms*float64(c.terms)/float64(most)
	}
	var words, meaning spread
	foreign := make([]bool, len(all))
	for i, c := range all {
		if foreign[i] = f.q.apart(f.lang(c)); !foreign[i] {
			words.add(told(c))
		}
		if c.seen {
			meaning.add(c.near)
		}
	}
	low = math.Inf(1)
	for i, c := range all {
		byWords, byMeaning := told(c), meaning.deviations(c.near)
		if !c.seen {
			byMeaning = words.deviations(byWords)
		}
		if foreign[i] && c.seen {
			byWords = words.at(byMeaning)
		}
		if c.score = byMeaning; f.q.Mode != ModeDense {
			c.score += byWords
		}
		low = min(low, byMeaning)
	}
	return low
}

// spread is the mean and the standard deviation of numbers.
type spread struct{ n, sum, squares float64 }

func (s *spread) add(x float64) { s.n, s.sum, s.squares = s.n+1, s.sum+x, s.squares+x*x }

func (s *spread) mean() float64 { return s.sum / max(s.n, 1) }

func (s *spread) deviation() float64 {
	m := s.mean()
	return math.Sqrt(max(s.squares/max(s.n, 1)-m*m, 0))
}

// deviations is how many standard deviations x lies above the mean; 0 when all are alike.
func (s *spread) deviations(x float64) float64 {
	if d := s.deviation(); d > 1e-9 {
		return (x - s.mean()) / d
	}
	return 0
}

// at is what lies so many deviations above the mean, not below 0.
func (s *spread) at(deviations float64) float64 { return max(0, s.mean()+deviations*s.deviation()) }

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
	return s.langOf(s.passages.language(n))
}
