package p2p

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// A lonely node asks again after 2 s, 4 s, 8 s and so on up to a minute; one with company only says now and then that
	// it is there, for those that a switch or a bridge has brought to the link without our seeing it.
	minRequery = 2 * time.Second
	maxRequery = time.Minute
	tellEvery  = 2 * time.Minute
	// Answers wait a little, so that a whole school does not speak at once (RFC 6762, 6).
	minAnswer, maxAnswer = 20 * time.Millisecond, 120 * time.Millisecond
)

// greeting is when a node that has come to a link speaks: Wi-Fi loses multicast easily.
func greeting() []time.Duration {
	return []time.Duration{250 * time.Millisecond, 750 * time.Millisecond}
}

// wake tells one goroutine to look again; telling it twice before it does is telling it once.
type wake chan struct{}

func (w wake) again() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// discover answers and asks on the link until ctx ends. It begins anew when our addresses or the key of the mesh change.
func (m *Mesh) discover(ctx context.Context) {
	leaving, err := m.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.BufSize(256), eventbus.Name("savoirs/mdns"))
	if err != nil {
		m.log.Warn("no discovery on the link", "err", err)
		return
	}
	defer leaving.Close()
	heard := make(chan peer.AddrInfo, 32)
	var meeting sync.WaitGroup
	defer meeting.Wait()
	meeting.Go(func() { m.meetAll(ctx, heard) })
	for ctx.Err() == nil {
		l, err := openSegment(m.circle.key())
		if err == nil {
			err = m.converse(ctx, l, leaving, heard)
		}
		if err == nil {
			continue // begin anew
		}
		m.log.Debug("discovery on the link", "err", err)
		again := time.NewTimer(maxRequery)
		if errors.Is(err, errLinkBroke) {
			again.Reset(minRequery) // never at once: what broke may break again
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				waiting = false
			case <-again.C:
				waiting = false
			case <-m.look:
				waiting = false
			case <-leaving.Out():
			}
		}
		again.Stop()
	}
}

// converse speaks and listens on l, and closes it. It returns nil when it should be begun anew or ctx ended, and errLinkBroke.
func (m *Mesh) converse(ctx context.Context, l *segment, leaving event.Subscription, heard chan<- peer.AddrInfo) error {
	asked, broken := make(wake, 1), make(chan error, 2)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer l.close()
	for _, read := range l.reads {
		listening.Go(func() {
			broken <- l.listen(read, asked.again, func(i Invite) {
				select {
				case heard <- i.Peer:
				default: // it is heard of again
				}
			})
		})
	}
	soonest, requery, lost := greeting(), minRequery, false
	speak, answer := time.NewTimer(0), time.NewTimer(0)
	<-answer.C
	defer speak.Stop()
	defer answer.Stop()
	for answering := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-m.look:
			return nil
		case err := <-broken:
			return err
		case e := <-leaving.Out():
			if c, ok := e.(event.EvtPeerConnectednessChanged); ok && c.Connectedness == network.NotConnected && !lost {
				lost, requery = true, minRequery
				speak.Reset(requery)
			}
		case <-asked:
			if !answering {
				answering = true
				answer.Reset(minAnswer + rand.N(maxAnswer-minAnswer))
			}
		case <-answer.C:
			answering = false
			l.tell(m.tellOn)
		case <-speak.C:
			l.tell(m.tellOn)
			switch {
			case len(soonest) > 0:
				l.ask()
				speak.Reset(soonest[0])
				soonest = soonest[1:]
			case lost || len(m.host.Network().Peers()) == 0:
				l.ask()
				lost = false
				speak.Reset(requery)
				requery = min(2*requery, maxRequery)
			default:
				speak.Reset(tellEvery)
			}
		}
	}
}

// tellOn is what is said of this node on one interface: its addresses there, and never a key.
func (m *Mesh) tellOn(i net.Interface) (Invite, bool) {
	local, err := i.Addrs()
	if err != nil {
		return Invite{}, false
	}
	all, err := dialableAddrs(m.host.Network())
	if err != nil {
		return Invite{}, false
	}
	there := slices.DeleteFunc(all, func(a ma.Multiaddr) bool {
		ip, err := manet.ToIP(a)
		return err != nil || ip.IsLoopback() || !slices.ContainsFunc(local, func(l net.Addr) bool {
			n, ok := l.(*net.IPNet)
			return ok && n.IP.Equal(ip)
		})
	})
	return Invite{Peer: peer.AddrInfo{ID: m.host.ID(), Addrs: there}}, len(there) > 0
}

// meetAll meets the peers heard of, eight at a time, until ctx ends.
func (m *Mesh) meetAll(ctx context.Context, heard <-chan peer.AddrInfo) {
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

// meet dials a peer heard of on the link. Anyone can claim any address there, so only those on our own links are dialled.
func (m *Mesh) meet(ctx context.Context, p peer.AddrInfo) {
	if p.ID == m.host.ID() || m.host.Network().Connectedness(p.ID) == network.Connected || !m.gate.open(p.ID) {
		return
	}
	if p.Addrs = onLink(p.Addrs); len(p.Addrs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	m.forgetFailures(p.ID)
	if err := m.host.Connect(ctx, p); err != nil {
		m.log.Debug("peer found on the link", "peer", p.ID, "err", err)
		return
	}
	m.foundBy(p.ID, "link")
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
