package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"savoirs/rag"
)

// scan holds vectors whole and compares a question with each.
type scan struct {
	vectors   [][]float32
	questions [][]float32
}

func scanned(n int, questions []string) *scan {
	e := &scan{vectors: make([][]float32, n)}
	for i := range e.vectors {
		e.vectors[i] = unit(inventVector(fmt.Sprintf("p%d", i), ""))
	}
	e.questions, _ = invented{}.Embed(context.Background(), rag.RoleQuery, questions)
	return e
}

func unit(v []float32) []float32 {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(square))
	}
	return v
}

// nearest returns the documents of the k vectors nearest to question i.
func (e *scan) nearest(i, k int) []string {
	type hit struct {
		n   int
		cos float32
	}
	hits := make([]hit, len(e.vectors))
	for n, v := range e.vectors {
		var cos float32
		for j, x := range e.questions[i] {
			cos += x * v[j]
		}
		hits[n] = hit{n, cos}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		switch {
		case a.cos > b.cos:
			return -1
		case a.cos < b.cos:
			return 1
		}
		return 0
	})
	names := make([]string, k)
	for i := range names {
		names[i] = fmt.Sprintf("%07d.txt", hits[i].n)
	}
	return names
}

func measureScan(ctx context.Context, n int) (sample, error) {
	questions, err := inventQuestions(askedInvented, n)
	if err != nil {
		return nil, err
	}
	before := heapMB()
	e := scanned(n, questions)
	s := sample{colHeap: heapMB() - before, colRecall10: 1}
	var took []time.Duration
	for i := range askedInvented {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		e.nearest(i, 10)
		took = append(took, time.Since(start))
	}
	s[colP50], s[colP95] = percentile(took, 50), percentile(took, 95)
	return s, nil
}
