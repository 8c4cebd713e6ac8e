package p2p

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
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

// found hands the peers that mdns hears of to the loop that dials them; what does not fit is heard of again.
type found chan peer.AddrInfo

// HandlePeerFound never blocks.
func (f found) HandlePeerFound(p peer.AddrInfo) {
	select {
	case f <- p:
	default:
	}
}

// discover answers and asks on the link until ctx ends. The responder is rebuilt when our addresses change (it names the
// old ones and is bound to the old interfaces) and, while we are alone, to ask again.
func (m *Mesh) discover(ctx context.Context) {
	changes, err := m.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		m.log.Warn("no discovery on the link", "err", err)
		return
	}
	defer changes.Close()
	heard := make(found, 32)
	service := m.startMDNS(heard)
	defer func() { service.close() }()

	wait := minRequery
	requery := time.NewTimer(wait)
	defer requery.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-heard:
			m.meet(ctx, p)
			continue
		case <-changes.Out():
			if !service.outdated(m.host) {
				continue
			}
			wait = minRequery
		case <-requery.C:
			if service.running() && len(m.host.Network().Peers()) > 0 {
				requery.Reset(maxRequery)
				continue
			}
			wait = min(2*wait, maxRequery)
		}
		service.close()
		service = m.startMDNS(heard)
		requery.Reset(wait)
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
