package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"golang.org/x/sync/errgroup"
)

// rawStream sends size bytes over one stream of two bare libp2p hosts on
// loopback, TCP with Noise and yamux: what everything built on it can reach at
// most, with nothing read, hashed or kept.
func rawStream(ctx context.Context, size int64) (sample, error) {
	from, err := rawHost()
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := rawHost()
	if err != nil {
		return nil, err
	}
	defer to.Close()
	sent := make(chan error, 1)
	from.SetStreamHandler("/raw", func(s network.Stream) {
		buf := make([]byte, 1<<20)
		for left := size; left > 0; left -= int64(len(buf)) {
			if _, err := s.Write(buf[:min(left, int64(len(buf)))]); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseWrite()
	})
	if err := to.Connect(ctx, *host.InfoFromHost(from)); err != nil {
		return nil, err
	}
	start := time.Now()
	s, err := to.NewStream(ctx, from.ID(), "/raw")
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	var g errgroup.Group
	g.Go(func() error {
		if err := s.CloseWrite(); err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, s)
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if err := errors.Join(g.Wait(), <-sent); err != nil {
		return nil, err
	}
	return sample{"s": time.Since(start).Seconds()}, nil
}

func rawHost() (host.Host, error) {
	return libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New), libp2p.DisableRelay(), libp2p.DisableMetrics())
}
