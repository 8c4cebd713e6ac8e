package rag

import (
	"math"
	"slices"
	"sync/atomic"
)

// topHits keeps the best of what it is shown. Ties are resolved by name, so that the order does not
// depend on the order of postings.
type topHits struct {
	limit int
	hits  []lexicalHit   // a heap, worst first, once full
	floor *atomic.Uint64 // bits of the score below which nothing is among the best of all that share it
}

func newTopHits(limit int) *topHits { return &topHits{limit: limit, floor: new(atomic.Uint64)} }

// beside is for what is looked at at the same time, by another goroutine.
func (t *topHits) beside() *topHits { return &topHits{limit: t.limit, floor: t.floor} }

func (t *topHits) wants(score float64) bool {
	return (len(t.hits) < t.limit || score >= t.hits[0].score) && score >= math.Float64frombits(t.floor.Load())
}

// raise tells those beside t how good its worst is.
func (t *topHits) raise() {
	worst := math.Float64bits(t.hits[0].score) // scores are positive: their bits are in their order
	for old := t.floor.Load(); worst > old; old = t.floor.Load() {
		if t.floor.CompareAndSwap(old, worst) {
			return
		}
	}
}

func (t *topHits) add(h lexicalHit) {
	if len(t.hits) < t.limit {
		t.hits = append(t.hits, h)
		if len(t.hits) == t.limit {
			slices.SortFunc(t.hits, func(a, b lexicalHit) int { return compareHits(b, a) })
			t.raise()
		}
		return
	}
	if compareHits(h, t.hits[0]) >= 0 {
		return
	}
	t.hits[0] = h
	for i := 0; ; { // sift down
		worst := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(t.hits) && compareHits(t.hits[child], t.hits[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			t.raise()
			return
		}
		t.hits[i], t.hits[worst] = t.hits[worst], t.hits[i]
		i = worst
	}
}

func (t *topHits) sorted() []lexicalHit {
	slices.SortFunc(t.hits, compareHits)
	return t.hits
}

// compareHits orders better hits first.
func compareHits(a, b lexicalHit) int {
	return order(b.score, a.score, a.set, b.set, a.n, b.n)
}

// order compares numbers, then names, then places.
func order(x, y float64, a, b string, n, m int) int {
	switch {
	case x != y:
		if x < y {
			return -1
		}
		return 1
	case a != b:
		if a < b {
			return -1
		}
		return 1
	}
	return n - m
}
