package p2p

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// mdnsTag keeps our nodes apart from other libp2p programs on the link.
	mdnsTag = "_savoirs._udp"

	// A lonely node asks again after 2 s, 4 s, 8 s and so on up to a minute; one with company leaves that to newcomers.
	minRequery = 2 * time.Second
	maxRequery = time.Minute
)

// found hands the peers that mdns hears of to meetAll; what does not fit is heard of at the next requery.
type found chan peer.AddrInfo

// HandlePeerFound never blocks.
func (f found) HandlePeerFound(p peer.AddrInfo) {
	select {
	case f <- p:
	default:
	}
}

// wake tells one goroutine to look again; telling it twice before it does is telling it once.
type wake chan struct{}

func (w wake) again() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// discover answers and asks on the link until ctx ends. The responder is rebuilt when our addresses change (it names the
// old ones and is bound to the old interfaces), and to ask again: while we are alone, and after a peer has left, because
// it tells of each neighbour only once in its life.
func (m *Mesh) discover(ctx context.Context) {
	events, err := m.host.EventBus().Subscribe([]any{
		new(event.EvtLocalAddressesUpdated), new(event.EvtPeerConnectednessChanged),
	}, eventbus.BufSize(256), eventbus.Name("savoirs/mdns"))
	if err != nil {
		m.log.Warn("no discovery on the link", "err", err)
		return
	}
	defer events.Close()
	heard := make(found, 32)
	var meeting sync.WaitGroup
	defer meeting.Wait()
	meeting.Go(func() { m.meetAll(ctx, heard) })

	service := m.startMDNS(heard)
	defer func() { service.close() }()
	wait, left := minRequery, false
	requery := time.NewTimer(wait)
	defer requery.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events.Out():
			if c, ok := e.(event.EvtPeerConnectednessChanged); ok {
				if c.Connectedness == network.NotConnected && !left {
					left, wait = true, minRequery
					requery.Reset(wait)
				}
				continue
			}
			if !service.outdated(m.host) {
				continue
			}
			wait = minRequery
		case <-requery.C:
			if service.running() && !left && len(m.host.Network().Peers()) > 0 {
				requery.Reset(maxRequery)
				continue
			}
			wait = min(2*wait, maxRequery)
		}
		service.close()
		service, left = m.startMDNS(heard), false
		requery.Reset(wait)
	}
}

// meetAll meets the peers heard of, eight at a time, until ctx ends.
func (m *Mesh) meetAll(ctx context.Context, heard found) {
	var meeting sync.WaitGroup
	defer meeting.Wait()
	slots := make(chan struct{}, 8)
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-heard:
			slots <- struct{}{}
			meeting.Go(func() {
				defer func() { <-slots }()
				m.meet(ctx, p)
			})
		}
	}
}

// responder is one life of the mdns service; the zero value is not running.
type responder struct {
	service mdns.Service
	addrs   []ma.Multiaddr // what it tells others
}

func (r responder) running() bool { return r.service != nil }

// outdated tells whether the addresses of h are others than those it tells.
func (r responder) outdated(h host.Host) bool {
	addrs, err := h.Network().InterfaceListenAddresses()
	return err == nil && !slices.EqualFunc(addrs, r.addrs, ma.Multiaddr.Equal)
}

func (r responder) close() {
	if r.service != nil {
		r.service.Close()
	}
}

// startMDNS returns a responder that is not running where there is no address to be found at, or no interface to ask on.
func (m *Mesh) startMDNS(heard found) responder {
	addrs, err := m.host.Network().InterfaceListenAddresses()
	if err != nil || allLoopback(addrs) || !canMulticast() {
		return responder{addrs: addrs}
	}
	s := mdns.NewMdnsService(m.host, mdnsTag, heard)
	if err := s.Start(); err != nil {
		m.log.Debug("mdns", "err", err)
		s.Close()
		return responder{addrs: addrs}
	}
	return responder{service: s, addrs: addrs}
}

// canMulticast tells whether an interface that is up can carry a question.
func canMulticast() bool {
	interfaces, err := net.Interfaces()
	const wanted = net.FlagUp | net.FlagMulticast
	return err == nil && slices.ContainsFunc(interfaces, func(i net.Interface) bool { return i.Flags&wanted == wanted })
}

// meet dials a peer heard of on the link. Anyone can claim any address there, so only those on our own links are dialled.
func (m *Mesh) meet(ctx context.Context, p peer.AddrInfo) {
	p.Addrs = onLink(p.Addrs)
	if len(p.Addrs) == 0 || p.ID == m.host.ID() || !m.gate.open(p.ID) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m.forgetFailures(p.ID)
	if err := m.host.Connect(ctx, p); err != nil {
		m.log.Debug("peer found on the link", "peer", p.ID, "err", err)
	}
}

// onLink keeps the first 16 addresses that lie in a network of one of our interfaces.
func onLink(addrs []ma.Multiaddr) []ma.Multiaddr {
	local, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var near []ma.Multiaddr
	for _, a := range addrs {
		ip, err := manet.ToIP(a)
		if err != nil || ip.IsLoopback() {
			continue
		}
		inNet := func(l net.Addr) bool { n, ok := l.(*net.IPNet); return ok && n.Contains(ip) }
		if slices.ContainsFunc(local, inNet) && len(near) < 16 {
			near = append(near, a)
		}
	}
	return near
}
