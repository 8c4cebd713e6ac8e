package p2p

import (
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// house decides who stays when strangers fill the node. Friends always have room. Beyond houseFull inbound connections,
// each that comes sends one away: the youngest of the most crowded neighbourhood, which in a flood is one of the flood, and
// never somebody who came alone.
type house struct {
	host  host.Host
	allow *rcmgr.Allowlist
	full  int // inbound connections

	mu      sync.Mutex // guards what follows
	friends map[peer.ID]struct{}
	earned  []peer.ID // friends by what they delivered, the latest last
}

const (
	houseFull  = 144
	maxFriends = 1024
	// Few enough that strangers who deliver, or whom a poisoned look-up made us dial, to become friends do not fill the house.
	maxEarned     = 32
	maxOldFriends = 64
)

func newHouse(h host.Host) *house {
	hs := &house{host: h, allow: rcmgr.GetAllowlist(h.Network().ResourceManager()), full: houseFull, friends: map[peer.ID]struct{}{}}
	h.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.Stat().Direction == network.DirInbound {
			hs.makeRoom()
		}
	}})
	return hs
}

// befriend keeps room for a peer that is known to be good: one a person named, or one remembered. Its
// addresses, and those beside them, may also knock when all that may knock at once do; without any, none are added.
func (hs *house) befriend(p peer.AddrInfo) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if len(hs.friends) >= maxFriends {
		return
	}
	hs.friends[p.ID] = struct{}{}
	hs.host.ConnManager().Protect(p.ID, "friend")
	for _, a := range p.Addrs[:min(len(p.Addrs), 8)] {
		if beside, err := besides(p.ID, a); err == nil && hs.allow != nil {
			hs.allow.Add(beside)
		}
	}
}

// knows tells whether p is a friend.
func (hs *house) knows(p peer.ID) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	_, friend := hs.friends[p]
	return friend
}

// recall befriends the peers remembered that this node has once reached itself, the first of them: whoever has only come may
// be any of a crowd.
func (hs *house) recall(met []Remembered) {
	left := maxOldFriends
	for _, r := range met {
		if !r.Came && left > 0 {
			hs.befriend(r.info())
			left--
		}
	}
}

// delivered makes a friend of a peer that brought something that was asked for, until maxEarned others have.
func (hs *house) delivered(p peer.ID) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if _, friend := hs.friends[p]; friend {
		return
	}
	if len(hs.earned) == maxEarned {
		delete(hs.friends, hs.earned[0])
		hs.host.ConnManager().Unprotect(hs.earned[0], "friend")
		hs.earned = hs.earned[1:]
	}
	hs.earned = append(hs.earned, p)
	hs.friends[p] = struct{}{}
	hs.host.ConnManager().Protect(p, "friend")
}

// besides is where p may come from when it is at home at a: leases move within a network.
func besides(p peer.ID, a ma.Multiaddr) (ma.Multiaddr, error) {
	ip, err := manet.ToIP(a)
	if err != nil {
		return nil, err
	}
	home, err := manet.FromIP(ip)
	if err != nil {
		return nil, err
	}
	bits := "/ipcidr/64"
	if ip.To4() != nil {
		bits = "/ipcidr/24"
	}
	return ma.NewMultiaddr(home.String() + bits + "/p2p/" + p.String())
}

// makeRoom closes connections until the house is not too full.
func (hs *house) makeRoom() {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	crowds := map[string][]network.Conn{} // of strangers, by where they come from
	n := 0
	for _, c := range hs.host.Network().Conns() {
		if c.Stat().Direction != network.DirInbound || c.IsClosed() {
			continue
		}
		n++
		if _, friend := hs.friends[c.RemotePeer()]; !friend {
			who := neighbourhood(c)
			crowds[who] = append(crowds[who], c)
		}
	}
	for _, conns := range crowds {
		slices.SortFunc(conns, func(a, b network.Conn) int { return a.Stat().Opened.Compare(b.Stat().Opened) })
	}
	for ; n > hs.full; n-- {
		crowd := mostCrowded(crowds)
		if crowd == "" {
			return // friends only
		}
		last := len(crowds[crowd]) - 1
		go crowds[crowd][last].Close() // beside: one who reads nothing can keep even this waiting
		crowds[crowd] = crowds[crowd][:last]
	}
}

// mostCrowded names the largest of the crowds, of which the youngest is last; among equals, that with the youngest.
func mostCrowded(crowds map[string][]network.Conn) (most string) {
	for who, conns := range crowds {
		than := crowds[most]
		if len(conns) > len(than) || len(conns) == len(than) && len(conns) > 0 &&
			conns[len(conns)-1].Stat().Opened.After(than[len(than)-1].Stat().Opened) {
			most = who
		}
	}
	return most
}
