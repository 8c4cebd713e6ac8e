package rag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// denseHit is a passage and its cosine with the question.
type denseHit struct {
	offer *Offer // one that another node sent, nil for one found here
	set   string
	n     int
	cos   float64
}

// search returns the nearest passages among the sets that in accepts, best first, at most limit.
// A vector that cannot be read is left out.
func (v *vectors) search(query []float32, in func(set string) bool, limit int) ([]denseHit, error) {
	if v.dim == 0 {
		return nil, nil
	}
	q, err := v.normalise(query)
	if err != nil {
		return nil, err
	}
	names := v.named(in)
	near := v.sift(q, v.nearest(v.code(q), names), names, rescored)
	hits := v.rescore(q, near, names)
	slices.SortFunc(hits, func(a, b denseHit) int {
		return order(b.cos, a.cos, a.set, b.set, a.n, b.n)
	})
	return hits[:min(limit, len(hits))], nil
}

// rescore computes the cosines of a normalised question with those near, on as many goroutines as help. Most of
// it is waiting for the kernel to copy a record.
func (v *vectors) rescore(q []float32, near []candidate, names []string) (hits []denseHit) {
	parts := make([][]denseHit, min(4, runtime.GOMAXPROCS(0)))
	var all sync.WaitGroup
	for i := range parts {
		some := near[i*len(near)/len(parts) : (i+1)*len(near)/len(parts)]
		all.Go(func() {
			rec := make([]byte, recordSize(v.dim))
			for _, c := range some {
				name := names[c.set]
				if err := v.sets[name].file.read(int(c.n), rec); err != nil {
					continue
				}
				parts[i] = append(parts[i], denseHit{set: name, n: int(c.n), cos: dot(q, rec)})
			}
		})
	}
	all.Wait()
	return slices.Concat(parts...)
}

// compare returns the cosines of two normalised vectors with that of a passage; false when it has none that
// can be read.
func (v *vectors) compare(a, b []float32, set string, n int) (x, y float64, ok bool) {
	s := v.sets[set]
	if s == nil || n >= s.file.n || len(a) != v.dim || len(b) != v.dim {
		return 0, 0, false
	}
	rec := make([]byte, recordSize(v.dim))
	if s.file.read(n, rec) != nil {
		return 0, 0, false
	}
	return dot(a, rec), dot(b, rec), true
}

// named lists the sets that in accepts, by name.
func (v *vectors) named(in func(set string) bool) []string {
	names := make([]string, 0, len(v.sets))
	for name := range v.sets {
		if in(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type candidate struct{ set, n int32 }

// nearest picks about sifted candidates by counting: distances are small integers, so the threshold
// is read off their histogram. Those at the threshold are all taken, up to twice the number.
func (v *vectors) nearest(code []uint64, names []string) []candidate {
	total := 0
	for _, name := range names {
		total += v.sets[name].file.n
	}
	buf, _ := v.scratch.Get().(*[]uint16)
	if buf == nil {
		buf = new([]uint16)
	}
	defer v.scratch.Put(buf)
	dist := slices.Grow((*buf)[:0], total)[:total]
	*buf = dist

	histogram := make([]int, v.dim+1)
	words, at := len(code), 0
	for _, name := range names {
		codes := v.sets[name].codes
		for ; len(codes) >= words; codes = codes[words:] {
			d := 0
			for w, bits64 := range code {
				d += bits.OnesCount64(codes[w] ^ bits64)
			}
			dist[at] = uint16(d)
			histogram[d]++
			at++
		}
	}
	limit, below := 0, 0
	for limit < v.dim && below+histogram[limit] < sifted {
		below += histogram[limit]
		limit++
	}
	ties := min(histogram[limit], 2*sifted-below)
	near := make([]candidate, 0, below+ties)
	at = 0
	for i, name := range names {
		for n := range v.sets[name].file.n {
			d := int(dist[at])
			at++
			if d > limit || d == limit && ties == 0 {
				continue
			}
			if d == limit {
				ties--
			}
			near = append(near, candidate{int32(i), int32(n)})
		}
	}
	return near
}

func (v *vectors) normalise(query []float32) ([]float32, error) {
	if len(query) != v.dim {
		return nil, fmt.Errorf("question has %d components, passages %d: %w", len(query), v.dim, ErrDimension)
	}
	q := unit(query)
	if q == nil {
		return nil, errors.New("vector of the question has no direction")
	}
	return q, nil
}

// unit is a vector of length one in the direction of v; nil when that has none.
func unit(v []float32) []float32 {
	length := size(v)
	if length == 0 || math.IsNaN(float64(length)) || math.IsInf(float64(length), 0) {
		return nil
	}
	u := make([]float32, len(v))
	for i, x := range v {
		u[i] = x / length
	}
	return u
}

// size is the length of a vector.
func size(v []float32) float32 {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	return float32(math.Sqrt(square))
}

func (v *vectors) code(q []float32) []uint64 {
	code := make([]uint64, v.words())
	for j, x := range q {
		if x > v.mean[j] {
			code[j/64] |= 1 << (j % 64)
		}
	}
	return code
}

// dot is the cosine of a normalised question and a record.
func dot(q []float32, rec []byte) float64 {
	var s0, s1, s2, s3 float32
	rec8 := rec[:len(q)]
	i := 0
	for ; i+4 <= len(q); i += 4 {
		s0 += q[i] * float32(int8(rec8[i]))
		s1 += q[i+1] * float32(int8(rec8[i+1]))
		s2 += q[i+2] * float32(int8(rec8[i+2]))
		s3 += q[i+3] * float32(int8(rec8[i+3]))
	}
	for ; i < len(q); i++ {
		s0 += q[i] * float32(int8(rec8[i]))
	}
	scale := math.Float32frombits(binary.LittleEndian.Uint32(rec[len(rec)-8:]))
	return float64(s0+s1+s2+s3) * float64(scale)
}
