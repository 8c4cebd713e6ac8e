package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing/fstest"
	"time"

	"savoirs/rag"
)

const (
	embeddedPassages = 96
	colPassages      = "passages/s"
	colCPU           = "CPU s per 1,000"
	colCall          = "passages a call"
	bareName         = "bare engine, the same calls"
)

// embeddingRow measures how fast passages of the library that ships get their
// vectors: all of a node's way, from the passage to the vector on the disk,
// beside the bare engine with the same calls, by turns from call to call, and
// with calls of other sizes.
func embeddingRow(r *ragBench) row {
	var bare sample // of the latest run of ours
	return row{
		name: "embedding", what: fmt.Sprintf("%d passages of the library that ships", embeddedPassages), limit: 10 * time.Minute,
		metrics: []string{colPassages, colCPU, colCall},
		demands: []demand{{metric: colPassages, than: bareName, least: .9}, {metric: colCPU, than: bareName, most: 1.1}},
		contenders: func(*bench) []contender {
			all := []contender{
				{ourName, func(ctx context.Context, dir string) (ours sample, err error) {
					ours, bare, err = r.embedByTurns(ctx, dir)
					return ours, err
				}},
				{bareName, func(context.Context, string) (sample, error) { return bare, nil }},
			}
			for _, n := range []int{1, 8, 32} {
				all = append(all, contender{fmt.Sprintf("bare engine, calls of %d", n), func(ctx context.Context, dir string) (sample, error) { return r.embedBare(ctx, dir, n) }})
			}
			return all
		},
	}
}

// realPassages are n passages from all over the library that ships, a page each.
func realPassages(ctx context.Context, dir string, n int) (fstest.MapFS, error) {
	x, err := rag.Open(rag.Options{Dir: filepath.Join(dir, "library")})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	r, err := x.Add(ctx, "all", "", os.DirFS("deploy/library"), nil)
	if err != nil {
		return nil, err
	}
	if r.Passages < n {
		return nil, fmt.Errorf("the library that ships has %d passages only", r.Passages)
	}
	pages := fstest.MapFS{}
	for i := range n {
		p, err := x.Passage("all", i*r.Passages/n)
		if err != nil {
			return nil, err
		}
		pages[fmt.Sprintf("%03d.txt", i)] = &fstest.MapFile{Data: []byte(p.Heading + "\n\n" + p.Text)}
	}
	return pages, nil
}

// byTurns embeds by us, then the same by the bare engine, or the other way round, and knows what each has cost.
type byTurns struct {
	rag.Embedder
	bare            *bareEngine
	calls, passages int
	between         cost // of the bare engine
}

func (t *byTurns) Embed(ctx context.Context, as rag.Role, texts []string) (vectors [][]float32, err error) {
	t.calls, t.passages = t.calls+1, t.passages+len(texts)
	other := func() error {
		began := costNow()
		err := t.bare.embed(ctx, as, texts)
		t.between = t.between.and(began.until(costNow()))
		return err
	}
	if t.calls%2 == 0 {
		if err := other(); err != nil {
			return nil, err
		}
		return t.Embedder.Embed(ctx, as, texts)
	}
	if vectors, err = t.Embedder.Embed(ctx, as, texts); err != nil {
		return nil, err
	}
	return vectors, other()
}

func (r *ragBench) embedByTurns(ctx context.Context, dir string) (ours, bare sample, err error) {
	if r.bare == nil {
		return nil, nil, absent("no engine is here")
	}
	pages, err := realPassages(ctx, dir, embeddedPassages)
	if err != nil {
		return nil, nil, err
	}
	x, err := rag.Open(rag.Options{Dir: filepath.Join(dir, "x")})
	if err != nil {
		return nil, nil, err
	}
	defer x.Close()
	// What is embedded once for a model does not count.
	if err := x.EmbedMissing(ctx, r.vector, nil, nil); err != nil {
		return nil, nil, err
	}
	if _, err := x.Add(ctx, "some", "", pages, nil); err != nil {
		return nil, nil, err
	}
	e := &byTurns{Embedder: r.vector.of, bare: r.bare}
	began := costNow()
	if err := x.EmbedMissing(ctx, e, nil, nil); err != nil {
		return nil, nil, err
	}
	all := began.until(costNow())
	figures := func(c cost) sample {
		n := float64(e.passages)
		return sample{colPassages: n / c.wall, colCPU: 1000 * c.cpu / n, colCall: n / float64(e.calls)}
	}
	return figures(all.without(e.between)), figures(e.between), nil
}

// embedBare makes the vectors in calls of n texts.
func (r *ragBench) embedBare(ctx context.Context, dir string, n int) (sample, error) {
	if r.bare == nil {
		return nil, absent("no engine is here")
	}
	pages, err := realPassages(ctx, dir, max(embeddedPassages/4, n)) // fewer, because nothing is judged by these
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		texts = append(texts, string(pages[name].Data))
	}
	began := costNow()
	for call := range slices.Chunk(texts, n) {
		if err := r.bare.embed(ctx, rag.RolePassage, call); err != nil {
			return nil, err
		}
	}
	c := began.until(costNow())
	return sample{colPassages: float64(len(texts)) / c.wall, colCPU: 1000 * c.cpu / float64(len(texts)), colCall: float64(n)}, nil
}
