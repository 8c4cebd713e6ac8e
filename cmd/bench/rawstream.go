package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

const rawProtocol = "/bench/raw"

// benchStream is one side of a bare libp2p stream (TCP with Noise and yamux, or
// QUIC): what everything built on it can reach at most, with nothing read,
// hashed or kept. `bench net` runs both sides.
func benchStream(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench stream", flag.ContinueOnError)
	listen := fs.String("listen", "", "serve on this `multiaddr`, print the full one")
	from := fs.String("from", "", "fetch from this full `multiaddr`, print how many seconds it took")
	size := bytesFlag(1 << 30)
	fs.Var(&size, "size", "how much goes over it")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if (*listen == "") == (*from == "") {
		return errors.New("stream: -listen or -from")
	}
	options := []libp2p.Option{
		libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport), libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Security(noise.ID, noise.New), libp2p.DisableRelay(), libp2p.DisableMetrics(),
	}
	if *listen != "" {
		options = append(options, libp2p.ListenAddrStrings(*listen))
	}
	h, err := libp2p.New(options...)
	if err != nil {
		return err
	}
	defer h.Close()
	if *from != "" {
		return fetchRaw(ctx, h, *from, int64(size))
	}
	h.SetStreamHandler(rawProtocol, func(s network.Stream) {
		if err := sendRaw(s, int64(size)); err != nil {
			s.Reset()
			fmt.Fprintln(os.Stderr, err)
		}
	})
	addrs, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(h))
	if err != nil {
		return err
	}
	fmt.Println(addrs[0])
	<-ctx.Done()
	return nil
}

func sendRaw(s network.Stream, size int64) error {
	buf := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(buf)) {
		if _, err := s.Write(buf[:min(left, int64(len(buf)))]); err != nil {
			return err
		}
	}
	return s.CloseWrite()
}

func fetchRaw(ctx context.Context, h host.Host, from string, size int64) error {
	target, err := peer.AddrInfoFromString(from)
	if err != nil {
		return err
	}
	if err := h.Connect(ctx, *target); err != nil {
		return err
	}
	start := time.Now()
	s, err := h.NewStream(ctx, target.ID, rawProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	if err := s.CloseWrite(); err != nil { // which also opens it: the other side speaks first
		return err
	}
	n, err := io.Copy(io.Discard, s)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	fmt.Println(time.Since(start).Seconds())
	return nil
}

// rawFetch times a bare stream of as many bytes as the folder at path has;
// transport is the end of the address it listens on, such as tcp/0.
func rawFetch(transport string) fetch {
	return func(ctx context.Context, way road, path, _ string) (sample, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		size, err := bytesBelow(path)
		if err != nil {
			return nil, err
		}
		length := fmt.Sprint("-size=", size)
		server, err := way.from.start(nil, self, "stream", length, "-listen=/ip4/"+way.from.ip+"/"+transport)
		if err != nil {
			return nil, err
		}
		defer server.stop()
		var addr string
		if err := until(ctx, func() (bool, error) {
			for l := range strings.Lines(server.out.String()) {
				if l = strings.TrimSpace(l); strings.Contains(l, "/p2p/") {
					addr = l
				}
			}
			return addr != "", server.ended()
		}); err != nil {
			return nil, err
		}
		before := server.used()
		out, client, err := way.to.run(ctx, self, "stream", length, "-from="+addr)
		if err != nil {
			return nil, err
		}
		took, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			return nil, err
		}
		used := client.and(server.used().since(before))
		return sample{"s": took, "CPU s": used.cpu, "RSS MB": used.peak}, nil
	}
}
