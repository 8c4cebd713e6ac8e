package p2p

import (
	"bufio"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
)

// What one answer may cost, whoever asks.
const (
	carPerPeer   = 8         // streams served at once for one peer
	carTime      = time.Hour // for one stream
	answerTime   = 50 * time.Minute
	answerBlocks = 1 << 16 // blocks of one answer, which are remembered so that none is sent twice
	maxUnfolded  = 1 << 17 // links known and not yet come by
	maxSkipped   = 1 << 20 // links in a row that are passed over, being in the have-set or sent before
	maxLacking   = 1 << 14 // blocks of one answer that were looked for in vain
	creditTime   = 30 * time.Second
)

// serveCAR gives anyone what is in Options.Blocks.
func (m *Mesh) serveCAR() {
	m.serve(protoCAR, carPerPeer, carTime, func(ctx context.Context, s network.Stream) {
		s.SetReadDeadline(time.Now().Add(10 * time.Second))
		r := bufio.NewReader(s)
		q, err := readRequest(r)
		if err != nil {
			s.ResetWithError(network.StreamProtocolViolation)
			return
		}
		s.SetReadDeadline(time.Now().Add(carTime))
		if err := m.answer(ctx, s, q, r); err != nil {
			m.log.Debug("send blocks", "peer", s.Conn().RemotePeer(), "root", q.Root, "err", err)
			s.Reset()
		}
	})
}

// answer writes the CAR. A block that cannot be read is left out, whatever the reason: another holder may have it.
func (m *Mesh) answer(ctx context.Context, s network.Stream, q request, r *bufio.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	allowed := newCredit(q.Bytes)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer s.CloseRead() // ends that
	listening.Go(func() { allowed.read(r) })

	out := carWriter{s: s, to: m.paced(ctx, s)}
	if err := out.write(carHeader(q.Root)); err != nil {
		return err
	}
	ahead := reader{m: m, tree: newTree(q)}
	defer ahead.close()
	for range answerBlocks {
		if more, err := allowed.wait(ctx, &out); err != nil {
			return err
		} else if !more {
			break
		}
		b, ok := ahead.next(ctx)
		if !ok {
			break
		}
		allowed.spend(len(b.data))
		err := out.block(b.cid, b.data)
		b.free()
		if err != nil {
			return err
		}
	}
	return out.flush()
}

// wait returns true when a block may be sent, and false when none may any more, or none was let come for creditTime. What
// was written goes out before it waits.
func (c *credit) wait(ctx context.Context, out *carWriter) (bool, error) {
	open, closed := c.state()
	if open {
		return true, nil
	}
	if !closed {
		if err := out.flush(); err != nil {
			return false, err
		}
	}
	patience := time.NewTimer(creditTime)
	defer patience.Stop()
	for !open && !closed {
		select {
		case <-c.more:
			open, closed = c.state()
		case <-patience.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return open, nil
}

// tree is what is left to send of the blocks below those wanted, depth first. It remembers a path, not the DAG.
type tree struct {
	have  *have
	stack []link // the next one is last
	named int    // how many at the bottom of stack the request names itself
	seed  maphash.Seed
	sent  map[uint64]struct{} // hashes of what was sent: a false one is left out, and asked for by name later
}

func newTree(q request) *tree {
	t := &tree{have: q.Have, seed: maphash.MakeSeed(), sent: map[uint64]struct{}{}, named: len(q.Want)}
	for i := len(q.Want) - 1; i >= 0; i-- {
		t.stack = append(t.stack, link{cid: q.Want[i]})
	}
	return t
}

// next is the next link to read.
func (t *tree) next() (link, bool) {
	for range maxSkipped {
		if len(t.stack) == 0 {
			break
		}
		l := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		named := len(t.stack) < t.named
		t.named = min(t.named, len(t.stack))
		key := maphash.String(t.seed, l.cid.KeyString())
		if _, twice := t.sent[key]; twice || !named && t.have.has(l.cid) {
			continue
		}
		t.sent[key] = struct{}{}
		return l, true
	}
	return link{}, false
}

// unfold puts what hangs below a node next. A node that breaks the rules hides what hangs below it.
func (t *tree) unfold(l link, data []byte) {
	below, err := links(l, data)
	if err != nil || len(t.stack)+len(below) > maxUnfolded {
		return
	}
	for i := len(below) - 1; i >= 0; i-- {
		t.stack = append(t.stack, below[i])
	}
}

// carWriter writes in pieces that go out as one packet of the multiplexer and one of Noise each.
type carWriter struct {
	s   network.Stream
	to  io.Writer // s, as fast as the limits allow
	buf []byte
}

// block writes a section. What waits to be taken counts against what all answers may hold.
func (w *carWriter) block(c cid.Cid, data []byte) error {
	n := len(data)
	if err := w.s.Scope().ReserveMemory(n, network.ReservationPriorityAlways); err != nil {
		return err
	}
	defer w.s.Scope().ReleaseMemory(n)
	if err := w.write(sectionHead(c, n)); err != nil {
		return err
	}
	return w.write(data)
}

// slowPace is in bytes a second. Whoever takes less, after slowTime, holds what others could use.
const slowPace = 8 << 10

func (w *carWriter) send(p []byte) error {
	w.s.SetWriteDeadline(time.Now().Add(slowTime + time.Duration(len(p)/slowPace)*time.Second))
	if _, err := w.to.Write(p); err != nil {
		return fmt.Errorf("write %d bytes: %w", len(p), err)
	}
	return nil
}

func (w *carWriter) write(p []byte) error {
	for len(p) > 0 {
		if whole := len(p) - len(p)%muxPayload; whole > 0 && len(w.buf) == 0 {
			if err := w.send(p[:whole]); err != nil {
				return err
			}
			p = p[whole:]
			continue
		}
		n := min(len(p), muxPayload-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
		if len(w.buf) == muxPayload {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *carWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.send(w.buf)
	w.buf = w.buf[:0]
	return err
}
