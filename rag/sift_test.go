package rag

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTheNearestOfManyAreFoundThroughTheirSigns(t *testing.T) {
	const n, dim = 12_000, 128
	random := rand.New(rand.NewPCG(1, 1))
	vector := func(around []float32, share float32) []float32 {
		v := make([]float32, dim)
		for j := range v {
			v[j] = around[j] + share*float32(random.NormFloat64())
		}
		return v
	}
	common := vector(make([]float32, dim), 2) // most of their direction is the same
	var subjects [][]float32
	for range n / 20 {
		subjects = append(subjects, vector(common, 1))
	}
	f, err := createVectorFile(t.TempDir(), "m", dim)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	v := &vectors{model: "m", dim: dim, sets: map[string]*setVectors{"v": {file: f}}}
	all := make([][]float32, n)
	var records []byte
	for i := range all {
		made := vector(subjects[i%len(subjects)], .7)
		if records, err = appendRecord(records, made); err != nil {
			t.Fatal(err)
		}
		if all[i], err = v.normalise(made); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.write(records); err != nil {
		t.Fatal(err)
	}
	f.n = n
	if err := v.takeMean(); err != nil {
		t.Fatal(err)
	}
	const questions = 20
	found := 0
	for range questions {
		q := vector(subjects[random.IntN(len(subjects))], .7)
		hits, err := v.search(q, func(string) bool { return true }, 10)
		if err != nil {
			t.Fatal(err)
		}
		order := make([]int, n)
		cosines := make([]float32, n)
		for i, u := range all {
			order[i] = i
			for j, x := range u {
				cosines[i] += x * q[j]
			}
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(cosines[b], cosines[a]) })
		for _, h := range hits {
			if slices.Contains(order[:10], h.n) {
				found++
			}
		}
	}
	if recall := float64(found) / (10 * questions); recall < .97 {
		t.Errorf("recall@10 is %.3f", recall)
	}
}
