package p2p

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// deadAfter is how long what was sent may stay unacknowledged before a TCP connection is given up.
	deadAfter = 15 * time.Second
	// unsentBytes bounds what waits in the kernel behind what is on its way: a small call then waits for that much bulk and
	// no more.
	unsentBytes = 128 << 10
)

// sockets makes TCP connections fit for bad links, before their first byte and on both sides: congestion control that does
// not take a lost frame for a full line (BBR, where the kernel has it and allows it), and an end for connections that are
// dead. What a system cannot do is left out. Loopback is left alone: nothing is lost there.
type sockets struct {
	// congestion is what the kernel will use: "bbr", else its default such as "cubic", "" where it does not say.
	congestion string
}

func newSockets() sockets { return sockets{congestion: congestionHere()} }

// dialer is for tcp.WithDialerForAddr.
func (s sockets) dialer(ma.Multiaddr) (tcp.ContextDialer, error) {
	return &net.Dialer{Control: func(_, address string, c syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err == nil && !to.Addr().IsLoopback() {
			s.tune(c)
		}
		return nil
	}}, nil
}

// accepted is for a connection that nobody has written to or read from.
func (s sockets) accepted(c network.ConnMultiaddrs) {
	socket, ok := c.(syscall.Conn)
	if !ok || transportOf(c.LocalMultiaddr()) != "tcp" || manet.IsIPLoopback(c.RemoteMultiaddr()) {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		s.tune(raw)
	}
}

// Congestion names the congestion control of the TCP connections that are not loopback: "bbr" is the one for lossy links,
// anything else is what the system has; "" where it does not say.
func (m *Mesh) Congestion() string { return m.gate.sockets.congestion }
