package main

import (
	"context"
	"fmt"
	"time"
)

// timed is the sample of something that has just ended.
func timed(start time.Time, u usage) sample {
	return sample{"s": time.Since(start).Seconds(), "CPU s": u.cpu, "RSS MB": u.peak}
}

// ourFetch times `savoirs pull` between two nodes on loopback, from the command
// to its end: whole, verified and durable.
func (b *bench) ourFetch(ctx context.Context, path, dir string) (sample, error) {
	data, root, err := b.holder(ctx, path)
	if err != nil {
		return nil, err
	}
	from, err := b.startNode(ctx, here, data, "--local")
	if err != nil {
		return nil, err
	}
	defer from.stop()
	to, err := b.startNode(ctx, here, dir, "--local")
	if err != nil {
		return nil, err
	}
	defer to.stop()
	if err := to.meet(ctx, from); err != nil {
		return nil, err
	}
	if err := to.offered(ctx, root); err != nil {
		return nil, err
	}
	before, start := from.used().and(to.used()), time.Now()
	_, client, err := to.cli(ctx, "pull", root)
	if err != nil {
		return nil, err
	}
	s := timed(start, from.used().and(to.used()).since(before).and(client))
	return s, sameFiles(path, dir)
}

// kuboFetch times `ipfs pin add` between two kubo daemons on loopback.
func (b *bench) kuboFetch(ctx context.Context, path string, cut []string, dir string) (sample, error) {
	repo, root, err := b.kuboHolder(ctx, path, cut)
	if err != nil {
		return nil, err
	}
	from := &kuboNode{b: b, repo: repo}
	if err := from.serve(ctx, here); err != nil {
		return nil, err
	}
	defer from.stop()
	to, err := b.kuboRepo(ctx, dir, here.ip)
	if err != nil {
		return nil, err
	}
	if err := to.serve(ctx, here); err != nil {
		return nil, err
	}
	defer to.stop()
	if err := to.meet(ctx, from); err != nil {
		return nil, err
	}
	before, start := from.used().and(to.used()), time.Now()
	_, client, err := to.cli(ctx, "pin", "add", root)
	if err != nil {
		return nil, err
	}
	return timed(start, from.used().and(to.used()).since(before).and(client)), nil
}

// fetchers are the programs that bring the folder made by input to another
// folder of this machine.
func (b *bench) fetchers(input func() (string, error)) []contender {
	with := func(name string, fetch func(ctx context.Context, path, dir string) (sample, error)) contender {
		return contender{name, func(ctx context.Context, dir string) (sample, error) {
			path, err := input()
			if err != nil {
				return nil, err
			}
			return fetch(ctx, path, dir)
		}}
	}
	kubo := func(cut []string) func(ctx context.Context, path, dir string) (sample, error) {
		return func(ctx context.Context, path, dir string) (sample, error) { return b.kuboFetch(ctx, path, cut, dir) }
	}
	return []contender{
		with(ourName, b.ourFetch), with("rsync", b.rsyncFetch), with("syncthing", b.syncthingFetch),
		with("kubo", kubo(kuboDefault)), with("kubo 1 MiB", kubo(kuboMiB)),
	}
}

func fetchRow() row {
	return row{
		name: "fetch", what: "the large file over loopback, whole, verified and durable on arrival",
		metrics: []string{"s", "CPU s", "RSS MB"}, limit: 2 * time.Minute,
		contenders: func(b *bench) []contender {
			raw := contender{"raw stream", func(ctx context.Context, _ string) (sample, error) { return rawStream(ctx, b.size) }}
			return append(b.fetchers(func() (string, error) { return b.largeFile(b.size) }), raw)
		},
		demands: []demand{
			{metric: "s", than: "kubo", speed: true, least: 5},
			{metric: "s", than: "kubo 1 MiB", speed: true, least: 3},
			{metric: "s", than: "syncthing", speed: true, least: 1.3},
			{metric: "s", than: "rsync", most: 2.5},
			{metric: "s", than: "raw stream", speed: true, least: .45},
			{metric: "CPU s", than: "kubo 1 MiB", most: 1. / 3},
			{metric: "RSS MB", most: 100},
		},
	}
}

func smallRow() row {
	return row{
		name: "small", what: fmt.Sprintf("%d files of %d KiB over loopback, durable on arrival", smallFiles, smallSize>>10),
		metrics: []string{"s", "CPU s", "RSS MB"}, limit: 150 * time.Second,
		contenders: func(b *bench) []contender { return b.fetchers(b.manyFiles) },
		demands: []demand{
			{metric: "s", than: "kubo", speed: true, least: 2},
			{metric: "s", than: "rsync", most: 3},
			{metric: "RSS MB", most: 100},
		},
	}
}
