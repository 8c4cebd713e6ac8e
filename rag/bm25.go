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

// term is one term of a question in one field. What its kin are found is counted as if it were found,
// each time by the kin's weight.
type term struct {
	text  string
	times int // in the question
	df    int // passages that have it
	idf   float64
	kin   []kin
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

func (h lexicalHit) key() passageKey {
	if h.offer != nil {
		return passageKey{-1, h.set, h.n}
	}
	return passageKey{h.index, h.set, h.n}
}

// lexicalSearch returns the best passages over all indexes, best first, at most limit, and after them
// those of also that are not among them and share a term with the question. also is called once, when
// the terms are weighed. The indexes are locked for reading by the caller.
func lexicalSearch(ctx context.Context, xs []*Index, q question, limit int, also func() ([]passageKey, error)) ([]lexicalHit, error) {
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
	offers := q.Elsewhere.spoken(xs[0].lexical.analyze)
	scans, err := q.weighed(ctx, xs, readers, offers)
	if err != nil {
		return nil, err
	}
	keys, err := also()
	if err != nil {
		return nil, err
	}
	among, wanted := make([]bitset, len(xs)), make([][]uint64, len(xs))
	for i, r := range readers {
		if among[i], err = passagesOf(ctx, r, q.In); err != nil {
			return nil, err
		}
		if wanted[i], err = passagesNamed(r, i, keys); err != nil {
			return nil, err
		}
	}
	best := newTopHits(limit)
	var more []lexicalHit
	for _, scan := range scans {
		for i, x := range xs {
			scan.reader, scan.index, scan.among, scan.wanted = readers[i], i, among[i], wanted[i]
			scan.offered = func(set string) bool { return x.sets[set] != nil }
			found, err := scan.run(ctx, best)
			if err != nil {
				return nil, err
			}
			more = append(more, found...)
		}
		for _, h := range scan.lexicalOffers(offers, best) {
			if slices.Contains(keys, h.key()) {
				more = append(more, h)
			}
		}
	}
	return withMore(best.sorted(), more), nil
}

// weighed are the scans of all fields that have passages, with the terms of q.
func (q question) weighed(ctx context.Context, xs []*Index, readers []index.IndexReader, offers []spoken) (scans []fieldScan, err error) {
	glosses := q.glosses(xs)
	for _, f := range fields {
		elsewhere := q.Elsewhere.Counts[string(f)]
		size := fieldSize{elsewhere.Passages, elsewhere.Terms}
		for _, x := range xs {
			size = x.fieldSize(f, size)
		}
		if size.Passages == 0 {
			continue
		}
		v := vocabulary{analyze: xs[0].lexical.analyze, field: f, readers: readers, offers: spokenWith(offers, f)}
		texts := q.terms(v.analyze, f)
		if f == fieldFr && creole(q.lang) {
			if texts, err = q.soundTerms(xs, readers); err != nil {
				return nil, err
			}
		}
		terms, err := v.weigh(ctx, texts, glosses, elsewhere.With, size.Passages)
		if err != nil {
			return nil, err
		}
		scans = append(scans, fieldScan{field: f, terms: terms, average: float64(size.Terms) / float64(size.Passages), boost: q.boost(f)})
	}
	return scans, nil
}

// withMore appends to hits those of more that are not among them.
func withMore(hits, more []lexicalHit) []lexicalHit {
	have := make(map[passageKey]bool, len(hits))
	for _, h := range hits {
		have[h.key()] = true
	}
	for _, h := range more {
		if !have[h.key()] {
			hits = append(hits, h)
		}
	}
	return hits
}

// weigh counts the terms of a question over all indexes and elsewhere, keeps the rarest maxTerms and
// finds their kin and what glossaries say for them. A term that occurs nowhere is as rare as its kin taken together.
func (v vocabulary) weigh(ctx context.Context, texts []string, glosses []glossed, elsewhere map[string]int, passages int) ([]term, error) {
	idf := func(df int) float64 {
		df = min(df, passages) // removals may not be counted out yet
		return math.Log(1 + (float64(passages-df)+0.5)/(float64(df)+0.5))
	}
	var terms []term
	at := map[string]int{}
	found := map[string]int{}
	for _, t := range texts {
		if i, ok := at[t]; ok {
			terms[i].times++
			continue
		}
		df, err := v.count(ctx, t)
		if err != nil {
			return nil, err
		}
		found[t] = df + elsewhere[t]
		at[t] = len(terms)
		terms = append(terms, term{text: t, times: 1, df: df, idf: idf(found[t])})
	}
	if len(terms) > maxTerms {
		slices.SortStableFunc(terms, func(a, b term) int { return order(b.idf, a.idf, a.text, b.text, 0, 0) })
		terms = terms[:maxTerms]
	}
	for i := range terms {
		t := &terms[i]
		var err error
		if t.kin, err = v.akin(ctx, t.text, found[t.text]); err != nil {
			return nil, err
		}
	}
	terms = v.glossKin(terms, glosses)
	for i := range terms {
		t := &terms[i]
		if found[t.text] > 0 || len(t.kin) == 0 {
			continue
		}
		df := 0
		for _, k := range t.kin {
			n, err := v.count(ctx, k.text)
			if err != nil {
				return nil, err
			}
			df += n + elsewhere[k.text]
		}
		t.idf = idf(df)
	}
	return terms, nil
}

// bitset holds numbers of passages in one bleve index; nil holds all.
type bitset []uint64

func (b bitset) has(n uint64) bool {
	return b == nil || n/64 < uint64(len(b)) && b[n/64]>>(n%64)&1 == 1
}

func (b bitset) with(n uint64) bitset {
	if need := int(n/64) + 1; need > len(b) {
		b = append(b, make(bitset, need-len(b))...)
	}
	b[n/64] |= 1 << (n % 64)
	return b
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
			b = b.with(d.ID.Value())
		}
	}
	return b, nil
}

// passagesNamed returns the passages of an index among keys, in order.
func passagesNamed(r index.IndexReader, of int, keys []passageKey) (named []uint64, err error) {
	for _, k := range keys {
		if k.index != of {
			continue
		}
		id, err := r.InternalID(docID(k.set, k.n))
		if err != nil {
			return nil, err
		}
		if id != nil {
			named = append(named, id.Value())
		}
	}
	slices.Sort(named)
	return named, nil
}
