package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing/fstest"
	"time"

	"savoirs/node"
	"savoirs/rag"
)

const (
	colIdle     = "idle p50 ms"
	colBusy     = "busy p50 ms"
	colBusyP95  = "busy p95 ms"
	colExtra    = "extra p50 ms"
	colExtraP95 = "extra p95 ms"
	colLongest  = "longest text ms"
)

// yieldRow measures how long a question waits on a node that gives its
// passages vectors: the same questions are searched for by meaning while the
// node is idle and again while it embeds, each at a moment nobody chose. The
// engine ends the text it is at before the question's; how long it is at one is
// the last column.
func yieldRow(r *ragBench) row {
	return row{
		name: "yield", what: "a question while passages are embedded", limit: 10 * time.Minute, runs: 1,
		metrics:    []string{colExtraP95, colExtra, colIdle, colBusy, colBusyP95, colLongest},
		demands:    []demand{{metric: colExtraP95, most: 200}},
		contenders: func(*bench) []contender { return []contender{{ourName, r.askBusy}} },
	}
}

// telling tells of each call for passages when it begins, and ends with its context.
type telling struct {
	rag.Embedder
	begins chan struct{}
}

func (t telling) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	if as == rag.RolePassage {
		select {
		case t.begins <- struct{}{}:
		default:
		}
	}
	return t.Embedder.Embed(ctx, as, texts)
}

func (r *ragBench) askBusy(ctx context.Context, dir string) (s sample, err error) {
	if r.bare == nil {
		return nil, absent("no engine is here")
	}
	c, err := shippedLibrary(ctx)
	if err != nil {
		return nil, err
	}
	questions := c.Queries[:min(40, len(c.Queries))]
	e := telling{Embedder: r.vector.of, begins: make(chan struct{}, 1)}
	f := &fleet{dir: dir, vector: e}
	defer f.close()
	n, err := f.start(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := f.shelve(ctx, n, []rag.CollectionText{{ID: "first", Title: "Ti-Bourg", Text: "La fête de Ti-Bourg a lieu le 14 mars."}}, false); err != nil {
		return nil, err
	}
	if err := f.settle(ctx, nil, 0); err != nil {
		return nil, err
	}
	ask := func(q string) (float64, error) {
		began := time.Now()
		_, err := n.Search(ctx, node.Question{Text: q, Mode: rag.ModeHybrid})
		return time.Since(began).Seconds() * 1000, err
	}
	var idle, busy, extra []float64
	for _, q := range questions {
		took, err := ask(q.Text)
		if err != nil {
			return nil, err
		}
		idle = append(idle, took)
	}
	pages, err := realPassages(ctx, dir, 250)
	if err != nil {
		return nil, err
	}
	longest, err := r.longest(ctx, pages)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, "pages")
	if err := os.CopyFS(folder, pages); err != nil {
		return nil, err
	}
	drain(e.begins)
	if _, err := n.Add(ctx, folder, node.AddOptions{}, nil); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(7, 8))
	for i, q := range questions {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-e.begins:
		}
		if err := pause(ctx, time.Duration(random.IntN(1000))*time.Millisecond); err != nil {
			return nil, err
		}
		took, err := ask(q.Text)
		if err != nil {
			return nil, err
		}
		busy, extra = append(busy, took), append(extra, took-idle[i])
		drain(e.begins)
	}
	if st, err := n.Status(ctx); err != nil || st.Embedded == st.Passages {
		return nil, absent("all passages had their vectors before the last question")
	}
	at := func(all []float64, p int) float64 { return slices.Sorted(slices.Values(all))[len(all)*p/100] }
	return sample{
		colIdle: at(idle, 50), colBusy: at(busy, 50), colBusyP95: at(busy, 95),
		colExtra: at(extra, 50), colExtraP95: at(extra, 95), colLongest: longest,
	}, nil
}

// longest is how long the engine is at the longest of some texts, in milliseconds: beyond what a call costs.
func (r *ragBench) longest(ctx context.Context, pages fstest.MapFS) (float64, error) {
	text := ""
	for _, page := range pages {
		if len(page.Data) > len(text) {
			text = string(page.Data)
		}
	}
	var took [2]time.Duration
	for i, t := range []string{"a", text} {
		began := time.Now()
		if err := r.bare.embed(ctx, rag.RolePassage, []string{t}); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	return (took[1] - took[0]).Seconds() * 1000, nil
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}
