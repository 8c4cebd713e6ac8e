package p2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	stallTime = 3 * time.Second // without a byte: drop the connection and redial
	// A peer that drips bytes to keep us waiting is dropped as well.
	slowTime  = 30 * time.Second
	slowBytes = 16 << 10
	askTime   = 10 * time.Second // to get a wantList across

	// maxStrikes is how many answers in a row may break without having brought a block.
	maxStrikes = 5
)

// drain asks p for what is missing, span by span, until p can do no more, lied, broke off maxStrikes times, or nothing
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
		span, err := f.walk.take(ctx, p, f.spanSize())
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
		if err != nil || len(span) == 0 {
			return
		}
		got, err := f.ask(ctx, p, span, fail)
		f.walk.giveBack(span, p, err == nil)
		if got > 0 {
			wait, strikes = minRetry, 0
		}
		if err == nil {
			continue
		}
		if errors.Is(err, errLie) {
			f.blame(p, err)
			return
		}
		f.m.log.Debug("fetch", "peer", p, "root", f.root, "err", err)
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

// ask asks p for a span, accepts what comes and counts it. The error is nil when the answer ended as it should, whatever
// was left out. What is wrong on our side, or with the content, goes to fail and ends the fetch.
func (f *fetch) ask(ctx context.Context, p peer.ID, span []link, fail context.CancelCauseFunc) (got int, err error) {
	want := make([]cid.Cid, len(span))
	for i, l := range span {
		want[i] = l.cid
	}
	s, err := f.m.openSpan(ctx, p, wantList{Root: f.root, Want: want})
	if err != nil {
		return 0, err
	}
	defer s.Reset() // harmless when all was read and closed
	defer context.AfterFunc(ctx, func() { s.Reset() })()

	answer := carReader{r: bufio.NewReaderSize(&steady{s: s}, carBufferSize), root: f.root, want: want}
	for {
		b, err := answer.next()
		if err == io.EOF {
			s.Close()
			return got, nil
		}
		if err != nil {
			if _, refused := errors.AsType[*network.StreamError](err); !refused && !errors.Is(err, errLie) && ctx.Err() == nil {
				s.Conn().Close() // stalled or broken: nothing more will come this way
			}
			return got, err
		}
		if err := f.accept(ctx, b); err != nil {
			if ctx.Err() == nil {
				fail(err)
			}
			return got, err
		}
		got++
		if err := f.m.paceIn(ctx, p, len(b.RawData())); err != nil {
			return got, err
		}
	}
}

// openSpan opens a stream to p and writes the wantList.
func (m *Mesh) openSpan(ctx context.Context, p peer.ID, want wantList) (network.Stream, error) {
	question, err := encode(want)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	s, err := m.host.NewStream(ctx, p, protoCAR)
	if err != nil {
		return nil, err
	}
	s.SetWriteDeadline(time.Now().Add(askTime))
	if _, err = s.Write(appendFrame(nil, question)); err == nil {
		err = s.CloseWrite()
	}
	if err != nil {
		s.Reset()
		return nil, err
	}
	return s, nil
}

var errSlow = errors.New("too slow")

// steady reads from a stream that keeps coming: it fails after stallTime without a byte, and when slowTime of waiting
// brought less than slowBytes. Time during which nobody reads is not counted.
type steady struct {
	s      network.Stream
	waited time.Duration
	got    int
}

func (r *steady) Read(p []byte) (int, error) {
	begin := time.Now()
	r.s.SetReadDeadline(begin.Add(stallTime))
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
