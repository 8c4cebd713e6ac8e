package p2p

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

const (
	stallTime = 3 * time.Second // without a byte: drop the connection and redial
	// A peer that drips bytes to keep us waiting is dropped as well.
	slowTime  = 30 * time.Second
	slowBytes = 16 << 10
	askTime   = 10 * time.Second // to get a request across

	// maxStrikes is how many answers in a row may break without having brought a block.
	maxStrikes = 5
)

// drain asks p for what is missing, claim by claim, until p can do no more, lied, broke off maxStrikes times, or nothing
// came from anyone for o.Patience.
func (f *fetch) drain(ctx context.Context, p peer.ID, fail context.CancelCauseFunc) {
	if err := f.m.reach(ctx, p); err != nil {
		f.note(err)
		return
	}
	if known, err := f.m.host.Peerstore().SupportsProtocols(p, protoCAR); err != nil || len(known) == 0 {
		return // a plain IPFS node: bitswap will ask it
	}
	wait, strikes := minRetry, 0
	for {
		got, err := f.askOn(ctx, p, fail)
		if got > 0 && !f.isBanned(p) {
			f.m.house.delivered(p)
		}
		if err == nil || f.isBanned(p) {
			return
		}
		if errors.Is(err, errLie) {
			f.blame(p, err)
			return
		}
		f.m.log.Debug("fetch", "peer", p, "root", f.root, "err", err)
		if got > 0 {
			wait, strikes = minRetry, 0
		}
		if strikes++; strikes < maxStrikes {
			err = f.comeBack(ctx, p, &wait)
		}
		if err != nil {
			if ctx.Err() == nil {
				f.note(fmt.Errorf("peer %s: %w", p, err))
			}
			return
		}
	}
}

// askOn asks p for one claim after the other, each before the last of the former is here, so that p always has something
// to send. It counts the blocks that came, and returns nil when p can do no more.
func (f *fetch) askOn(ctx context.Context, p peer.ID, fail context.CancelCauseFunc) (int64, error) {
	var got atomic.Int64
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(2)
	for ctx.Err() == nil {
		c, err := f.walk.take(ctx, p, maxWant)
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err != nil || c == nil {
			break
		}
		near := make(chan struct{})
		asking.Go(func() error {
			a := answer{f: f, claim: c, near: sync.OnceFunc(func() { close(near) }), fail: fail}
			defer a.near()
			lacks, err := a.take(ctx)
			f.walk.end(c, lacks)
			got.Add(a.got)
			return err
		})
		select {
		case <-near:
		case <-ctx.Done():
		}
	}
	err := asking.Wait()
	return got.Load(), err
}

var errSlow = errors.New("too slow")

// steady reads from a stream that keeps coming: it fails after stallTime without a byte, and when slowTime of waiting
// brought less than slowBytes. Time during which nobody reads is not counted.
type steady struct {
	s      network.Stream
	until  time.Time // the deadline that is set
	waited time.Duration
	got    int
}

func (r *steady) Read(p []byte) (int, error) {
	begin := time.Now()
	// Setting it costs a timer, so it is not done for each packet.
	if until := begin.Add(stallTime); until.Sub(r.until) > stallTime/16 {
		r.until = until
		r.s.SetReadDeadline(until)
	}
	n, err := r.s.Read(p)
	r.waited += time.Since(begin)
	r.got += n
	if r.waited >= slowTime {
		if r.got < slowBytes && err == nil {
			err = errSlow
		}
		r.waited, r.got = 0, 0
	}
	return n, err
}
