package rag

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Signs are the sign codes of all vectors of a set, an eighth of their size: for each component, whether it lies above the
// mean of the set. With the mean and how far components lie from it, they tell how near a question each passage is,
// closely enough to choose whom to ask. With them come the terms of the set, far more than a sketch has room for. Those
// that came from elsewhere are a claim; Check them.
type Signs struct {
	Model  string   `cbor:"model"`
	Mean   centroid `cbor:"mean"`
	Spread centroid `cbor:"spread"` // mean distance from Mean
	N      int      `cbor:"n"`      // passages
	Codes  []byte   `cbor:"codes"`  // for each, a bit for each component, the lowest first

	Analysis string        `cbor:"a,omitempty"` // version of the analysis that made the terms
	Fields   []sketchField `cbor:"f,omitempty"` // as in a sketch
}

// ErrCodes: codes that do not fit together.
var ErrCodes = errors.New("not sign codes")

// maxCodesTerms bounds the terms that come with codes, in bytes: some 200,000 terms.
const maxCodesTerms = 256 << 10

// MaxCodes is how many passages' codes are made or taken at once.
const MaxCodes = 20_000

// Signs returns the codes of a set that has all its vectors. Errors: ErrNotFound when it has not, or more than MaxCodes.
func (x *Index) Signs(ctx context.Context, name string) (Signs, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.sets[name]
	if s == nil || x.vectors == nil || s.passages.n == 0 || s.passages.n > MaxCodes || x.vectors.count(name) != s.passages.n {
		return Signs{}, fmt.Errorf("codes of %s: %w", name, ErrNotFound)
	}
	v := x.vectors
	points := v.sample(name, MaxCodes)
	if len(points) != s.passages.n {
		return Signs{}, fmt.Errorf("codes of %s: %w", name, ErrDamaged)
	}
	mean, spread := make([]float32, v.dim), make([]float32, v.dim)
	for _, p := range points {
		for j, x := range p {
			mean[j] += x / float32(len(points))
		}
	}
	for _, p := range points {
		for j, x := range p {
			spread[j] += float32(math.Abs(float64(x-mean[j]))) / float32(len(points))
		}
	}
	c := Signs{Model: v.model, Mean: quantised(mean), Spread: quantised(spread), N: len(points)}
	mean = c.Mean.vector() // as the other side will see it
	for i, p := range points {
		if i%1024 == 0 && ctx.Err() != nil {
			return Signs{}, ctx.Err()
		}
		code := make([]byte, (v.dim+7)/8)
		for j, x := range p {
			if x > mean[j] {
				code[j/8] |= 1 << (j % 8)
			}
		}
		c.Codes = append(c.Codes, code...)
	}
	c.Analysis = lexicalVersion
	var err error
	if c.Fields, err = sketchFields(ctx, s, x.lexical.analyze, maxCodesTerms); err != nil {
		return Signs{}, fmt.Errorf("codes of %s: %w", name, err)
	}
	return c, nil
}

// Check returns ErrCodes when c does not hold together.
func (c Signs) Check() error {
	dim := len(c.Mean.Vector)
	switch {
	case dim == 0 || dim > maxDim || len(c.Spread.Vector) != dim || len(c.Model) > maxModelDigest:
	case c.N < 1 || c.N > MaxCodes || len(c.Codes) != c.N*((dim+7)/8):
	case !(c.Mean.Scale > 0 && c.Mean.Scale < 1) || !(c.Spread.Scale > 0 && c.Spread.Scale < 1):
	case len(c.Analysis) > maxModelDigest || checkFields(c.Fields) != nil || passagesIn(c.Fields) > c.N:
	default:
		return nil
	}
	return ErrCodes
}

// near estimates the cosine of each passage with a question of length one, by the vector that lies from the mean where
// the signs say, as far as components do. Its length counts: that of what spreads wide is estimated too long, and a set of
// many subjects would seem nearer to every question than one of few.
func (c Signs) near(q []float32) []float64 {
	mean, spread := c.Mean.vector(), c.Spread.vector()
	size := (len(q) + 7) / 8
	var along, square float64               // of the mean with q, and of the mean and the spread with themselves
	tables := make([][256][2]float32, size) // what a byte of a code adds to each
	for j, x := range q {
		m, s := mean[j], spread[j]
		along += float64(x * m)
		square += float64(m*m + s*s)
		for b := range tables[j/8] {
			sign := float32(-1)
			if b>>(j%8)&1 == 1 {
				sign = 1
			}
			tables[j/8][b][0] += sign * x * s
			tables[j/8][b][1] += sign * 2 * m * s
		}
	}
	near := make([]float64, c.N)
	for i := range near {
		var sums [2]float32
		for j, b := range c.Codes[i*size : (i+1)*size] {
			t := &tables[j][b]
			sums[0] += t[0]
			sums[1] += t[1]
		}
		near[i] = (along + float64(sums[0])) / math.Sqrt(max(square+float64(sums[1]), 1e-9))
	}
	return near
}

// Bytes is how much memory c takes, nearly.
func (c Signs) Bytes() int {
	n := len(c.Codes)
	for _, f := range c.Fields {
		for _, l := range f.Levels {
			n += len(l.Code)
		}
	}
	return n
}

func (c centroid) vector() []float32 {
	v := make([]float32, len(c.Vector))
	for j, b := range c.Vector {
		v[j] = float32(int8(b)) * c.Scale
	}
	return v
}
