package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"savoirs/p2p/linktest"
)

const (
	settleFor = 20 * time.Second // what a start leaves to do has been done
	idleFor   = time.Minute
)

func idleRow() row {
	return row{
		name: "idle", what: "the large file held, one peer connected, nothing to do",
		metrics: []string{"RSS MB", "CPU s a minute"}, limit: 4 * time.Minute, runs: 1,
		contenders: func(b *bench) []contender {
			return []contender{{ourName, b.ourIdle}, {"kubo", b.kuboIdle}, {"syncthing", b.syncthingIdle}}
		},
		demands: []demand{{metric: "RSS MB", most: 60}, {metric: "CPU s a minute", most: .1}},
	}
}

// watch sees what an idle program uses.
func watch(ctx context.Context, p *process) (sample, error) {
	if err := pause(ctx, settleFor); err != nil {
		return nil, err
	}
	before := p.used()
	if err := pause(ctx, idleFor); err != nil {
		return nil, err
	}
	used := p.used().since(before)
	return sample{"RSS MB": p.memory("VmRSS"), "CPU s a minute": used.cpu / idleFor.Minutes()}, p.ended()
}

// pairOf starts a holder of the large file at one place and a node that knows
// it at another.
func (b *bench) pairOf(ctx context.Context, way road, dir string) (holder, other *savoirsNode, err error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, nil, err
	}
	data, _, err := b.holder(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if holder, err = b.startNode(ctx, way.from, data, way.serve(way.from)...); err != nil {
		return nil, nil, err
	}
	if other, err = b.startNode(ctx, way.to, dir, way.serve(way.to)...); err != nil {
		holder.stop()
		return nil, nil, err
	}
	if err := other.meet(ctx, holder); err != nil {
		holder.stop()
		other.stop()
		return nil, nil, err
	}
	return holder, other, nil
}

func (b *bench) ourIdle(ctx context.Context, dir string) (sample, error) {
	holder, other, err := b.pairOf(ctx, loopback, dir)
	if err != nil {
		return nil, err
	}
	defer holder.stop()
	defer other.stop()
	return watch(ctx, holder.process)
}

func (b *bench) kuboIdle(ctx context.Context, dir string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	repo, _, err := b.kuboHolder(ctx, path, kuboDefault)
	if err != nil {
		return nil, err
	}
	holder := &kuboNode{b: b, at: here, repo: repo}
	if err := holder.serve(ctx, here); err != nil {
		return nil, err
	}
	defer holder.stop()
	other, err := b.kuboRepo(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := other.serve(ctx, here); err != nil {
		return nil, err
	}
	defer other.stop()
	if err := other.meet(ctx, holder); err != nil {
		return nil, err
	}
	return watch(ctx, holder.process)
}

func (b *bench) syncthingIdle(ctx context.Context, dir string) (sample, error) {
	path, err := b.largeFile(b.size)
	if err != nil {
		return nil, err
	}
	holder, other, err := syncthingPair(ctx, dir, path, filepath.Join(dir, "copy"))
	if err != nil {
		return nil, err
	}
	if err := holder.serve(ctx); err != nil {
		return nil, err
	}
	defer holder.stop()
	if err := other.serve(ctx); err != nil {
		return nil, err
	}
	defer other.stop()
	if err := errors.Join(other.connected(ctx, holder), holder.whole(ctx, 1)); err != nil {
		return nil, err
	}
	return watch(ctx, holder.process)
}

// quietRow counts what an idle node with everything on sends to one peer.
func quietRow() row {
	return row{
		name: "quiet", what: "two nodes as installed (multicast, TCP and QUIC), the large file held, nothing to do",
		metrics: []string{"MB a day", "packets a minute", "RSS MB", "CPU s a minute"}, limit: 4 * time.Minute, runs: 1,
		contenders: func(b *bench) []contender { return []contender{{ourName, b.quiet}} },
		demands:    []demand{{metric: "MB a day", most: 5}, {metric: "RSS MB", most: 60}, {metric: "CPU s a minute", most: .1}},
	}
}

func (b *bench) quiet(ctx context.Context, dir string) (sample, error) {
	net, err := emulate(linktest.Link{}, linktest.Link{})
	if err != nil {
		return nil, err
	}
	defer net.Close()
	way := road{placeOf(net.Host(0)), placeOf(net.Host(1)), func(place) []string { return nil }}
	holder, other, err := b.pairOf(ctx, way, dir)
	if err != nil {
		return nil, err
	}
	defer holder.stop()
	defer other.stop()
	if err := pause(ctx, settleFor); err != nil {
		return nil, err
	}
	bytes, packets, err := net.Host(0).Sent()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	s, err := watch(ctx, holder.process)
	if err != nil {
		return nil, err
	}
	moreBytes, morePackets, err := net.Host(0).Sent()
	if err != nil {
		return nil, err
	}
	minutes := time.Since(start).Minutes()
	s["MB a day"] = float64(moreBytes-bytes) / minutes * 24 * 60 / 1e6
	s["packets a minute"] = float64(morePackets-packets) / minutes
	return s, nil
}
