package p2p

import (
	"context"
	"slices"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// aroundSpan is how many blocks are asked for over bitswap at a time.
	aroundSpan = 64
	// nobody is whom the walk takes bitswap for: a source that is no peer.
	nobody = ""
)

// askAround asks everybody connected, over bitswap, for what no holder gave, until that brings nothing for stallTime.
func (f *fetch) askAround(ctx context.Context, fail context.CancelCauseFunc) {
	if !slices.ContainsFunc(f.m.host.Network().Peers(), func(p peer.ID) bool { return !f.isBanned(p) }) {
		return
	}
	for {
		span, err := f.walk.take(ctx, nobody, aroundSpan)
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err != nil || len(span) == 0 {
			return
		}
		before := f.count.Load()
		err = f.wantAround(ctx, span)
		f.walk.giveBack(span, nobody, true)
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err != nil || f.count.Load() == before {
			return
		}
	}
}

// wantAround accepts what bitswap brings of a span. An error is our own; that nothing comes is none.
func (f *fetch) wantAround(ctx context.Context, span []link) error {
	wanting, cancel := context.WithCancel(ctx)
	defer cancel() // withdraws what is still wanted, and ends the channel
	want := make([]cid.Cid, len(span))
	for i, l := range span {
		want[i] = l.cid
	}
	coming, err := f.m.bitswap.NewSession(wanting).GetBlocks(wanting, want)
	if err != nil {
		return err
	}
	stalled := time.NewTimer(stallTime)
	defer stalled.Stop()
	for {
		var b blocks.Block
		var ok bool
		select {
		case b, ok = <-coming:
		case <-stalled.C:
		}
		if !ok {
			return ctx.Err()
		}
		stalled.Reset(stallTime)
		if len(b.RawData()) > maxBlock {
			continue
		}
		if err := f.accept(ctx, b); err != nil {
			return err
		}
	}
}
