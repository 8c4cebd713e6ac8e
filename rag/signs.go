package rag

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Signs are the sign codes of all vectors of a set, an eighth of their size: for each component, whether it lies above the
// mean of the set. With the mean and how far components lie from it, they tell how near a question each passage is,
// closely enough to choose whom to ask. Those that came from elsewhere are a claim; Check them.
type Signs struct {
	Model  string   `cbor:"model"`
	Mean   centroid `cbor:"mean"`
	Spread centroid `cbor:"spread"` // mean distance from Mean
	N      int      `cbor:"n"`      // passages
	Codes  []byte   `cbor:"codes"`  // for each, a bit for each component, the lowest first
}

// ErrCodes: codes that do not fit together.
var ErrCodes = errors.New("not sign codes")

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
	return c, nil
}

// Check returns ErrCodes when c does not hold together.
func (c Signs) Check() error {
	dim := len(c.Mean.Vector)
	switch {
	case dim == 0 || dim > maxDim || len(c.Spread.Vector) != dim || len(c.Model) > maxModelDigest:
	case c.N < 1 || c.N > MaxCodes || len(c.Codes) != c.N*((dim+7)/8):
	case !(c.Mean.Scale > 0 && c.Mean.Scale < 1) || !(c.Spread.Scale > 0 && c.Spread.Scale < 1):
	default:
		return nil
	}
	return ErrCodes
}

// near estimates the cosine of each passage with a question of length one: that of the mean, and from there in the
// direction that the signs say.
func (c Signs) near(q []float32) []float64 {
	mean, spread := c.Mean.vector(), c.Spread.vector()
	size := (len(q) + 7) / 8
	base := 0.0
	tables := make([][256]float32, size) // what a byte of a code adds
	for j, x := range q {
		base += float64(x) * float64(mean[j])
		add := (x - mean[j]) * spread[j] // along the mean the signs would tell nothing, and add noise
		for b := range tables[j/8] {
			if b>>(j%8)&1 == 1 {
				tables[j/8][b] += add
			} else {
				tables[j/8][b] -= add
			}
		}
	}
	near := make([]float64, c.N)
	for i := range near {
		var sum float32
		for j, b := range c.Codes[i*size : (i+1)*size] {
			sum += tables[j][b]
		}
		near[i] = base + float64(sum)
	}
	return near
}

func (c centroid) vector() []float32 {
	v := make([]float32, len(c.Vector))
	for j, b := range c.Vector {
		v[j] = float32(int8(b)) * c.Scale
	}
	return v
}
