package rag

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"

	index "github.com/blevesearch/bleve_index_api"
	"golang.org/x/sync/errgroup"
)

// fieldScan walks the postings of all terms of one field of one index together, passage by passage. It
// passes over what cannot reach the best any more (MaxScore: Turtle and Flood 1995): of the terms that
// even together weigh too little, the light ones, postings are only looked up for passages that another
// term or the question of meaning brought.
type fieldScan struct {
	reader  index.IndexReader
	index   int
	among   bitset                // passages asked
	wanted  []uint64              // passages whose score is wanted however low it is, in order
	offered func(set string) bool // sets that are complete
	field   field
	terms   []term
	average float64 // length of a passage, in terms
	boost   float64

	from, to uint64 // passages looked at: from <= id < to
}

// Postings of fewer passages than manyPostings are walked by one goroutine.
const manyPostings = 8192

// most is what a term can add to the score of a passage.
func (t term) most() float64 { return float64(t.times) * t.idf * (bm25K1 + 1) }

// limit is what a passage of nothing but the question's terms would tend to.
func (s fieldScan) limit() (limit float64) {
	for _, t := range s.terms {
		limit += t.most()
	}
	return limit
}

// scoreSum is the score of a passage, term by term.
type scoreSum struct {
	score float64
	terms int // different ones
}

func (s *scoreSum) add(t term, tf, length, average float64) {
	s.score += float64(t.times) * t.idf * tf * (bm25K1 + 1) / (tf + bm25K1*(1-bm25B+bm25B*length/average))
	s.terms++
}

// run shows the passages to best and returns those wanted. Many are walked in two halves at once.
func (s fieldScan) run(ctx context.Context, best *topHits) (wanted []lexicalHit, err error) {
	postings := 0
	for _, t := range s.terms {
		postings += t.df
	}
	if postings < manyPostings || runtime.GOMAXPROCS(0) == 1 {
		s.from, s.to = 0, done
		return s.part(ctx, best)
	}
	return s.halves(ctx, best)
}

func (s fieldScan) halves(ctx context.Context, best *topHits) (wanted []lexicalHit, err error) {
	passages, err := s.reader.DocCount()
	if err != nil {
		return nil, err
	}
	low, high := s, s
	low.from, low.to, high.from, high.to = 0, passages/2, passages/2, done
	at, _ := slices.BinarySearch(s.wanted, low.to)
	low.wanted, high.wanted = s.wanted[:at], s.wanted[at:]
	beside := best.beside()
	var more []lexicalHit
	var both errgroup.Group
	both.Go(func() (err error) {
		more, err = high.part(ctx, beside)
		return err
	})
	wanted, err = low.part(ctx, best)
	if err := errors.Join(err, both.Wait()); err != nil {
		return nil, err
	}
	for _, h := range beside.hits {
		best.add(h)
	}
	return append(wanted, more...), nil
}

func (s fieldScan) part(ctx context.Context, best *topHits) (wanted []lexicalHit, err error) {
	w := walk{fieldScan: s, best: best}
	defer func() { w.close() }()
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	limit := s.limit()
	for count := 0; ; count++ {
		if count%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w.lighten()
		at, asked := w.next()
		if at == done {
			return wanted, nil
		}
		sum, err := w.score(at, asked)
		if err != nil {
			return nil, err
		}
		hit := lexicalHit{index: s.index, score: sum.score * s.boost, share: sum.score / limit, terms: sum.terms}
		if sum.terms == 0 || !asked && !best.wants(hit.score) {
			continue
		}
		name, err := s.reader.ExternalID(w.id)
		if err != nil {
			return nil, err
		}
		set, n, ok := parseDocID(name)
		if !ok || !s.offered(set) {
			continue
		}
		hit.set, hit.n = set, n
		if asked {
			wanted = append(wanted, hit)
		}
		if best.wants(hit.score) {
			best.add(hit)
		}
	}
}

// walk is where a scan has come to.
type walk struct {
	fieldScan
	best  *topHits
	terms []*termWalk // the heaviest first; the first heavy of them bring passages
	heavy int
	ahead heap
	id    index.IndexInternalID // of the passage looked at
	times []float64             // each term of the question is in it
}

// termWalk is where a walk stands in the postings of one term and its kin.
type termWalk struct {
	place   int // in the question
	most    float64
	below   float64 // what it and all lighter ones can add to a score
	cursors []*cursor
	tf      float64 // in the passage looked at
}

func (w *walk) open(ctx context.Context) error {
	for i, t := range w.fieldScan.terms {
		st := &termWalk{place: i, most: t.most()}
		w.terms = append(w.terms, st)
		for _, k := range append([]kin{{text: t.text, weight: 1}}, t.kin...) {
			tfr, err := w.reader.TermFieldReader(ctx, []byte(k.text), string(w.field), true, true, false)
			if err != nil {
				return err
			}
			c := &cursor{tfr: tfr, doc: &index.TermFieldDoc{}, of: st, weight: k.weight, taken: done}
			st.cursors = append(st.cursors, c)
			if err := c.start(w.from); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(w.terms, func(a, b *termWalk) int { return order(b.most, a.most, "", "", 0, 0) })
	below := 0.0
	for _, st := range slices.Backward(w.terms) {
		below += st.most
		st.below = below
	}
	w.heavy, w.times = len(w.terms), make([]float64, len(w.terms))
	w.ahead = newHeap(w.terms)
	return nil
}

// rounding is more than sums of the same numbers in another order differ by.
const rounding = 1 + 1e-9

// reaches tells whether a passage of at most that score may be among the best.
func (w *walk) reaches(score float64) bool { return w.best.wants(score * w.boost * rounding) }

// lighten lets the lightest terms bring no more passages, once they cannot reach the best by themselves.
func (w *walk) lighten() {
	heavy := w.heavy
	for heavy > 0 && !w.reaches(w.terms[heavy-1].below) {
		heavy--
	}
	if heavy < w.heavy {
		w.heavy = heavy
		w.ahead = newHeap(w.terms[:heavy])
	}
}

// next returns the next passage to look at, and whether its score is wanted; done after the last.
func (w *walk) next() (at uint64, asked bool) {
	at = done
	if len(w.ahead) > 0 {
		at = w.ahead[0].id
	}
	if len(w.wanted) > 0 && w.wanted[0] <= at {
		at, asked = w.wanted[0], true
		w.wanted = w.wanted[1:]
	}
	if at >= w.to {
		return done, false
	}
	return at, asked
}

// score moves past a passage and returns its score; nothing when it is not asked for or cannot reach the best.
func (w *walk) score(at uint64, asked bool) (sum scoreSum, err error) {
	length := 0.0
	for _, st := range w.terms {
		st.tf = 0
	}
	for len(w.ahead) > 0 && w.ahead[0].id == at {
		length = w.ahead[0].take()
		if err := w.ahead.advance(); err != nil {
			return scoreSum{}, err
		}
	}
	if !w.among.has(at) {
		return scoreSum{}, nil
	}
	w.id = index.NewIndexInternalID(w.id, at)
	var known scoreSum
	for _, st := range w.terms[:w.heavy] {
		if st.tf > 0 {
			known.add(w.fieldScan.terms[st.place], st.tf, length, w.average)
		}
	}
	for _, st := range w.terms[w.heavy:] {
		if !asked && !w.reaches(known.score+st.below) {
			return scoreSum{}, nil
		}
		for _, c := range st.cursors {
			if err := c.reach(w.id, at); err != nil {
				return scoreSum{}, err
			}
			if c.id == at {
				length = c.take()
			}
		}
		if st.tf > 0 {
			known.add(w.fieldScan.terms[st.place], st.tf, length, w.average)
		}
	}
	if !asked && !w.reaches(known.score) {
		return scoreSum{}, nil
	}
	return w.inOrder(at, length), nil
}

// inOrder adds up in the order of the question, so that scores do not depend on what was light.
func (w *walk) inOrder(at uint64, length float64) (sum scoreSum) {
	times := w.times
	clear(times)
	for _, st := range w.terms {
		for _, c := range st.cursors {
			if c.taken == at {
				times[st.place] += c.weight * c.freq
			}
		}
	}
	for i, tf := range times {
		if tf > 0 {
			sum.add(w.fieldScan.terms[i], tf, length, w.average)
		}
	}
	return sum
}

func (w *walk) close() {
	for _, st := range w.terms {
		for _, c := range st.cursors {
			c.tfr.Close()
		}
	}
}

const done = math.MaxUint64
