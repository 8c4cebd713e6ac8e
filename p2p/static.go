package p2p

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	minRedial = time.Second
	maxRedial = time.Minute
)

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
