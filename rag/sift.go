package rag

import "slices"

// sifter estimates the cosine of a question with passages from their sign codes: a component of which
// only the side of the mean is known counts as far from it as components are on average. It knows the
// question whole, and so tells much better than the distance of two codes, at some 60 ns a passage.
type sifter struct {
	sums [][256]float32 // for each byte of a code, what its eight components add up to
}

func newSifter(q, spread []float32) *sifter {
	s := &sifter{sums: make([][256]float32, (len(q)+7)/8)}
	for at := range s.sums {
		sums := &s.sums[at]
		part := q[8*at : min(8*at+8, len(q))]
		for j, x := range part {
			sums[0] -= x * spread[8*at+j]
		}
		for j, x := range part {
			for b := range 1 << j {
				sums[b|1<<j] = sums[b] + 2*x*spread[8*at+j]
			}
		}
	}
	return s
}

func (s *sifter) estimate(code []uint64) float32 {
	var sum [2]float32
	sums := s.sums
	for _, word := range code {
		for at := range min(8, len(sums)) {
			sum[at&1] += sums[at][byte(word>>(8*at))]
		}
		sums = sums[min(8, len(sums)):]
	}
	return sum[0] + sum[1]
}

// sift keeps those of near that are estimated highest, at most limit.
func (v *vectors) sift(q []float32, near []candidate, names []string, limit int) []candidate {
	if len(near) <= limit {
		return near
	}
	s, words := newSifter(v.centred(q), v.spread), v.words()
	estimates := make([]float32, len(near))
	for i, c := range near {
		codes := v.sets[names[c.set]].codes
		estimates[i] = s.estimate(codes[int(c.n)*words : (int(c.n)+1)*words])
	}
	sorted := slices.Clone(estimates)
	slices.Sort(sorted)
	least := sorted[len(sorted)-limit]
	kept := near[:0]
	for i, c := range near {
		if estimates[i] >= least {
			kept = append(kept, c)
		}
	}
	return kept
}

// centred is q without the mean. What lies along the mean is nearly the same for all passages, and the
// signs know nothing of it.
func (v *vectors) centred(q []float32) []float32 {
	c := make([]float32, len(q))
	for j, x := range q {
		c[j] = x - v.mean[j]
	}
	return c
}
