package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"savoirs/rag"
)

const (
	packPassages = 10_000
	colSeconds   = "s"
	colPackMB    = "pack MB"
	colEmbedded  = "passages embedded"
)

// packsRow measures how long it takes until a dataset that is here can be
// searched by meaning: with its pack, and by embedding it, of which some is done
// and the rest reckoned.
func packsRow(r *ragBench) row {
	return row{
		name: "pack-10k", what: "a dataset of 10,000 passages, made searchable", limit: 30 * time.Minute, runs: 1,
		metrics: []string{colSeconds, colPackMB, colEmbedded},
		demands: []demand{{metric: colSeconds, most: 10}},
		contenders: func(*bench) []contender {
			return []contender{{ourName, installPack}, {"embedding it", r.embedSome}}
		},
	}
}

// counting counts the passages that another embeds.
type counting struct {
	rag.Embedder
	passages int
}

func (c *counting) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	if as == rag.RolePassage {
		c.passages += len(texts)
	}
	return c.Embedder.Embed(ctx, as, texts)
}

func installPack(ctx context.Context, dir string) (sample, error) {
	docs, err := inventTexts(0, packPassages)
	if err != nil {
		return nil, err
	}
	pack := filepath.Join(dir, "pack")
	if err := os.Mkdir(pack, 0o700); err != nil {
		return nil, err
	}
	author, err := rag.Open(rag.Options{Dir: filepath.Join(dir, "author")})
	if err != nil {
		return nil, err
	}
	defer author.Close()
	if _, err := author.Add(ctx, "all", "", docs, nil); err != nil {
		return nil, err
	}
	if err := author.EmbedMissing(ctx, invented{}, nil, nil); err != nil {
		return nil, err
	}
	if _, err := author.WritePack(ctx, "all", pack); err != nil {
		return nil, err
	}
	size, err := folderSize(pack)
	if err != nil {
		return nil, err
	}
	x, err := rag.Open(rag.Options{Dir: filepath.Join(dir, "reader")})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	e := &counting{Embedder: invented{}}
	began := time.Now()
	if _, err := x.AddPack(ctx, "all", "", docs, os.DirFS(pack), rag.PackOrigin{}); err != nil {
		return nil, err
	}
	if _, err := rag.Search(ctx, rag.Query{Text: "about p7 mot7", Mode: rag.ModeHybrid}, e, x); err != nil {
		return nil, err
	}
	return sample{colSeconds: time.Since(began).Seconds(), colPackMB: float64(size) / 1e6, colEmbedded: float64(e.passages)}, nil
}

func folderSize(dir string) (total int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// embedSome embeds a few passages and reckons the time of all.
func (r *ragBench) embedSome(ctx context.Context, dir string) (sample, error) {
	if r.vector == nil {
		return nil, absent("no engine is here")
	}
	const some = 24
	x, err := rag.Open(rag.Options{Dir: filepath.Join(dir, "x")})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	more, err := inventTexts(packPassages, some)
	if err != nil {
		return nil, err
	}
	if _, err := x.Add(ctx, "some", "", more, nil); err != nil {
		return nil, err
	}
	var first, last time.Time // the strangers before the first passage do not count
	e := &counting{Embedder: r.vector.of}
	turn := func(ctx context.Context, work func(context.Context) error) error {
		if e.passages == 0 {
			first = time.Now()
		}
		return work(ctx)
	}
	if err := x.EmbedMissing(ctx, e, turn, func(int, int) { last = time.Now() }); err != nil {
		return nil, err
	}
	return sample{colSeconds: last.Sub(first).Seconds() * packPassages / some, colEmbedded: some}, nil
}
