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

const (
	minRedial = time.Second
	maxRedial = time.Minute
)

// Keep keeps p connected from now on, like a static peer, for as long as Run runs. It returns at once; a peer that is kept
// already is not kept twice.
func (m *Mesh) Keep(p peer.AddrInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.kept, func(k peer.AddrInfo) bool { return k.ID == p.ID }) {
		return
	}
	m.kept = append(m.kept, p)
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

// keepConnected dials p whenever it is not connected, with a doubling wait between failures, until ctx ends.
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

	for wait := minRedial; ; wait = min(2*wait, maxRedial) {
		err := m.Connect(ctx, p)
		if err == nil {
			wait = minRedial
			select {
			case <-gone:
			case <-ctx.Done():
				return
			}
		} else if !errors.Is(err, ErrBlocked) {
			m.log.Debug("static peer", "err", err)
		}
		if !pause(ctx, wait) {
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
