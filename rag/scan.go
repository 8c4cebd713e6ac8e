package rag

import (
	"context"
	"math"

	index "github.com/blevesearch/bleve_index_api"
)

// fieldScan walks the postings of all terms of one field of one index together, passage by passage.
type fieldScan struct {
	reader  index.IndexReader
	index   int
	among   bitset                // passages asked
	wanted  bitset                // passages whose score is wanted however low it is
	offered func(set string) bool // sets that are complete
	field   field
	terms   []term
	average float64 // length of a passage, in terms
	boost   float64
}

// limit is what a passage of nothing but the question's terms would tend to.
func (s fieldScan) limit() (limit float64) {
	for _, t := range s.terms {
		limit += float64(t.times) * t.idf * (bm25K1 + 1)
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

// run shows the passages to best and returns those wanted.
func (s fieldScan) run(ctx context.Context, best *topHits) (wanted []lexicalHit, err error) {
	cursors, err := s.open(ctx)
	defer cursors.close()
	if err != nil {
		return nil, err
	}
	limit, times := s.limit(), make([]float64, len(s.terms))
	var id index.IndexInternalID
	for count := 0; len(cursors.ahead) > 0; count++ {
		if count%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		at, length := cursors.ahead[0].id, 0.0
		id = append(id[:0], cursors.ahead[0].doc.ID...)
		for len(cursors.ahead) > 0 && cursors.ahead[0].id == at {
			c := cursors.ahead[0]
			times[c.term] += c.weight * float64(c.doc.Freq)
			length = 1 / (c.doc.Norm * c.doc.Norm)
			if err := cursors.advance(); err != nil {
				return nil, err
			}
		}
		var sum scoreSum
		for i, tf := range times {
			if tf > 0 {
				sum.add(s.terms[i], tf, length, s.average)
				times[i] = 0
			}
		}
		hit := lexicalHit{index: s.index, score: sum.score * s.boost, share: sum.score / limit, terms: sum.terms}
		asked := s.wanted.has(at)
		if !s.among.has(at) || !asked && !best.wants(hit.score) {
			continue
		}
		name, err := s.reader.ExternalID(id)
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
	return wanted, nil
}

// cursor stands at one posting of a term or of one of its kin.
type cursor struct {
	tfr    index.TermFieldReader
	doc    *index.TermFieldDoc
	id     uint64
	term   int
	weight float64
}

// cursors are those that have postings ahead: a heap, the lowest passage first.
type cursors struct {
	ahead []*cursor
	all   []*cursor
}

func (s fieldScan) open(ctx context.Context) (cs cursors, err error) {
	read := func(text string, term int, weight float64) error {
		tfr, err := s.reader.TermFieldReader(ctx, []byte(text), string(s.field), true, true, false)
		if err != nil {
			return err
		}
		c := &cursor{tfr: tfr, doc: &index.TermFieldDoc{}, term: term, weight: weight}
		cs.all = append(cs.all, c)
		if err := c.next(); err != nil {
			return err
		}
		if c.id != done {
			cs.ahead = append(cs.ahead, c)
		}
		return nil
	}
	for i, t := range s.terms {
		if err := read(t.text, i, 1); err != nil {
			return cs, err
		}
		for _, k := range t.kin {
			if err := read(k.text, i, k.weight); err != nil {
				return cs, err
			}
		}
	}
	for i := len(cs.ahead)/2 - 1; i >= 0; i-- {
		cs.sift(i)
	}
	return cs, nil
}

const done = math.MaxUint64

func (c *cursor) next() error {
	doc, err := c.tfr.Next(c.doc)
	if err != nil {
		return err
	}
	if c.id = done; doc != nil {
		c.doc, c.id = doc, doc.ID.Value()
	}
	return nil
}

// advance moves the lowest cursor on.
func (cs *cursors) advance() error {
	if err := cs.ahead[0].next(); err != nil {
		return err
	}
	if last := len(cs.ahead) - 1; cs.ahead[0].id == done {
		cs.ahead[0], cs.ahead = cs.ahead[last], cs.ahead[:last]
	}
	cs.sift(0)
	return nil
}

func (cs *cursors) sift(i int) {
	for {
		low := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(cs.ahead) && cs.ahead[child].id < cs.ahead[low].id {
				low = child
			}
		}
		if low == i {
			return
		}
		cs.ahead[i], cs.ahead[low] = cs.ahead[low], cs.ahead[i]
		i = low
	}
}

func (cs *cursors) close() {
	for _, c := range cs.all {
		c.tfr.Close()
	}
}
