package p2p

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/multiformats/go-multistream"
)

const (
	settleTime = 50 * time.Millisecond // a link that comes up is told of in several messages
	pollLinks  = 5 * time.Second       // where the kernel does not tell
	checkTime  = 2 * time.Second       // for a sign of life after a change
	olderTime  = time.Second           // the same of a connection that has a successor
)

// roam follows what happens to the links of this machine, until ctx ends: a cable, another Wi-Fi, a new address. Each time
// it announces this node anew, drops the connections that died with it, and has kept peers redialled at once.
func (m *Mesh) roam(ctx context.Context) {
	relays, err := m.host.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated))
	if err != nil {
		m.log.Warn("changes of the network are seen late", "err", err)
		return
	}
	defer relays.Close()
	maybe := make(wake, 1)
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() {
		if err := noticeLinks(ctx, maybe.again); err != nil {
			m.log.Debug("links are looked at now and then", "err", err)
			for wait(ctx, pollLinks) {
				maybe.again()
			}
		}
	})
	stopCheck := func() {}
	defer func() { stopCheck() }()
	for before := interfaces(); ; {
		select {
		case <-ctx.Done():
			return
		case <-maybe:
		}
		if !wait(ctx, settleTime) {
			return
		}
		now := interfaces()
		if now == before {
			continue
		}
		before = now
		m.log.Info("network changed")
		m.host.Network().(*swarm.Swarm).ListenClose() // closes nothing: with no address it forgets those it remembers
		if err := relays.Emit(event.EvtAutoRelayAddrsUpdated{}); err != nil {
			m.log.Debug("tell of new addresses", "err", err)
		} // there are no relays, but it makes the host look at its addresses now, and tell neighbours
		m.look.again()
		m.moves.tell()
		stopCheck()
		check, cancel := context.WithTimeout(ctx, checkTime)
		stopCheck = cancel
		working.Go(func() { m.dropDead(check) })
	}
}

// interfaces describes the interfaces that are up and their addresses, to be compared.
func interfaces() string {
	there, err := net.Interfaces()
	if err != nil {
		return ""
	}
	var all []string
	for _, i := range there {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		all = append(all, fmt.Sprint(i.Index, i.Flags, addrs))
	}
	return strings.Join(all, "\n")
}

// dropDead closes the connections whose local address is gone, and those of peers that give no sign of life until ctx ends.
// A caller that has changed its mind cancels ctx, and then nothing more is closed.
func (m *Mesh) dropDead(ctx context.Context) {
	local, err := net.InterfaceAddrs()
	if err != nil {
		return
	}
	here := func(a ma.Multiaddr) bool {
		ip, err := manet.ToIP(a)
		return err != nil || ip.IsUnspecified() || slices.ContainsFunc(local, func(l net.Addr) bool {
			n, ok := l.(*net.IPNet)
			return ok && n.IP.Equal(ip)
		})
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, c := range m.host.Network().Conns() {
		if !here(c.LocalMultiaddr()) {
			m.log.Debug("connection from an address that is gone", "peer", c.RemotePeer())
			c.Close()
			continue
		}
		asking.Go(func() { m.dropIfDead(ctx, c) })
	}
}

// dropOlder watches, until ctx ends, for peers that connect though they are connected: mostly they have lost the older
// connection, by a power cut or another Wi-Fi, and this side would go on speaking into it for minutes.
func (m *Mesh) dropOlder(ctx context.Context) {
	twice := make(chan peer.ID, 64)
	watch := &network.NotifyBundle{ConnectedF: func(n network.Network, c network.Conn) {
		if len(n.ConnsToPeer(c.RemotePeer())) > 1 {
			select {
			case twice <- c.RemotePeer():
			default: // those of the others are found dead later, as ever
			}
		}
	}}
	m.host.Network().Notify(watch)
	defer m.host.Network().StopNotify(watch)
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-twice:
			limited, cancel := context.WithTimeout(ctx, olderTime)
			var asking sync.WaitGroup
			for _, c := range m.host.Network().ConnsToPeer(p) {
				asking.Go(func() { m.dropIfDead(limited, c) })
			}
			asking.Wait()
			cancel()
		}
	}
}

// dropIfDead closes c unless a stream can be opened on it before ctx ends. Where ctx is cancelled it lets it be.
func (m *Mesh) dropIfDead(ctx context.Context, c network.Conn) {
	err := signOfLife(ctx, c)
	if err == nil || ctx.Err() == context.Canceled {
		return
	}
	m.log.Debug("no sign of life", "peer", c.RemotePeer(), "err", err)
	c.Close()
}

func signOfLife(ctx context.Context, c network.Conn) error {
	s, err := c.NewStream(ctx)
	if err != nil {
		return err
	}
	defer s.Reset()
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	return multistream.SelectProtoOrFail(ping.ID, s)
}

// dialableAddrs are the addresses at which n listens on the interfaces as they are now.
func dialableAddrs(n network.Network) ([]ma.Multiaddr, error) {
	return manet.ResolveUnspecifiedAddresses(n.ListenAddresses(), nil)
}

// signal wakes all that wait for it at the moment.
type signal struct {
	mu   sync.Mutex // guards next
	next chan struct{}
}

// wait gives a channel that is closed by the next tell.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

func (s *signal) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}

// wait returns false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
