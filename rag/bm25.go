package rag

import (
	"context"
	"math"
	"slices"

	index "github.com/blevesearch/bleve_index_api"
)

// BM25 (Robertson and Zaragoza 2009, eq. 3.15) computed here over bleve's postings, because bleve 2.6's
// own squares the idf, takes the root of the frequency, multiplies by the share of terms matched,
// measures length in distinct terms, and knows the frequencies of one index only. Here the statistics
// are those of all indexes asked, so a corpus ranks the same however it is spread over them.
const (
	bm25K1 = 1.2
	bm25B  = 0.75

	maxTerms = 64 // of a question, for each field: the rarest
)

// term is one term of a question in one field.
type term struct {
	text  string
	times int // in the question
	idf   float64
}

// lexicalHit is a passage that shares a term with the question.
type lexicalHit struct {
	index int    // which of the indexes
	offer *Offer // or one that another node sent
	set   string
	n     int
	score float64
	share float64 // of the score a passage of nothing but the question's terms would tend to, 0 to 1
	terms int     // different terms of the question in it
}

// lexicalSearch returns the best passages over all indexes, best first, at most limit. The indexes
// are locked for reading by the caller.
func lexicalSearch(ctx context.Context, xs []*Index, q question, limit int) ([]lexicalHit, error) {
	readers := make([]index.IndexReader, len(xs))
	defer func() {
		for _, r := range readers {
			if r != nil {
				r.Close()
			}
		}
	}()
	for i, x := range xs {
		advanced, err := x.lexical.bleve.Advanced()
		if err != nil {
			return nil, err
		}
		if readers[i], err = advanced.Reader(); err != nil {
			return nil, err
		}
	}
	among := make([]bitset, len(xs))
	for i, r := range readers {
		var err error
		if among[i], err = passagesOf(ctx, r, q.In); err != nil {
			return nil, err
		}
	}
	best := topHits{limit: limit}
	for _, f := range fields {
		elsewhere := q.Elsewhere.Counts[string(f)]
		size := fieldSize{elsewhere.Passages, elsewhere.Terms}
		for _, x := range xs {
			size = x.fieldSize(f, size)
		}
		if size.Passages == 0 {
			continue
		}
		analyze := xs[0].lexical.analyze
		terms, err := weigh(ctx, readers, f, q.terms(analyze, f), elsewhere.With, size.Passages)
		if err != nil {
			return nil, err
		}
		boost := q.boost(f)
		average := float64(size.Terms) / float64(size.Passages)
		for i, x := range xs {
			offered := func(set string) bool { return x.sets[set] != nil }
			scan := fieldScan{reader: readers[i], index: i, among: among[i],
				field: f, terms: terms, average: average, boost: boost}
			if err := scan.run(ctx, offered, &best); err != nil {
				return nil, err
			}
		}
		q.Elsewhere.lexicalOffers(analyze, fieldScan{field: f, terms: terms, average: average, boost: boost}, &best)
	}
	return best.sorted(), nil
}

// weigh counts the terms over all indexes and elsewhere, and keeps the rarest maxTerms.
func weigh(ctx context.Context, readers []index.IndexReader, f field, texts []string, elsewhere map[string]int, passages int) ([]term, error) {
	var terms []term
	at := map[string]int{}
	for _, t := range texts {
		if i, ok := at[t]; ok {
			terms[i].times++
			continue
		}
		df := elsewhere[t]
		for _, r := range readers {
			tfr, err := r.TermFieldReader(ctx, []byte(t), string(f), false, false, false)
			if err != nil {
				return nil, err
			}
			df += int(tfr.Count())
			tfr.Close()
		}
		df = min(df, passages) // removals may not be counted out yet
		at[t] = len(terms)
		terms = append(terms, term{t, 1, math.Log(1 + (float64(passages-df)+0.5)/(float64(df)+0.5))})
	}
	if len(terms) > maxTerms {
		slices.SortStableFunc(terms, func(a, b term) int { return order(b.idf, a.idf, a.text, b.text, 0, 0) })
		terms = terms[:maxTerms]
	}
	return terms, nil
}

// bitset holds numbers of passages in one bleve index; nil holds all.
type bitset []uint64

func (b bitset) has(n uint64) bool {
	return b == nil || n/64 < uint64(len(b)) && b[n/64]>>(n%64)&1 == 1
}

// passagesOf returns the passages of the sets named; none named: all.
func passagesOf(ctx context.Context, r index.IndexReader, sets []string) (bitset, error) {
	if len(sets) == 0 {
		return nil, nil
	}
	b := bitset{}
	for _, set := range sets {
		tfr, err := r.TermFieldReader(ctx, []byte(set), fieldSet, false, false, false)
		if err != nil {
			return nil, err
		}
		defer tfr.Close()
		var doc index.TermFieldDoc
		for {
			d, err := tfr.Next(&doc)
			if err != nil {
				return nil, err
			}
			if d == nil {
				break
			}
			n := d.ID.Value()
			if need := int(n/64) + 1; need > len(b) {
				b = append(b, make(bitset, need-len(b))...)
			}
			b[n/64] |= 1 << (n % 64)
		}
	}
	return b, nil
}

// fieldScan walks the postings of all terms of one field of one index together, passage by passage.
type fieldScan struct {
	reader  index.IndexReader
	among   bitset
	field   field
	terms   []term
	average float64
	boost   float64
	index   int
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

func (s fieldScan) run(ctx context.Context, offered func(set string) bool, best *topHits) error {
	type cursor struct {
		tfr index.TermFieldReader
		doc *index.TermFieldDoc
		id  uint64
		term
	}
	const done = math.MaxUint64
	var cursors []cursor
	defer func() {
		for _, c := range cursors {
			c.tfr.Close()
		}
	}()
	advance := func(c *cursor) error {
		doc, err := c.tfr.Next(c.doc)
		if err != nil {
			return err
		}
		if c.id = done; doc != nil {
			c.doc, c.id = doc, doc.ID.Value()
		}
		return nil
	}
	limit := s.limit()
	for _, t := range s.terms {
		tfr, err := s.reader.TermFieldReader(ctx, []byte(t.text), string(s.field), true, true, false)
		if err != nil {
			return err
		}
		cursors = append(cursors, cursor{tfr: tfr, doc: &index.TermFieldDoc{}, term: t})
		if err := advance(&cursors[len(cursors)-1]); err != nil {
			return err
		}
	}
	for count := 0; ; count++ {
		if count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		lowest := uint64(done)
		for i := range cursors {
			lowest = min(lowest, cursors[i].id)
		}
		if lowest == done {
			return nil
		}
		var sum scoreSum
		var id index.IndexInternalID
		for i := range cursors {
			c := &cursors[i]
			if c.id != lowest {
				continue
			}
			id = append(id[:0], c.doc.ID...)
			sum.add(c.term, float64(c.doc.Freq), 1/(c.doc.Norm*c.doc.Norm), s.average)
			if err := advance(c); err != nil {
				return err
			}
		}
		hit := lexicalHit{index: s.index, score: sum.score * s.boost, share: sum.score / limit, terms: sum.terms}
		if !s.among.has(lowest) || !best.wants(hit.score) {
			continue
		}
		name, err := s.reader.ExternalID(id)
		if err != nil {
			return err
		}
		set, n, ok := parseDocID(name)
		if ok && offered(set) {
			hit.set, hit.n = set, n
			best.add(hit)
		}
	}
}
