package rag

import (
	"cmp"
	"math"
)

// Elsewhere is what other nodes sent to answer a question. Search ranks its passages among those found here by its own
// reckoning: their words are counted again, their vectors brought to length one. Nothing a peer says of a passage's worth
// is used.
type Elsewhere struct {
	Offers []Offer
	Counts Counts // of the sets that are elsewhere, where they are known
}

// Offer is a passage that another node sent. From is set, and no other offer has the same Set and N.
type Offer struct {
	Passage
	As     string // language its words are taken for, where Lang is unknown
	Vector []byte // int8, of the model of the question; nil where it has none of that
}

func (o *Offer) language() string { return cmp.Or(o.Lang, o.As) }

// covered is how many offers have a vector.
func (e Elsewhere) covered() (n int) {
	for _, o := range e.Offers {
		if o.Vector != nil {
			n++
		}
	}
	return n
}

// Counts are what idf and BM25 need to know of sets, by field of the analysis.
type Counts map[string]FieldCounts

// FieldCounts counts passages, their terms, and for each term of a question the passages that have it.
type FieldCounts struct {
	Passages int            `cbor:"passages"`
	Terms    int64          `cbor:"terms"`
	With     map[string]int `cbor:"with,omitempty"`
}

// Passages is how many there are in all fields.
func (c Counts) Passages() (n int) {
	for _, f := range c {
		n += f.Passages
	}
	return n
}

// Add adds other to c.
func (c Counts) Add(other Counts) {
	for f, more := range other {
		have := c[f]
		have.Passages += more.Passages
		have.Terms += more.Terms
		for t, n := range more.With {
			if have.With == nil {
				have.With = map[string]int{}
			}
			have.With[t] += n
		}
		c[f] = have
	}
}

// spoken is an offer by its words.
type spoken struct {
	offer *Offer
	field field
	times map[string]int // each of its terms
	terms int            // in all, repeated ones too
}

// spoken analyses the offers.
func (e Elsewhere) spoken(a analyzer) []spoken {
	all := make([]spoken, len(e.Offers))
	for i := range e.Offers {
		o := &e.Offers[i]
		f := fieldOf(o.language())
		terms := a.terms(f, o.lexicalText())
		times := make(map[string]int, len(terms))
		for _, t := range terms {
			times[t]++
		}
		all[i] = spoken{o, f, times, len(terms)}
	}
	return all
}

// spokenWith counts the offers in a field that have each term.
func spokenWith(all []spoken, f field) map[string]int {
	with := map[string]int{}
	for _, o := range all {
		if o.field != f {
			continue
		}
		for t := range o.times {
			with[t]++
		}
	}
	return with
}

// lexicalOffers shows to best the offers in a field that share a term with the question, and returns them.
func (s fieldScan) lexicalOffers(all []spoken, best *topHits) (hits []lexicalHit) {
	for _, o := range all {
		if o.field != s.field {
			continue
		}
		var sum scoreSum
		for _, t := range s.terms {
			tf := float64(o.times[t.text])
			for _, k := range t.kin {
				tf += k.weight * float64(o.times[k.text])
			}
			if tf > 0 {
				sum.add(t, tf, float64(o.terms), s.average)
			}
		}
		if sum.terms > 0 {
			hit := lexicalHit{offer: o.offer, set: o.offer.Set, n: o.offer.N, score: sum.score * s.boost, share: sum.score / s.limit(), terms: sum.terms}
			best.add(hit)
			hits = append(hits, hit)
		}
	}
	return hits
}

// cosine is that of a question and a vector of int8; false when one has no direction or they do not compare.
func cosine(query []float32, v []byte) (float64, bool) {
	if len(query) != len(v) {
		return 0, false
	}
	var along, qq, vv float64
	for i, x := range query {
		y := float64(int8(v[i]))
		along += float64(x) * y
		qq += float64(x) * float64(x)
		vv += y * y
	}
	if !(qq > 0 && vv > 0) {
		return 0, false
	}
	return along / math.Sqrt(qq*vv), true
}

// denseOffers returns the offers that have a vector, with their cosines.
func (e Elsewhere) denseOffers(query []float32) (hits []denseHit) {
	for i := range e.Offers {
		o := &e.Offers[i]
		if cos, ok := cosine(query, o.Vector); ok {
			hits = append(hits, denseHit{offer: o, set: o.Set, n: o.N, cos: cos})
		}
	}
	return hits
}
