package rag

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// sketchSample is how many passages of a set a sketch is made from at most, evenly spread: the time it takes is then
// bounded, and the rarest terms have no room in it anyway.
const sketchSample = 20_000

// Sketch makes the sketch of a set as it is now, encoded; with centroids when all its passages have vectors of the model
// in use. Errors: ErrNotFound, ErrDamaged, that of ctx.
func (x *Index) Sketch(ctx context.Context, name string) ([]byte, error) {
	b, err := x.sketch(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("sketch %s: %w", name, err)
	}
	return b, nil
}

func (x *Index) sketch(ctx context.Context, name string) ([]byte, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.sets[name]
	if s == nil {
		return nil, ErrNotFound
	}
	sk := Sketch{V: sketchVersion, Analysis: lexicalVersion, Langs: s.mark.Langs[:min(len(s.mark.Langs), maxSketchLangs)]}
	if v := x.vectors; v != nil && s.passages.n > 0 && v.count(name) == s.passages.n {
		sk.Model = v.model
		sk.Centroids = v.centroids(name)
	}
	tallies, err := tallyTerms(ctx, s, x.lexical.analyze)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if size := s.mark.Fields[f]; size.Passages > 0 {
			sk.Fields = append(sk.Fields, sketchField{Field: string(f), Passages: size.Passages, Terms: size.Terms})
		}
	}
	bare, err := cbor.Marshal(sk)
	if err != nil {
		return nil, err
	}
	room := maxSketch - len(bare) - sketchSpare
	passages := sk.Passages()
	for i := range sk.Fields {
		f := &sk.Fields[i]
		f.Levels = levels(tallies[field(f.Field)], f.Passages, room*f.Passages/max(passages, 1))
	}
	return cbor.Marshal(sk)
}

// sketchSpare is room for the heads of the levels in CBOR, which come after what is counted exactly.
const sketchSpare = len(fields) * maxSketchLevels / 4 * 8

// tallyTerms counts for each term the passages of s that have it, from a sample of a large set.
func tallyTerms(ctx context.Context, s *set, a analyzer) (map[field]map[string]int, error) {
	step := (s.passages.n + sketchSample - 1) / sketchSample
	tallies := map[field]map[string]int{}
	for n := 0; n < s.passages.n; n += step {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := s.passages.read(n)
		if err != nil {
			return nil, err
		}
		f := fieldOf(s.langOf(p.Lang))
		if tallies[f] == nil {
			tallies[f] = map[string]int{}
		}
		terms := a.terms(f, p.lexicalText())
		slices.Sort(terms)
		for _, t := range slices.Compact(terms) {
			tallies[f][t] += step
		}
	}
	return tallies, nil
}

// levels takes the most telling terms that room bytes hold. A term tells the more, the more passages have it and the
// fewer lack it would surprise: df × log(n/df), the share of it in what a passage says in bits.
func levels(tally map[string]int, passages, room int) []golomb {
	worth := func(df int) float64 { return float64(df) * math.Log(float64(passages+1)/float64(df)) }
	terms := slices.SortedFunc(maps.Keys(tally), func(a, b string) int {
		return cmp.Or(cmp.Compare(worth(tally[b]), worth(tally[a])), strings.Compare(a, b))
	})
	terms = terms[:min(len(terms), room*8/(rice+2))] // at most rice+2 bits each
	var by [maxSketchLevels][]uint64
	top := 0
	for _, t := range terms {
		level := bits.Len(uint(tally[t])) - 1
		by[level] = append(by[level], hashTerm(t))
		top = max(top, level+1)
	}
	all := make([]golomb, 0, top)
	for _, hashes := range by[:top] {
		all = append(all, golombOf(hashes))
	}
	return all
}

func hashTerm(t string) uint64 {
	sum := sha256.Sum256([]byte(t))
	return binary.BigEndian.Uint64(sum[:])
}
