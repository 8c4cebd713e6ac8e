package main

import (
	"context"
	"path/filepath"
	"time"
)

// ourAdd times `savoirs add` on a node that runs.
func (b *bench) ourAdd(ctx context.Context, dir string, flags ...string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	n, err := b.startNode(ctx, here, dir, "--local")
	if err != nil {
		return nil, err
	}
	defer n.stop()
	before, start := n.used(), time.Now()
	_, client, err := n.cli(ctx, append([]string{"add", path}, flags...)...)
	if err != nil {
		return nil, err
	}
	return timed(start, n.used().since(before).and(client)), nil
}

// kuboAdd times `ipfs add` on a repository that no daemon holds, its faster way.
func (b *bench) kuboAdd(ctx context.Context, dir string, flags ...string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	k, err := b.kuboRepo(ctx, dir)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	_, u, err := k.cli(ctx, append([]string{"add", "-Q", filepath.Join(path, "large.bin")}, flags...)...)
	if err != nil {
		return nil, err
	}
	return timed(start, u), nil
}

func addRow() row {
	return row{
		name: "add", what: "the large file becomes an item, durable (kubo does not flush)",
		metrics: []string{"s", "CPU s", "RSS MB"}, limit: time.Minute,
		contenders: func(b *bench) []contender {
			ours := func(name string, flags ...string) contender {
				return contender{name, func(ctx context.Context, dir string) (sample, error) { return b.ourAdd(ctx, dir, flags...) }}
			}
			kubo := func(name string, flags ...string) contender {
				return contender{name, func(ctx context.Context, dir string) (sample, error) { return b.kuboAdd(ctx, dir, flags...) }}
			}
			return []contender{
				ours(ourName), ours("savoirs --in-place", "--in-place"),
				kubo("kubo", kuboDefault...), kubo("kubo 1 MiB", kuboMiB...), kubo("kubo --nocopy", append([]string{"--nocopy"}, kuboMiB...)...),
			}
		},
		demands: []demand{
			{metric: "s", than: "kubo", most: 1.2},
			{who: "savoirs --in-place", metric: "s", than: "kubo", speed: true, least: 2.5},
		},
	}
}
