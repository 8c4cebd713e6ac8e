package rag_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// zipfian makes texts of words as frequent as those of a language.
func zipfian(n int) map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	words := rand.NewZipf(random, 1.1, 3, 50_000)
	files := map[string]string{}
	for i := range n {
		var text strings.Builder
		for range 100 {
			fmt.Fprintf(&text, "mot%d ", words.Uint64())
		}
		files[fmt.Sprintf("%06d.txt", i)] = text.String()
	}
	return files
}

func BenchmarkSearch(b *testing.B) {
	const passages = 10_000
	x, err := rag.Open(rag.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Add(b.Context(), "v", "", folder(zipfian(passages)), nil); err != nil {
		b.Fatal(err)
	}
	e := &ragtest.Embedder{Size: 384}
	if err := x.EmbedMissing(b.Context(), e, nil, nil); err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	words := rand.NewZipf(random, 1.1, 3, 50_000)
	for name, q := range map[string]rag.Query{
		"lexical":         {Mode: rag.ModeLexical},
		"lexical-one-set": {Mode: rag.ModeLexical, In: []string{"v"}},
		"hybrid":          {Mode: rag.ModeHybrid},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				q.Text = fmt.Sprintf("mot%d mot%d mot%d mot%d mot%d", words.Uint64(), words.Uint64(), words.Uint64(), words.Uint64(), words.Uint64())
				start := time.Now()
				if _, err := rag.Search(b.Context(), q, e, x); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds()), "p95-µs")
		})
	}
}
