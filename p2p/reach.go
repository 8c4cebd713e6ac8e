package p2p

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// A dial may take dialTime, but where the round trip is known no more than dialTrips of them, nor less than minDial: it
	// is the next dial that arrives when a link comes back, while the question of this one waits to be asked again.
	dialTime  = 5 * time.Second
	minDial   = 1200 * time.Millisecond
	dialTrips = 20
	// The waits between dials double from minRetry to maxRetry.
	minRetry = 100 * time.Millisecond
	maxRetry = 500 * time.Millisecond

	// tryTCPEvery is how long a peer that does not answer over TCP is left on QUIC.
	tryTCPEvery = 10 * time.Minute
	tryTCPTime  = 2 * time.Second
	// maxTried bounds how many peers that is remembered of.
	maxTried = 256
)

// comeBack waits and reconnects to p, again and again, with a doubling wait.
func (f *fetch) comeBack(ctx context.Context, p peer.ID, wait *time.Duration) error {
	for {
		if !pause(ctx, *wait) {
			return ctx.Err()
		}
		*wait = min(2**wait, maxRetry)
		err := f.m.reach(ctx, p)
		if err == nil {
			return nil
		}
		if quiet := f.quietFor(); quiet > f.o.Patience {
			return fmt.Errorf("nothing came for %s: %w", quiet.Round(time.Second), err)
		}
	}
}

// reach returns when p is connected and identified, over TCP if it answers there, or with ErrBlocked or ErrUnreachable. It
// dials even when dialling has just failed: the caller decides how often to try.
func (m *Mesh) reach(ctx context.Context, p peer.ID) error {
	if !m.gate.open(p) {
		return fmt.Errorf("peer %s: %w", p, ErrBlocked)
	}
	if err := m.dial(ctx, p); err != nil {
		return err
	}
	if !m.hasTCP(ctx, p) {
		return nil
	}
	for _, c := range m.host.Network().ConnsToPeer(p) {
		c.Close()
	}
	return m.dial(ctx, p)
}

func (m *Mesh) dial(ctx context.Context, p peer.ID) error {
	limit := dialTime
	if trip := m.host.Peerstore().LatencyEWMA(p); trip > 0 {
		limit = min(max(dialTrips*trip, minDial), dialTime)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m.forgetFailures(p)
	if err := m.host.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
		return fmt.Errorf("peer %s: %w: %w", p, ErrUnreachable, err)
	}
	return nil
}

// hasTCP tells whether bulk to p, which is connected over QUIC only and idle, could go over TCP. (A host makes no second
// connection to a peer, so the first must go, and only for one that will come.)
func (m *Mesh) hasTCP(ctx context.Context, p peer.ID) bool {
	for _, c := range m.host.Network().ConnsToPeer(p) {
		inBulk := func(s network.Stream) bool { return classOf(s.Protocol()) == bulk }
		if transportOf(c.RemoteMultiaddr()) != "quic" || slices.ContainsFunc(c.GetStreams(), inBulk) {
			return false
		}
	}
	addrs := m.host.Peerstore().Addrs(p)
	addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool {
		return transportOf(a) != "tcp" || !m.gate.InterceptAddrDial(p, a)
	})
	if len(addrs) == 0 || !m.mayTryTCP(p) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, tryTCPTime)
	defer cancel()
	for _, a := range addrs[:min(len(addrs), 4)] {
		kind, address, err := manet.DialArgs(a)
		if err != nil {
			continue
		}
		if c, err := new(net.Dialer).DialContext(ctx, kind, address); err == nil {
			c.Close()
			return true
		}
	}
	return false
}

// mayTryTCP is true once for each peer in tryTCPEvery.
func (m *Mesh) mayTryTCP(p peer.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, tried := m.triedTCP[p]; tried && time.Since(at) < tryTCPEvery {
		return false
	}
	if len(m.triedTCP) >= maxTried {
		clear(m.triedTCP)
	}
	m.triedTCP[p] = time.Now()
	return true
}
