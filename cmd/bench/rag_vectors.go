package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"savoirs/rag"
)

const (
	colRecall10 = "recall@10"
	colHeap     = "heap MB"
	colHeld     = "held MB"
	colAnon     = "anonymous MB"
	colMapped   = "mapped MB"
	colGrowth   = "growth MB"
	colGhosts   = "ghosts"
)

// vectorsRow measures search by words and meaning among n passages, without the
// vector of the question, beside an exact scan of the same vectors in memory,
// which is what embedded vector stores do. Held is what the open index adds to the
// memory of a process that has just begun, after the questions: anonymous pages
// and those of mapped files together. Growth is what ten rounds of adding
// and deleting a tenth leave in memory; ghosts are passages found of what was
// deleted before a restart.
func vectorsRow(n int) row {
	return row{
		name: fmt.Sprintf("vectors-%dk", n/1000), what: fmt.Sprintf("%d passages with 384 components", n), limit: time.Hour, runs: 1,
		metrics: []string{colP95, colP50, colRecall10, colHeld, colAnon, colMapped, colHeap, colGrowth, colGhosts, colIndex},
		demands: []demand{
			{metric: colP95, most: 10}, {metric: colRecall10, least: .98}, {metric: colHeld, most: 60},
			{metric: colGrowth, most: 5}, {metric: colGhosts, most: .5},
		},
		contenders: func(*bench) []contender {
			return []contender{
				{ourName, func(ctx context.Context, dir string) (sample, error) { return measureVectors(ctx, dir, n) }},
				{"exact scan", func(ctx context.Context, _ string) (sample, error) { return measureScan(ctx, n) }},
			}
		},
	}
}

// invented makes vectors as alike as those of a model for texts: most of their
// direction is common to all, much of the rest to a subject, and all of it is
// spread over fewer directions than there are components, some more than others.
// The vector of a text follows from its first word; the second of a question
// says which passage it is about.
type invented struct{}

const (
	inventedSize = 384
	directions   = 96
)

func (invented) Model() string { return "sha256:invented" }

func (invented) Embed(_ context.Context, _ rag.Role, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	for i, t := range texts {
		words := strings.Fields(t)
		if words[0] != "about" {
			vectors[i] = inventVector(words[0], "")
		} else {
			vectors[i] = inventVector(words[1], t)
		}
	}
	return vectors, nil
}

// inventedBasis returns the direction common to all, then those of the rest.
var inventedBasis = sync.OnceValues(func() (common []float32, rest [][]float32) {
	random := rand.New(rand.NewPCG(3, 3))
	vector := func(length float64) []float32 {
		v := make([]float32, inventedSize)
		for j := range v {
			v[j] = float32(length * random.NormFloat64())
		}
		return v
	}
	for k := range directions {
		rest = append(rest, vector(1/math.Sqrt(float64(4+k))))
	}
	return vector(3), rest
})

// inventVector makes the vector of a passage, or of a question about it.
func inventVector(passage, question string) []float32 {
	common, rest := inventedBasis()
	number := func(s string) uint64 {
		h := fnv.New64a()
		h.Write([]byte(s))
		return h.Sum64()
	}
	subject := rand.New(rand.NewPCG(number(passage)%1000, 2))
	own := rand.New(rand.NewPCG(number(passage), 1))
	asked := rand.New(rand.NewPCG(number(question), 4))
	v := slices.Clone(common)
	for _, direction := range rest {
		share := float32(subject.NormFloat64() + own.NormFloat64())
		if question != "" {
			share += float32(.7 * asked.NormFloat64())
		}
		for j, x := range direction {
			v[j] += share * x
		}
	}
	return v
}

// inventTexts makes documents of one passage, of words as frequent as those of a
// language.
func inventTexts(from, n int) (fstest.MapFS, error) {
	word, err := drawWords(rand.New(rand.NewPCG(uint64(from), 2)))
	if err != nil {
		return nil, err
	}
	files := make(fstest.MapFS, n)
	for i := from; i < from+n; i++ {
		var text strings.Builder
		fmt.Fprintf(&text, "p%d", i)
		for range 90 {
			text.WriteString(" " + word())
		}
		files[fmt.Sprintf("%07d.txt", i)] = &fstest.MapFile{Data: []byte(text.String())}
	}
	return files, nil
}

// inventQuestions returns n questions of words of the language, each about a
// passage below among.
func inventQuestions(n, among int) ([]string, error) {
	random := rand.New(rand.NewPCG(5, 6))
	word, err := drawWords(random)
	if err != nil {
		return nil, err
	}
	qs := make([]string, n)
	for i := range qs {
		qs[i] = fmt.Sprintf("about p%d", random.IntN(among))
		for range 8 {
			qs[i] += " " + word()
		}
	}
	return qs, nil
}

const askedInvented = 200

func measureVectors(ctx context.Context, dir string, n int) (sample, error) {
	s := sample{}
	folder := filepath.Join(dir, "index")
	began := time.Now()
	if err := build(ctx, folder, n); err != nil {
		return nil, err
	}
	s[colIndex] = time.Since(began).Seconds()
	h, err := measureHeld(ctx, folder, n)
	if err != nil {
		return nil, err
	}
	s[colHeld], s[colAnon], s[colMapped] = h.Anon+h.File, h.Anon, h.File
	before := heapMB()
	x, err := openInvented(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer func() { x.Close() }()
	questions, err := inventQuestions(askedInvented, n)
	if err != nil {
		return nil, err
	}
	exact := scanned(n, questions)
	var took []time.Duration
	found := 0
	for i, q := range questions {
		start := time.Now()
		if _, err := rag.Search(ctx, rag.Query{Text: q, Mode: rag.ModeHybrid, Limit: 10}, invented{}, x); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		r, err := rag.Search(ctx, rag.Query{Text: q, Mode: rag.ModeDense, Limit: 100}, invented{}, x)
		if err != nil {
			return nil, err
		}
		// The ranking weighs more than the cosine, which is what the scan ranks by.
		slices.SortFunc(r.Hits, func(a, b rag.Hit) int { return cmp.Compare(b.Dense, a.Dense) })
		want := exact.nearest(i, 10)
		for _, h := range r.Hits[:min(10, len(r.Hits))] {
			if slices.Contains(want, h.Doc) {
				found++
			}
		}
	}
	exact = nil
	s[colP50], s[colP95] = percentile(took, 50), percentile(took, 95)
	s[colRecall10] = float64(found) / (10 * askedInvented)
	s[colHeap] = heapMB() - before
	if err := rounds(ctx, x, n/10, n); err != nil {
		return nil, err
	}
	s[colGrowth] = heapMB() - before - s[colHeap]
	if err := x.Close(); err != nil {
		return nil, err
	}
	if x, err = openInvented(ctx, folder); err != nil {
		return nil, err
	}
	s[colGhosts], err = ghosts(ctx, x, n)
	return s, err
}

func build(ctx context.Context, folder string, n int) error {
	x, err := rag.Open(rag.Options{Dir: folder})
	if err != nil {
		return err
	}
	defer x.Close()
	docs, err := inventTexts(0, n)
	if err != nil {
		return err
	}
	if _, err := x.Add(ctx, "all", "", docs, nil); err != nil {
		return err
	}
	return x.EmbedMissing(ctx, invented{}, nil, nil)
}

// openInvented opens an index as a node does that comes up.
func openInvented(ctx context.Context, folder string) (*rag.Index, error) {
	x, err := rag.Open(rag.Options{Dir: folder})
	if err != nil {
		return nil, err
	}
	return x, x.EmbedMissing(ctx, invented{}, nil, nil)
}

// rounds adds and deletes a set ten times.
func rounds(ctx context.Context, x *rag.Index, size, n int) error {
	docs, err := inventTexts(n, size)
	if err != nil {
		return err
	}
	for range 10 {
		if _, err := x.Add(ctx, "more", "", docs, nil); err != nil {
			return err
		}
		if err := x.EmbedMissing(ctx, invented{}, nil, nil); err != nil {
			return err
		}
		if err := x.Drop("more"); err != nil {
			return err
		}
	}
	return nil
}

// ghosts counts what is found of the passages from n on, which were deleted.
func ghosts(ctx context.Context, x *rag.Index, n int) (float64, error) {
	count := 0.
	for i := range 50 {
		r, err := rag.Search(ctx, rag.Query{Text: fmt.Sprintf("about p%d p%d", n+i, n+i), Mode: rag.ModeHybrid, Limit: 10}, invented{}, x)
		if err != nil {
			return 0, err
		}
		for _, h := range r.Hits {
			if h.Set != "all" {
				count++
			}
		}
	}
	return count, nil
}

// heapMB is what is in use, in MB, when nothing waits to be freed.
func heapMB() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// percentile of times, in milliseconds.
func percentile(took []time.Duration, p int) float64 {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Seconds() * 1000
}
