package p2p

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Remembered is a peer this node has met, for the next start. Its addresses are a hint: they prove nothing.
type Remembered struct {
	ID     peer.ID  `json:"id"`
	Addrs  []string `json:"addrs"`
	Missed int      `json:"missed,omitempty"` // how many times in a row it was not found where others were
	Came   bool     `json:"came,omitempty"`   // it has only ever dialled us; such peers make room first
}

const (
	maxRemembered      = 256
	maxRememberedAddrs = 8
	// A peer not found at so many occasions, mostly starts, is forgotten. Time does not count: a node may have no clock, or
	// be away for a year.
	maxMissed = 12

	reuniteAtOnce = 4 // dials
	reunitePause  = 100 * time.Millisecond
	enoughPeers   = 32 // to stop looking for more
	// One who is alone looks again soon, one with company seldom: for those that a cut has left on another island.
	minAlone   = 10 * time.Second
	maxAlone   = 5 * time.Minute
	inCompany  = 15 * time.Minute
	fewOfThese = 16
)

// acquaintances are the peers met, the last met first.
type acquaintances struct {
	mu    sync.Mutex // guards peers
	peers []Remembered
}

// Remembered lists the peers met, also those of Options.Remembered, at most 256: first those connected, then the last met.
func (m *Mesh) Remembered() []Remembered {
	for _, p := range m.host.Network().Peers() {
		m.remember(p)
	}
	m.met.mu.Lock()
	defer m.met.mu.Unlock()
	return slices.Clone(m.met.peers)
}

// remember puts p first. Blocked peers and those that do not speak our protocols are not kept.
func (m *Mesh) remember(p peer.ID) {
	if !m.gate.open(p) || !m.speaksSavoirs(p) {
		return
	}
	var addrs []string
	for _, a := range m.worthRemembering(p) {
		addrs = append(addrs, a.String())
	}
	if len(addrs) == 0 {
		return
	}
	came := !slices.ContainsFunc(m.host.Network().ConnsToPeer(p), dialled)
	m.met.mu.Lock()
	defer m.met.mu.Unlock()
	if i := slices.IndexFunc(m.met.peers, func(r Remembered) bool { return r.ID == p }); i >= 0 {
		came = came && m.met.peers[i].Came
		m.met.peers = slices.Delete(m.met.peers, i, i+1)
	}
	m.met.peers = slices.Insert(m.met.peers, 0, Remembered{ID: p, Addrs: addrs, Came: came})
	if last := len(m.met.peers) - 1; last >= maxRemembered {
		for i, r := range m.met.peers { // a crowd of identities must not push out those we have reached
			if r.Came {
				last = i
			}
		}
		m.met.peers = slices.Delete(m.met.peers, last, last+1)
	}
}

func dialled(c network.Conn) bool { return c.Stat().Direction == network.DirOutbound }

// worthRemembering is the address at which p was reached, if it was, and then those it listens on.
func (m *Mesh) worthRemembering(p peer.ID) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, c := range m.host.Network().ConnsToPeer(p) {
		if dialled(c) {
			addrs = append(addrs, c.RemoteMultiaddr())
		}
	}
	for _, a := range m.host.Peerstore().Addrs(p) {
		if transportOf(a) != "" && !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append(addrs, a)
		}
	}
	if !allLoopback(addrs) {
		addrs = slices.DeleteFunc(addrs, manet.IsIPLoopback)
	}
	return addrs[:min(len(addrs), maxRememberedAddrs)]
}

// forget drops p.
func (m *Mesh) forget(p peer.ID) {
	m.met.mu.Lock()
	defer m.met.mu.Unlock()
	m.met.peers = slices.DeleteFunc(m.met.peers, func(r Remembered) bool { return r.ID == p })
}

// reunite looks for remembered peers until ctx ends: for all of them at the start, when this node is alone and when its
// network changes; for a few now and then otherwise.
func (m *Mesh) reunite(ctx context.Context) {
	alone := time.Now()
	for few := maxRemembered; ctx.Err() == nil; {
		moved := m.moves.wait()
		m.lookFor(ctx, few)
		company := len(m.host.Network().Peers()) > 0
		next := max(minAlone, min(time.Since(alone)/4, maxAlone))
		if company {
			next = inCompany
		}
		few = maxRemembered
		if m.untilAlone(ctx, next, moved, company) && company {
			few = fewOfThese
		}
		if company {
			alone = time.Now()
		}
	}
}

// untilAlone waits for d, for moved or for the end of company. It returns true when it was d.
func (m *Mesh) untilAlone(ctx context.Context, d time.Duration, moved <-chan struct{}, company bool) bool {
	due := time.NewTimer(d)
	defer due.Stop()
	gone := make(wake, 1)
	check := func() {
		if len(m.host.Network().Peers()) == 0 {
			gone.again()
		}
	}
	watch := &network.NotifyBundle{DisconnectedF: func(network.Network, network.Conn) { check() }}
	m.host.Network().Notify(watch)
	defer m.host.Network().StopNotify(watch)
	if company {
		check() // it may have ended before anyone watched
	}
	select {
	case <-due.C:
		return true
	case <-ctx.Done():
	case <-moved:
	case <-gone:
		wait(ctx, minRedial) // one that comes and goes must not keep us dialling
	}
	return false
}

// lookFor dials the first few of those remembered that are not connected, some at a time, until there are enough peers. Who
// is not found while others are has been missed once more.
func (m *Mesh) lookFor(ctx context.Context, few int) {
	var dialling sync.WaitGroup
	slots := make(chan struct{}, reuniteAtOnce)
	var mu sync.Mutex // guards missed
	missed := map[peer.ID]bool{}
	for _, r := range m.Remembered() {
		if few == 0 || ctx.Err() != nil || len(m.host.Network().Peers()) >= enoughPeers {
			break
		}
		if m.host.Network().Connectedness(r.ID) == network.Connected || m.isKept(r.ID) {
			continue
		}
		few--
		slots <- struct{}{}
		dialling.Go(func() {
			defer func() { <-slots }()
			if err := m.connect(ctx, r.info(), soonDial); err != nil {
				m.log.Debug("remembered peer", "err", err)
				mu.Lock()
				missed[r.ID] = true
				mu.Unlock()
				return
			}
			m.foundBy(r.ID, "remembered")
		})
		if !wait(ctx, reunitePause) {
			break
		}
	}
	dialling.Wait()
	if ctx.Err() == nil && len(m.host.Network().Peers()) > 0 {
		m.miss(missed)
	}
}

// miss counts who was not found, and forgets those missed too often.
func (m *Mesh) miss(missed map[peer.ID]bool) {
	m.met.mu.Lock()
	defer m.met.mu.Unlock()
	for i := range m.met.peers {
		if missed[m.met.peers[i].ID] {
			m.met.peers[i].Missed++
		}
	}
	m.met.peers = slices.DeleteFunc(m.met.peers, func(r Remembered) bool { return r.Missed > maxMissed })
}

func (m *Mesh) isKept(p peer.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.kept, func(k peer.AddrInfo) bool { return k.ID == p })
}

// info drops addresses that are none.
func (r Remembered) info() peer.AddrInfo {
	p := peer.AddrInfo{ID: r.ID}
	for _, s := range r.Addrs[:min(len(r.Addrs), maxRememberedAddrs)] {
		if a, err := ma.NewMultiaddr(s); err == nil && transportOf(a) != "" {
			if _, err := manet.ToIP(a); err == nil { // no names: none were typed by a person
				p.Addrs = append(p.Addrs, a)
			}
		}
	}
	return p
}
