package p2p

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

// newHost builds a host that speaks TCP with Noise and QUIC, listens nowhere yet, and uses nobody's help: no relay, no
// port mapping, no reachability probes, no address reported by strangers.
func newHost(key crypto.PrivKey, g *gate, traffic *meter) (host.Host, error) {
	template, err := certTemplate()
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	resources, err := newResourceManager()
	if err != nil {
		return nil, fmt.Errorf("resource limits: %w", err)
	}
	conns, err := newConnManager()
	if err != nil {
		return nil, fmt.Errorf("connection limits: %w", err)
	}
	var made atomic.Pointer[swarm.Swarm] // not there yet when addresses are first asked for
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.NoListenAddrs,
		// Without SO_REUSEPORT a taken port is an error, not two nodes sharing one.
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport(), tcp.WithDialerForAddr(g.sockets.dialer)),
		libp2p.Security(noise.ID, newKeyedNoise(g.circle)),
		libp2p.Muxer(yamux.ID, newMux()),
		libp2p.Transport(libp2pquic.NewTransport, libp2pquic.WithTLSIdentityOption(libp2ptls.WithCertTemplate(template))),
		libp2p.SwarmOpts(swarm.WithDialRanker(tcpFirst)),
		libp2p.MultiaddrResolver(noNames{}),
		// libp2p remembers the addresses of interfaces for a minute; a node that roams must not tell of those it had.
		libp2p.AddrsFactory(func(remembered []ma.Multiaddr) []ma.Multiaddr {
			if s := made.Load(); s != nil {
				if now, err := dialableAddrs(s); err == nil {
					return now
				}
			}
			return remembered
		}),
		libp2p.ConnectionGater(g),
		libp2p.ResourceManager(resources),
		libp2p.ConnectionManager(conns),
		libp2p.DisableRelay(),
		libp2p.Ping(false), // ours has limits
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.ForceReachabilityPrivate(), // a fixed answer, so that no peer is asked to dial back
		libp2p.BandwidthReporter(traffic),
		libp2p.DisableMetrics(),
		libp2p.UserAgent("savoirs"),
		libp2p.ProtocolVersion("savoirs/1"),
	)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	made.Store(h.Network().(*swarm.Swarm))
	paceStreams(h.Network().(*swarm.Swarm), g)
	ping.NewPingService(foreign{Host: h, frames: &paces{perSecond: 10, burst: 64}})
	return h, nil
}

// certTemplate is valid from 1970 to 2999: a board without a battery believes it is 1970, and by its own clock a
// certificate made today would not be valid yet. The identity does not rest on the dates but on the key that signs it.
func certTemplate() (*x509.Certificate, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 62)
	serial, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return nil, err
	}
	subject, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{SerialNumber: subject.String()}, // RFC 5280 wants a non-empty issuer
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(2999, time.December, 31, 23, 59, 59, 0, time.UTC),
	}, nil
}

// quicDelay is how long QUIC waits for TCP, unless that fails sooner. A TCP connection to the other end of the world takes
// four round trips to be ready, and where frames are lost some of them twice.
const quicDelay = time.Second

// tcpFirst dials TCP at once and QUIC later: bulk is faster over TCP, and QUIC is the road where TCP does not pass.
func tcpFirst(addrs []ma.Multiaddr) []network.AddrDelay {
	ranked := make([]network.AddrDelay, 0, len(addrs))
	for _, a := range addrs {
		var delay time.Duration
		if transportOf(a) == "quic" {
			delay = quicDelay
		}
		ranked = append(ranked, network.AddrDelay{Addr: a, Delay: delay})
	}
	slices.SortStableFunc(ranked, func(a, b network.AddrDelay) int { return int(a.Delay - b.Delay) })
	if len(ranked) > 0 && ranked[0].Delay > 0 {
		for i := range ranked {
			ranked[i].Delay = 0
		}
	}
	return ranked
}

// transportOf names the transport of an address: "tcp", "quic", or "".
func transportOf(a ma.Multiaddr) string {
	for _, c := range a {
		switch c.Protocol().Code {
		case ma.P_TCP:
			return "tcp"
		case ma.P_QUIC_V1:
			return "quic"
		}
	}
	return ""
}

// listenOn fails with ErrBusy, naming the address, when it is taken. (A host given several addresses at once is content
// with one, and its Listen hides the cause.)
func listenOn(h host.Host, a ma.Multiaddr) error {
	err := h.Network().(*swarm.Swarm).AddListenAddr(a)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w", a, ErrBusy)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a, err)
	}
	return nil
}
