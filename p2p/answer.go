package p2p

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// answerBuffer is small: the bytes of blocks go past it.
const answerBuffer = 16 << 10

// answer is what a holder sends for one claim.
type answer struct {
	f     *fetch
	claim *claim
	near  func() // called when the holder was let send the last of it
	fail  context.CancelCauseFunc
	told  bool  // that nothing more will be let come
	got   int64 // blocks that were waited for
}

// take asks for the claim and accepts what comes. The error is nil when the answer ended as it should, whatever was left
// out; lacks then says that the holder has no more of it. What is wrong on our side, or with the content, goes to fail
// and ends the fetch.
func (a *answer) take(ctx context.Context) (lacks bool, err error) {
	c, w := a.claim, a.f.walk
	q := request{Root: a.f.root, Want: w.want(c), Have: c.have}
	first := w.came(c, 0)
	q.Bytes = uint64(first.grant)
	s, err := a.f.m.openRequest(ctx, c.peer, q)
	if err != nil {
		return false, err
	}
	defer s.Reset() // harmless when all was read and closed
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	first.grant = 0
	a.grant(s, first)

	r := carReader{r: bufio.NewReaderSize(&steady{s: s}, answerBuffer), root: a.f.root}
	for {
		block, err := r.next()
		if err == io.EOF {
			s.Close()
			return w.unspent(c), nil
		}
		if err != nil {
			if _, refused := errors.AsType[*network.StreamError](err); !refused && !errors.Is(err, errLie) && ctx.Err() == nil {
				s.Conn().Close() // stalled or broken: nothing more will come this way
			}
			return false, err
		}
		n := len(block.data)
		fresh, err := a.f.accept(ctx, c, block)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, errLie) {
				a.fail(err)
			}
			return false, err
		}
		if fresh {
			a.got++
		}
		next := w.came(c, n)
		if !fresh && next.left == 0 {
			return false, nil // the rest is for others to bring
		}
		a.grant(s, next)
		if err := a.f.m.paceIn(ctx, c.peer, n); err != nil {
			return false, err
		}
	}
}

// grant lets the holder send more. If that cannot be written, the reading side will learn why.
func (a *answer) grant(s network.Stream, next state) {
	if a.told {
		return
	}
	s.SetWriteDeadline(time.Now().Add(askTime))
	if next.grant > 0 {
		s.Write(binary.AppendUvarint(nil, uint64(next.grant)))
	}
	if next.whole {
		a.told = true
		s.CloseWrite()
		a.near()
	}
}

// openRequest opens a stream to p and writes the request.
func (m *Mesh) openRequest(ctx context.Context, p peer.ID, q request) (network.Stream, error) {
	question, err := encode(q)
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
	if _, err = s.Write(appendFrame(nil, question)); err != nil {
		s.Reset()
		return nil, err
	}
	return s, nil
}
