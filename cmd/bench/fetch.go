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

// road is the way from one program to the other.
type road struct {
	from, to place
	serve    func(place) []string // how our nodes listen there, as flags
}

// loopback is the road inside this machine.
var loopback = road{here, here, func(place) []string { return []string{"--local"} }}

// fetch brings the folder at path to dir over a road, and fails when it arrived
// changed.
type fetch func(ctx context.Context, way road, path, dir string) (sample, error)

// ourFetch times `savoirs pull` between two nodes, from the command to its end:
// whole, verified and durable.
func (b *bench) ourFetch(ctx context.Context, way road, path, dir string) (sample, error) {
	data, root, err := b.holder(ctx, path)
	if err != nil {
		return nil, err
	}
	from, err := b.startNode(ctx, way.from, data, way.serve(way.from)...)
	if err != nil {
		return nil, err
	}
	defer from.stop()
	return b.pullFrom(ctx, way, path, root, dir, nil, from)
}

// pullFrom times `savoirs pull` by a new node that has met all holders; begun,
// unless nil, is called as it begins.
func (b *bench) pullFrom(ctx context.Context, way road, path, root, dir string, begun func(), holders ...*savoirsNode) (sample, error) {
	to, err := b.startNode(ctx, way.to, dir, way.serve(way.to)...)
	if err != nil {
		return nil, err
	}
	defer to.stop()
	nodes := append(holders, to)
	for _, h := range holders {
		if err := to.meet(ctx, h); err != nil {
			return nil, err
		}
	}
	if err := to.offered(ctx, root); err != nil {
		return nil, err
	}
	before, start := usedBy(nodes), time.Now()
	if begun != nil {
		begun()
	}
	_, client, err := to.cli(ctx, "pull", root)
	if err != nil {
		return nil, err
	}
	return timed(start, usedBy(nodes).since(before).and(client)), sameFiles(path, dir)
}

func usedBy(nodes []*savoirsNode) (u usage) {
	for _, n := range nodes {
		u = u.and(n.used())
	}
	return u
}

// kuboFetch times `ipfs pin add` between two kubo daemons.
func (b *bench) kuboFetch(cut []string) fetch {
	return func(ctx context.Context, way road, path, dir string) (sample, error) {
		repo, root, err := b.kuboHolder(ctx, path, cut)
		if err != nil {
			return nil, err
		}
		from := &kuboNode{b: b, at: here, repo: repo}
		if err := from.serve(ctx, way.from); err != nil {
			return nil, err
		}
		defer from.stop()
		to, err := b.kuboRepo(ctx, dir)
		if err != nil {
			return nil, err
		}
		if err := to.serve(ctx, way.to); err != nil {
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
}

// over makes a contender of a way to fetch the folder that input makes.
func over(way road, input func() (string, error), name string, f fetch) contender {
	return contender{name, func(ctx context.Context, dir string) (sample, error) {
		path, err := input()
		if err != nil {
			return nil, err
		}
		return f(ctx, way, path, dir)
	}}
}

// fetchers bring the folder made by input to another folder of this machine.
func (b *bench) fetchers(input func() (string, error)) []contender {
	return []contender{
		over(loopback, input, ourName, b.ourFetch),
		over(loopback, input, "rsync", b.rsyncFetch),
		over(loopback, input, "syncthing", b.syncthingFetch),
		over(loopback, input, "kubo", b.kuboFetch(kuboDefault)),
		over(loopback, input, "kubo 1 MiB", b.kuboFetch(kuboMiB)),
		over(loopback, input, "cp and flush", diskFetch),
	}
}

func fetchRow() row {
	return row{
		name: "fetch", what: "the large file over loopback, whole, verified and durable on arrival",
		metrics: []string{"s", "CPU s", "RSS MB"}, limit: 2 * time.Minute,
		contenders: func(b *bench) []contender {
			input := func() (string, error) { return b.largeFile(b.size) }
			return append(b.fetchers(input), over(loopback, input, "raw stream", rawFetch("tcp/0")))
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
