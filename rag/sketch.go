package rag

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// A Sketch says in a few kilobytes what a set is about, so that others can judge whether to ask for it without asking: how
// many passages it has, which are its most telling terms and in how many passages each, and around which points its
// vectors lie. One that came from elsewhere is a claim. The fields are those of its encoding, in CBOR.
type Sketch struct {
	V         int           `cbor:"v"`           // version of the format, 1
	Analysis  string        `cbor:"a"`           // version of the analysis that made the terms
	Langs     []string      `cbor:"l,omitempty"` // most frequent first
	Fields    []sketchField `cbor:"f"`
	Model     string        `cbor:"m,omitempty"` // digest of the model of the vectors; empty when there are none, or not all
	Centroids []centroid    `cbor:"c,omitempty"`
}

// sketchField are the terms of the passages analysed alike. Levels[i] holds the terms that 2^i passages have, or more, but
// fewer than 2^(i+1).
type sketchField struct {
	Field    string   `cbor:"f"`
	Passages int      `cbor:"p"`
	Terms    int64    `cbor:"t"` // in all, repeated ones too
	Levels   []golomb `cbor:"l,omitempty"`
	_        struct{} `cbor:"-"`
}

// centroid is the mean of the vectors nearest to it.
type centroid struct {
	Passages int     `cbor:"p"`
	Scale    float32 `cbor:"s"`
	Vector   []byte  `cbor:"v"` // int8; component i is int8[i] × Scale
}

const (
	sketchVersion   = 1
	maxSketch       = 6 << 10 // bytes of an encoded sketch
	maxSketchLevels = 32
	maxSketchCount  = 1 << 31 // passages
	maxCentroids    = 32
)

// ErrSketch: not a sketch, or not one this program reads.
var ErrSketch = errors.New("not a sketch")

var sketchCoding = must(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	MaxNestedLevels: 8, MaxArrayElements: 64, MaxMapPairs: 16,
}.DecMode())

func must(m cbor.DecMode, err error) cbor.DecMode {
	if err != nil {
		panic(err) // constant options
	}
	return m
}

// ParseSketch reads a sketch that came from anywhere. Errors: ErrSketch.
func ParseSketch(b []byte) (*Sketch, error) {
	if len(b) > maxSketch {
		return nil, fmt.Errorf("%w: %d bytes", ErrSketch, len(b))
	}
	s := new(Sketch)
	if err := sketchCoding.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSketch, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSketch, err)
	}
	return s, nil
}

func (s *Sketch) check() error {
	if s.V != sketchVersion {
		return fmt.Errorf("version %d", s.V)
	}
	if len(s.Fields) > len(fields) || len(s.Langs) > maxSketchLangs || len(s.Centroids) > maxCentroids || len(s.Model) > maxModelDigest {
		return errors.New("too long")
	}
	for i, f := range s.Fields {
		if !slices.Contains(fields[:], field(f.Field)) || slices.ContainsFunc(s.Fields[:i], func(g sketchField) bool { return g.Field == f.Field }) {
			return fmt.Errorf("field %.20q", f.Field)
		}
		if f.Passages < 0 || f.Passages > maxSketchCount || f.Terms < 0 || f.Terms > maxSketchCount*1000 || len(f.Levels) > maxSketchLevels {
			return errors.New("counts out of range")
		}
		for _, l := range f.Levels {
			if err := l.check(); err != nil {
				return err
			}
		}
	}
	for _, c := range s.Centroids {
		if c.Passages < 0 || c.Passages > maxSketchCount || len(c.Vector) != len(s.Centroids[0].Vector) || !(c.Scale > 0 && c.Scale < 1) {
			return errors.New("centroid out of range")
		}
	}
	return nil
}

const maxSketchLangs = 8

// Passages is how many passages the set has, it says.
func (s *Sketch) Passages() (n int) {
	for _, f := range s.Fields {
		n += f.Passages
	}
	return n
}

// with estimates how many passages of a field have a term. A term that is not told of counts as none.
func (f sketchField) with(term string) int {
	h := hashTerm(term)
	for i := len(f.Levels) - 1; i >= 0; i-- {
		if f.Levels[i].has(h) {
			return min(f.Passages, 1<<i+1<<i/2)
		}
	}
	return 0
}

// golomb is a set of N hashes below N<<rice, in order, as the Golomb-Rice code of their differences: about rice+1.5 bits
// each, and one in 2^rice of others is taken for one of them (Putze, Sanders and Singler 2007).
type golomb struct {
	N    int    `cbor:"n"`
	Code []byte `cbor:"c"`
}

const rice = 8

func (g golomb) check() error {
	if g.N < 0 || g.N > 8*len(g.Code) {
		return errors.New("set of terms with another number of them")
	}
	return nil
}

// golombOf codes a set of hashes.
func golombOf(hashes []uint64) golomb {
	within := make([]uint64, 0, len(hashes))
	for _, h := range hashes {
		within = append(within, reduce(h, len(hashes)))
	}
	slices.Sort(within)
	w := bitWriter{}
	last := uint64(0)
	for _, v := range within {
		w.unary((v - last) >> rice)
		w.bits(v-last, rice)
		last = v
	}
	return golomb{N: len(hashes), Code: w.b}
}

// has tells whether the set holds a hash. Damaged codes hold what they hold; the work is bounded by their length.
func (g golomb) has(h uint64) bool {
	want, at := reduce(h, g.N), uint64(0)
	r := bitReader{b: g.Code}
	for range g.N {
		high, ok := r.unary()
		low, more := r.bits(rice)
		if !ok || !more {
			return false
		}
		if at += high<<rice | low; at >= want {
			return at == want
		}
	}
	return false
}

// reduce maps a hash evenly to the numbers below n<<rice.
func reduce(h uint64, n int) uint64 {
	high, _ := bits.Mul64(h, uint64(n)<<rice)
	return high
}

type bitWriter struct {
	b []byte
	n int // bits written
}

func (w *bitWriter) bit(one bool) {
	if w.n%8 == 0 {
		w.b = append(w.b, 0)
	}
	if one {
		w.b[w.n/8] |= 1 << (w.n % 8)
	}
	w.n++
}

func (w *bitWriter) unary(v uint64) {
	for range v {
		w.bit(true)
	}
	w.bit(false)
}

func (w *bitWriter) bits(v uint64, n int) {
	for i := range n {
		w.bit(v>>i&1 == 1)
	}
}

type bitReader struct {
	b []byte
	n int
}

func (r *bitReader) bit() (one, ok bool) {
	if r.n >= 8*len(r.b) {
		return false, false
	}
	one = r.b[r.n/8]>>(r.n%8)&1 == 1
	r.n++
	return one, true
}

func (r *bitReader) unary() (v uint64, ok bool) {
	for {
		one, ok := r.bit()
		if !one || !ok {
			return v, ok
		}
		v++
	}
}

func (r *bitReader) bits(n int) (v uint64, ok bool) {
	for i := range n {
		one, ok := r.bit()
		if !ok {
			return 0, false
		}
		if one {
			v |= 1 << i
		}
	}
	return v, true
}
