package p2p

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that restarts, or whose link was cut, mostly comes back soon. In the first minute it is dialled briefly, because
// a dial that began before it was back may hang where a new one would not; later there is time, and a slow link needs it.
const (
	soon      = time.Minute
	soonDial  = 3 * time.Second
	lateDial  = 15 * time.Second
	minRedial = time.Second
	maxRedial = time.Minute
)

// redial tells how long a dial may take, and how long to wait after it, for a peer that has been away for so long.
func redial(away time.Duration) (limit, wait time.Duration) {
	wait = max(minRedial, min(away/20, maxRedial))
	if away < soon {
		return soonDial, wait
	}
	return lateDial, wait
}

// Keep keeps p connected from now on, like a static peer, for as long as Run runs. It returns at once; a peer that is kept
// already is not kept twice.
func (m *Mesh) Keep(p peer.AddrInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.kept, func(k peer.AddrInfo) bool { return k.ID == p.ID }) {
		return
	}
	m.kept = append(m.kept, p)
	m.house.befriend(p)
	if m.keep != nil {
		m.keep(p)
	}
}

// keepAll starts keeping the peers there are and lets Keep start others, through start, until it is stopped.
func (m *Mesh) keepAll(start func(peer.AddrInfo)) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep = start
	for _, p := range m.kept {
		start(p)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.keep = nil
	}
}

// keepConnected dials p whenever it is not connected, until ctx ends.
func (m *Mesh) keepConnected(ctx context.Context, p peer.AddrInfo) {
	m.host.ConnManager().Protect(p.ID, "static")
	defer m.host.ConnManager().Unprotect(p.ID, "static")
	gone := make(chan struct{}, 1)
	watch := &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() == p.ID {
			select {
			case gone <- struct{}{}:
			default:
			}
		}
	}}
	m.host.Network().Notify(watch)
	defer m.host.Network().StopNotify(watch)

	for lost := time.Now(); ; {
		moved := m.moves.wait()
		limit, wait := redial(time.Since(lost))
		err := m.connect(ctx, p, limit)
		if err == nil {
			m.foundBy(p.ID, "kept")
			select {
			case <-gone:
			case <-ctx.Done():
				return
			}
			lost, wait = time.Now(), minRedial
		} else if !errors.Is(err, ErrBlocked) {
			m.log.Debug("static peer", "err", err)
		}
		again := time.NewTimer(wait/2 + rand.N(wait/2)) // nodes that lost power together do not come back in step
		select {
		case <-ctx.Done():
		case <-again.C:
		case <-moved:
			lost = time.Now()
		}
		again.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// pause waits between d/2 and d, so that nodes which lost power together do not come back in step. It returns false when
// ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
