package p2p

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

// Peer is a connected peer. Where it has several connections, the oldest is shown.
type Peer struct {
	ID        peer.ID       `json:"id"`
	Addr      string        `json:"addr"`
	Transport string        `json:"transport"` // tcp or quic
	Inbound   bool          `json:"inbound"`   // it dialled us
	RTT       time.Duration `json:"rtt"`       // nanoseconds, 0 while unknown; from when it came, see RoundTrip
	Since     time.Time     `json:"since"`
	Savoirs   bool          `json:"savoirs"` // speaks our protocols, unlike a plain IPFS node
	Found     string        `json:"found"`   // link, kept (static or joined), remembered, dht, or came: it dialled us
}

// Peers lists the connected peers, sorted by ID.
func (m *Mesh) Peers() []Peer {
	var peers []Peer
	for _, id := range m.host.Network().Peers() {
		conns := m.host.Network().ConnsToPeer(id)
		if len(conns) == 0 {
			continue
		}
		c := slices.MinFunc(conns, func(a, b network.Conn) int { return a.Stat().Opened.Compare(b.Stat().Opened) })
		peers = append(peers, Peer{
			ID:        id,
			Addr:      c.RemoteMultiaddr().String(),
			Transport: transportOf(c.RemoteMultiaddr()),
			Inbound:   c.Stat().Direction == network.DirInbound,
			RTT:       m.host.Peerstore().LatencyEWMA(id),
			Since:     c.Stat().Opened,
			Savoirs:   m.speaksSavoirs(id),
			Found:     m.found(c),
		})
	}
	slices.SortFunc(peers, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	return peers
}

func (m *Mesh) speaksSavoirs(p peer.ID) bool {
	known, err := m.host.Peerstore().GetProtocols(p)
	if err != nil {
		return false
	}
	for _, id := range known {
		if strings.HasPrefix(string(id), protoPrefix) {
			return true
		}
	}
	return false
}

// Connect dials p and returns when it is connected and identified, or at once when it is already. A person asked for
// it, so names in its addresses are resolved and earlier failures do not hold it back. It returns ErrBlocked, or
// ErrUnreachable with the cause.
func (m *Mesh) Connect(ctx context.Context, p peer.AddrInfo) error {
	return m.connect(ctx, p, lateDial)
}

func (m *Mesh) connect(ctx context.Context, p peer.AddrInfo, limit time.Duration) error {
	if !m.gate.open(p.ID) {
		return fmt.Errorf("connect to %s: %w", p.ID, ErrBlocked)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := resolveNames(ctx, p)
	if err == nil {
		m.forgetFailures(p.ID)
		err = m.host.Connect(ctx, p)
	}
	if err == nil {
		err = m.letIn(ctx, p.ID)
	}
	if err != nil {
		return fmt.Errorf("connect to %s: %w: %w", p.ID, ErrUnreachable, err)
	}
	return nil
}

// letIn returns nil when the other side has let this node in. Over TCP the handshake says so; over QUIC a peer can refuse only
// after our side takes the connection for made, so it is asked for a sign of life.
func (m *Mesh) letIn(ctx context.Context, p peer.ID) error {
	overTCP := func(c network.Conn) bool { return transportOf(c.RemoteMultiaddr()) == "tcp" }
	if slices.ContainsFunc(m.host.Network().ConnsToPeer(p), overTCP) {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer, ok := <-ping.Ping(ctx, m.host, p)
	if !ok {
		return ctx.Err()
	}
	return answer.Error
}

// roundTrips is how many times RoundTrip measures.
const roundTrips = 3

// RoundTrip measures the round trip to p now, the least of a few: that of Peers is from when the peer came, and a node that
// was busy then would seem far away for good.
func (m *Mesh) RoundTrip(ctx context.Context, p peer.ID) (least time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answers := ping.Ping(ctx, m.host, p)
	for range roundTrips {
		a, ok := <-answers
		switch {
		case !ok:
			return 0, fmt.Errorf("measure the round trip to %s: %w", p, ctx.Err())
		case a.Error != nil:
			return 0, fmt.Errorf("measure the round trip to %s: %w", p, a.Error)
		case least == 0 || a.RTT < least:
			least = a.RTT
		}
	}
	return least, nil
}

// forgetFailures clears the dial backoff of p, so that the next dial is made and not refused out of hand.
func (m *Mesh) forgetFailures(p peer.ID) {
	if s, ok := m.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(p)
	}
}

func (m *Mesh) watchArrivals() (event.Subscription, error) {
	return m.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerConnectednessChanged),
	}, eventbus.BufSize(256), eventbus.Name("savoirs/arrivals"))
}

// maxArrivals bounds how many Arrived callbacks run at once.
const maxArrivals = 8

// reportArrivals calls Options.Arrived once for each stay of a peer, until ctx ends and the callbacks have returned.
func (m *Mesh) reportArrivals(ctx context.Context, arrivals event.Subscription) {
	var callbacks sync.WaitGroup
	defer callbacks.Wait()
	slots := make(chan struct{}, maxArrivals)
	here := map[peer.ID]bool{}
	arrived := func(p peer.ID) {
		if here[p] || m.host.Network().Connectedness(p) != network.Connected {
			return
		}
		here[p] = true
		callbacks.Go(func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-slots }()
			if m.host.Network().Connectedness(p) == network.Connected { // strangers come and go while others are greeted
				m.greet(ctx, p)
			}
		})
	}
	for _, p := range m.host.Network().Peers() { // those that came between Open and Run
		if known, err := m.host.Peerstore().GetProtocols(p); err == nil && len(known) > 0 {
			arrived(p)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-arrivals.Out():
			if !ok {
				return
			}
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				arrived(e.Peer)
			case event.EvtPeerConnectednessChanged:
				if e.Connectedness != network.Connected {
					delete(here, e.Peer)
				}
			}
		}
	}
}

// greet measures the round trip to a peer that has just come, once, and tells whoever asked to know.
func (m *Mesh) greet(ctx context.Context, p peer.ID) {
	m.log.Info("peer joined", "peer", p)
	m.remember(p)
	pinging, cancel := context.WithTimeout(ctx, 5*time.Second)
	<-ping.Ping(pinging, m.host, p) // records the latency in the peerstore
	cancel()
	m.awaitGossip(ctx, p)
	if m.opts.Arrived != nil {
		m.opts.Arrived(ctx, p)
	}
}
