package p2p

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const protoPrefix = "/savoirs/"

// servedAtOnce is how many streams of one protocol are served at once.
const servedAtOnce = 64

// serve answers each stream of a protocol with f, at most perPeer at once for one peer, and for all as seats says; those
// beyond are reset. Both the stream and the context end after timeout, and Close waits for f.
func (m *Mesh) serve(id protocol.ID, perPeerMax int, timeout time.Duration, f func(context.Context, network.Stream)) {
	slots, places := &perPeer{max: perPeerMax}, &seats{total: servedAtOnce}
	m.host.SetStreamHandler(id, func(s network.Stream) {
		if !m.enter() {
			s.ResetWithError(network.StreamShutdown)
			return
		}
		defer m.handlers.Done()
		from := s.Conn().RemotePeer()
		if !slots.take(from) {
			s.ResetWithError(network.StreamRateLimited)
			return
		}
		defer slots.free(from)
		if !places.take(s) {
			s.ResetWithError(network.StreamResourceLimitExceeded)
			return
		}
		defer places.free(s)
		ctx, cancel := m.within(timeout)
		defer cancel()
		s.SetDeadline(time.Now().Add(timeout))
		f(ctx, s)
		s.Close()
	})
}

// enter counts a handler in, unless the mesh is closing.
func (m *Mesh) enter() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.handlers.Add(1)
	return true
}

// perPeer counts what is going on with each peer, up to max.
type perPeer struct {
	max int

	mu sync.Mutex // guards n
	n  map[peer.ID]int
}

func (l *perPeer) take(p peer.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n[p] >= l.max {
		return false
	}
	if l.n == nil {
		l.n = map[peer.ID]int{}
	}
	l.n[p]++
	return true
}

func (l *perPeer) free(p peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n[p]--; l.n[p] == 0 {
		delete(l.n, p)
	}
}
