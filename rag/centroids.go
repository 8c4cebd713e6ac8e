package rag

import "math"

const (
	centroidRoom   = 3400 // bytes of a sketch: eight of e5-small's
	centroidSample = 4000 // vectors of a set they are taken from, evenly spread
	centroidRounds = 12   // of Lloyd's algorithm; later ones change little
)

// centroids finds the points around which the vectors of a set lie: k-means from seeds that are far from one another, so
// that the same vectors always give the same. x is locked for reading.
func (v *vectors) centroids(name string) []centroid {
	points := v.sample(name, centroidSample)
	k := min(max(centroidRoom/(v.dim+24), 1), maxCentroids, len(points))
	if k == 0 {
		return nil
	}
	means := seeds(points, k)
	counts := make([]int, k)
	for range centroidRounds {
		sums := make([][]float32, k)
		clear(counts)
		for i := range sums {
			sums[i] = make([]float32, v.dim)
		}
		for _, p := range points {
			i := nearestMean(p, means)
			counts[i]++
			for j, x := range p {
				sums[i][j] += x
			}
		}
		for i, n := range counts {
			if n == 0 {
				continue // keeps its place
			}
			for j := range sums[i] {
				sums[i][j] /= float32(n)
			}
			means[i] = sums[i]
		}
	}
	all := make([]centroid, 0, k)
	for i, m := range means {
		if counts[i] > 0 {
			c := quantised(m)
			c.Passages = counts[i] * v.count(name) / len(points)
			all = append(all, c)
		}
	}
	return all
}

// sample reads at most limit vectors of a set, evenly spread, at length one.
func (v *vectors) sample(name string, limit int) (points [][]float32) {
	s := v.sets[name]
	rec := make([]byte, s.file.recordSize())
	for n, step := 0, (s.file.n+limit-1)/limit; n < s.file.n; n += step {
		if s.file.read(n, rec) != nil {
			continue
		}
		p, scale := make([]float32, v.dim), recordScale(rec)
		for j := range p {
			p[j] = float32(int8(rec[j])) * scale
		}
		points = append(points, p)
	}
	return points
}

// seeds are k of the points, each as far as can be from those before.
func seeds(points [][]float32, k int) [][]float32 {
	means := [][]float32{points[0]}
	far := make([]float64, len(points))
	for i := range far {
		far[i] = math.Inf(1)
	}
	for len(means) < k {
		best := 0
		for i, p := range points {
			far[i] = min(far[i], distance(p, means[len(means)-1]))
			if far[i] > far[best] {
				best = i
			}
		}
		means = append(means, points[best])
	}
	return means
}

func nearestMean(p []float32, means [][]float32) (best int) {
	least := math.Inf(1)
	for i, m := range means {
		if d := distance(p, m); d < least {
			best, least = i, d
		}
	}
	return best
}

func distance(a, b []float32) float64 {
	var sum float32
	for i, x := range a {
		d := x - b[i]
		sum += d * d
	}
	return float64(sum)
}

func quantised(m []float32) centroid {
	var largest float32
	for _, x := range m {
		largest = max(largest, x, -x)
	}
	c := centroid{Scale: max(largest/127, 1e-9), Vector: make([]byte, len(m))}
	for j, x := range m {
		c.Vector[j] = byte(int8(math.Round(float64(x / c.Scale))))
	}
	return c
}
