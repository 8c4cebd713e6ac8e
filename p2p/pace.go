package p2p

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/time/rate"
)

// neighbourhood is what limits are counted by: identities are free, addresses are not. It is the IPv4 address or the IPv6
// /64 a connection comes from; on loopback, where everybody shares one, each peer is its own.
func neighbourhood(c network.Conn) string {
	a, err := manet.ToIP(c.RemoteMultiaddr())
	ip, ok := netip.AddrFromSlice(a)
	if err != nil || !ok || ip.IsLoopback() {
		return string(c.RemotePeer())
	}
	ip = ip.Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		panic(err) // both fit
	}
	return p.String()
}

// Neighbourhood is where a peer comes from, by which what strangers may do is counted: identities are free, addresses are
// not. Peers behind one IPv4 address or in one IPv6 /64 are of one; on loopback each is of its own, and so is one that is
// not connected.
func (m *Mesh) Neighbourhood(p peer.ID) string {
	if conns := m.host.Network().ConnsToPeer(p); len(conns) > 0 {
		return neighbourhood(conns[0])
	}
	return string(p)
}

// paces gives each neighbourhood a token bucket of its own: so many events a second, after a burst.
type paces struct {
	perSecond, burst int

	mu sync.Mutex // guards of
	of map[string]*rate.Limiter
}

// maxPaces bounds the buckets remembered; full ones are forgotten first, as a new one is full too.
const maxPaces = 2048

func (p *paces) bucket(who string) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.of[who]; b != nil {
		return b
	}
	if len(p.of) >= maxPaces {
		for k, b := range p.of {
			if b.Tokens() >= float64(p.burst) {
				delete(p.of, k)
			}
		}
	}
	for k := range p.of {
		if len(p.of) < maxPaces {
			break
		}
		delete(p.of, k)
	}
	if p.of == nil {
		p.of = map[string]*rate.Limiter{}
	}
	b := rate.NewLimiter(rate.Limit(p.perSecond), p.burst)
	p.of[who] = b
	return b
}

// allow takes n events from the bucket of who, or none when it has not got them.
func (p *paces) allow(who string, n int) bool { return p.bucket(who).AllowN(time.Now(), n) }

const (
	streamsPerSecond = 400 // new streams from one neighbourhood; a school behind one address opens some hundreds at once
	streamsBurst     = 1600
	streamWait       = 2 * time.Second // for its turn
	// streamsAtOnce are open at once, of all protocols and before one is chosen: each may hold 256 KiB that nobody reads.
	streamsAtOnce = 448
	// floodBurst is how many refused streams make a flood; what makes one is sent away for floodPause.
	floodBurst = 1000
	floodPause = time.Minute
)

// paceStreams bounds how fast streams are opened here, before anything is negotiated on them: those that come too fast wait,
// and when there are too many even for that, or too many open, they are refused. A peer that goes on regardless is sent away. It is called
// before the host has peers.
func paceStreams(n *swarm.Swarm, g *gate) {
	streams := &paces{perSecond: streamsPerSecond, burst: streamsBurst}
	floods := &paces{perSecond: streamsPerSecond, burst: floodBurst}
	places := &seats{total: streamsAtOnce}
	next := n.StreamHandler()
	n.SetStreamHandler(func(s network.Stream) {
		who := neighbourhood(s.Conn())
		if places.take(s) {
			defer places.free(s)
			ctx, cancel := context.WithTimeout(context.Background(), streamWait)
			err := streams.bucket(who).Wait(ctx)
			cancel()
			if err == nil {
				next(s)
				return
			}
		}
		s.ResetWithError(network.StreamRateLimited)
		if !floods.allow(who, 1) {
			g.pause(s.Conn().RemotePeer(), floodPause)
			s.Conn().Close()
		}
	})
}
