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
	// aroundSpan is how many blocks are asked for over bitswap at a time. An IPFS program answers with a stream for each,
	// without waiting for the last to close, and does not send again what met a limit.
	aroundSpan     = 32
	bitswapStreams = 4 * aroundSpan // that one peer may have open
	// A plain IPFS node shows no progress within a block, and a large one takes its time on a slow link. Our own nodes
	// have been asked already: whatever they have by chance comes soon or not at all.
	aroundTime    = 10 * time.Second
	aroundOurTime = time.Second
	// nobody is whom the walk takes bitswap for: a source that is no peer.
	nobody = ""
)

// askAround asks everybody connected, over bitswap, for what no holder gave, until that brings nothing more.
func (f *fetch) askAround(ctx context.Context, fail context.CancelCauseFunc) {
	peers := f.m.host.Network().Peers()
	if !slices.ContainsFunc(peers, func(p peer.ID) bool { return !f.isBanned(p) }) {
		return
	}
	wait := aroundOurTime
	if slices.ContainsFunc(peers, func(p peer.ID) bool { return !f.m.speaksSavoirs(p) }) {
		wait = aroundTime
	}
	for {
		c, err := f.walk.take(ctx, nobody, aroundSpan)
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err != nil || c == nil {
			return
		}
		before := f.count.Load()
		err = f.wantAround(ctx, c, wait)
		f.walk.end(c, true)
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err != nil || f.count.Load() == before {
			return
		}
	}
}

// wantAround accepts what bitswap brings of a claim until nothing comes for wait. An error is our own; that nothing comes is
// none.
func (f *fetch) wantAround(ctx context.Context, c *claim, wait time.Duration) error {
	wanting, cancel := context.WithCancel(ctx)
	defer cancel() // withdraws what is still wanted, and ends the channel
	take := func(b blocks.Block) error {
		l, due := f.walk.pick(c, b.Cid())
		if !due || len(b.RawData()) > maxBlock {
			return nil
		}
		_, err := f.acceptBlock(ctx, c, l, arrival{Block: b})
		return err
	}
	var want []cid.Cid
	for _, id := range f.walk.want(c) {
		if b, ok := emptyBlock(id); !ok {
			want = append(want, id)
		} else if err := take(b); err != nil {
			return err
		}
	}
	f.m.wanted.add(want)
	exchange := f.m.bitswap.wake()
	if exchange == nil { // the mesh is closed
		return context.Canceled
	}
	coming, err := exchange.NewSession(wanting).GetBlocks(wanting, want)
	if err != nil {
		return err
	}
	stalled := time.NewTimer(wait)
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
		if err := take(b); err != nil {
			return err
		}
		if err := f.m.paceIn(ctx, nobody, len(b.RawData())); err != nil {
			return err
		}
		stalled.Reset(wait)
	}
}
