package p2p

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	dialTime = 5 * time.Second
	minRetry = 250 * time.Millisecond
	maxRetry = 2 * time.Second
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

// reach returns when p is connected and identified, or ErrBlocked or ErrUnreachable. It dials even when dialling has just
// failed: the caller decides how often to try.
func (m *Mesh) reach(ctx context.Context, p peer.ID) error {
	if !m.gate.open(p) {
		return fmt.Errorf("peer %s: %w", p, ErrBlocked)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	m.forgetFailures(p)
	if err := m.host.Connect(ctx, peer.AddrInfo{ID: p}); err != nil {
		return fmt.Errorf("peer %s: %w: %w", p, ErrUnreachable, err)
	}
	return nil
}
