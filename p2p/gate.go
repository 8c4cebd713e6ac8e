package p2p

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// gate is the connection gater: it refuses blocked peers both ways, strangers to a closed mesh, and any address beyond
// loopback when the node keeps to itself.
type gate struct {
	loopbackOnly bool
	circle       *circle
	sockets      sockets

	mu      sync.RWMutex // guards blocked and paused
	blocked map[peer.ID]struct{}
	paused  map[peer.ID]time.Time // refused until then
}

func newGate(blocked []peer.ID, loopbackOnly bool, c *circle) *gate {
	g := &gate{
		loopbackOnly: loopbackOnly, circle: c, sockets: newSockets(),
		blocked: make(map[peer.ID]struct{}, len(blocked)), paused: map[peer.ID]time.Time{},
	}
	for _, p := range blocked {
		g.blocked[p] = struct{}{}
	}
	return g
}

func (g *gate) open(p peer.ID) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, shut := g.blocked[p]
	return !shut && !time.Now().Before(g.paused[p])
}

const (
	faultPause = 10 * time.Minute
	maxPaused  = 4096 // peers; with more, some come back early
)

// pause refuses p for a while.
func (g *gate) pause(p peer.ID, d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(g.paused, func(_ peer.ID, until time.Time) bool { return !now.Before(until) })
	for old := range g.paused {
		if len(g.paused) < maxPaused {
			break
		}
		delete(g.paused, old)
	}
	g.paused[p] = now.Add(d)
}

// InterceptPeerDial refuses to dial a blocked peer.
func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.open(p) }

// InterceptAddrDial keeps a loopback node on loopback, and lets nobody be dialled where nobody can be: such an address, heard
// from a stranger, would mean this machine, or everybody on the link.
func (g *gate) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool {
	if ip, err := manet.ToIP(a); err == nil && (ip.IsUnspecified() || ip.IsMulticast()) {
		return false
	}
	return !g.loopbackOnly || manet.IsIPLoopback(a)
}

// InterceptAccept lets everyone knock: who it is shows only after the handshake.
func (g *gate) InterceptAccept(c network.ConnMultiaddrs) bool {
	g.sockets.accepted(c)
	return true
}

// InterceptSecured refuses a blocked peer as soon as its identity is proved.
func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.open(p)
}

// InterceptUpgraded closes the gap between the handshake and a Block that came meanwhile, and refuses who has not the key of
// a closed mesh where the handshake could not.
func (g *gate) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	return g.open(c.RemotePeer()) && g.circle.proveQUIC(c) == nil, 0
}

// Block refuses p from now on, in both directions, and closes its connections.
func (m *Mesh) Block(p peer.ID) {
	m.gate.mu.Lock()
	m.gate.blocked[p] = struct{}{}
	m.gate.mu.Unlock()
	m.forget(p)
	m.hangUp(p)
}

func (m *Mesh) hangUp(p peer.ID) {
	if err := m.host.Network().ClosePeer(p); err != nil {
		m.log.Debug("close refused peer", "peer", p, "err", err)
	}
}

// Unblock lets p in again, also before a pause for a fault has ended; it does not dial it.
func (m *Mesh) Unblock(p peer.ID) {
	m.gate.mu.Lock()
	defer m.gate.mu.Unlock()
	delete(m.gate.blocked, p)
	delete(m.gate.paused, p)
}

// Blocked lists the blocked peers, sorted.
func (m *Mesh) Blocked() []peer.ID {
	m.gate.mu.RLock()
	defer m.gate.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.gate.blocked))
}

// allLoopback tells whether no address can be reached from another machine.
func allLoopback(addrs []ma.Multiaddr) bool {
	return !slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) })
}
