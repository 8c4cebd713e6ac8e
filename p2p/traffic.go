package p2p

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Flow counts bytes on streams, without what encryption and the network add: some 3 % for bulk, more for small messages.
type Flow struct {
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

// Flows are the bytes of each class of traffic.
type Flows struct {
	Bulk      Flow `json:"bulk"`      // the content of items
	Catalogue Flow `json:"catalogue"` // entries, news, who holds what
	Discovery Flow `json:"discovery"` // who is there and where, also the DHT
	Search    Flow `json:"search"`    // questions and passages
	Other     Flow `json:"other"`
}

// PeerFlows are the Flows of one peer.
type PeerFlows struct {
	Peer peer.ID `json:"peer"`
	Flows
}

// Traffic is what has passed since Open.
type Traffic struct {
	Total Flows `json:"total"`
	// Peers are those that traffic was exchanged with, the most first; of thousands some are forgotten.
	Peers []PeerFlows `json:"peers"`
}

// Traffic tells what has passed since Open. What multicast discovery sends is not in it.
func (m *Mesh) Traffic() Traffic { return m.meter.traffic() }

type class int

const (
	bulk class = iota
	catalogue
	discovery
	search
	other
	classes
)

// classOf knows protocols of IPFS and libp2p too, and calls that are registered elsewhere.
func classOf(id protocol.ID) class {
	under := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(string(id), p) })
	}
	switch {
	case under(protoCAR, "/ipfs/bitswap"):
		return bulk
	case under("/meshsub/", "/floodsub/", protoPrefix+"catalogue/", protoPrefix+"holding/", protoPrefix+"keeping/"):
		return catalogue
	case under("/ipfs/id/", "/ipfs/ping/", protoPrefix+"kad/", protoPrefix+holdsName+"/"):
		return discovery
	case under(protoPrefix+"search/", protoPrefix+"passages/", protoPrefix+"codes/"):
		return search
	}
	return other
}

// maxMetered is how many peers are counted apart.
const maxMetered = 1024

// meter is the metrics.Reporter of the host. It only counts, and so costs nothing while nothing passes.
type meter struct {
	total counters

	mu    sync.RWMutex // guards peers, not what they count
	peers map[peer.ID]*counters
}

type counters [classes]struct{ sent, received atomic.Int64 }

func newMeter() *meter { return &meter{peers: map[peer.ID]*counters{}} }

// LogSentMessageStream counts what was written to a stream.
func (m *meter) LogSentMessageStream(n int64, id protocol.ID, p peer.ID) {
	c := classOf(id)
	m.total[c].sent.Add(n)
	m.of(p)[c].sent.Add(n)
}

// LogRecvMessageStream counts what was read from a stream.
func (m *meter) LogRecvMessageStream(n int64, id protocol.ID, p peer.ID) {
	c := classOf(id)
	m.total[c].received.Add(n)
	m.of(p)[c].received.Add(n)
}

func (m *meter) of(p peer.ID) *counters {
	m.mu.RLock()
	c := m.peers[p]
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c = m.peers[p]; c == nil {
		if len(m.peers) >= maxMetered {
			for forgotten := range m.peers {
				delete(m.peers, forgotten)
				break
			}
		}
		c = new(counters)
		m.peers[p] = c
	}
	return c
}

func (m *meter) traffic() Traffic {
	t := Traffic{Total: m.total.flows(), Peers: []PeerFlows{}}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for p, c := range m.peers {
		t.Peers = append(t.Peers, PeerFlows{Peer: p, Flows: c.flows()})
	}
	slices.SortFunc(t.Peers, func(a, b PeerFlows) int {
		return cmp.Or(cmp.Compare(b.bytes(), a.bytes()), cmp.Compare(a.Peer, b.Peer))
	})
	return t
}

func (c *counters) flows() Flows {
	flow := func(of class) Flow { return Flow{Sent: c[of].sent.Load(), Received: c[of].received.Load()} }
	return Flows{Bulk: flow(bulk), Catalogue: flow(catalogue), Discovery: flow(discovery), Search: flow(search), Other: flow(other)}
}

// Sum adds all classes.
func (f Flows) Sum() (sum Flow) {
	for _, c := range []Flow{f.Bulk, f.Catalogue, f.Discovery, f.Search, f.Other} {
		sum.Sent += c.Sent
		sum.Received += c.Received
	}
	return sum
}

func (f Flows) bytes() int64 { return f.Sum().Sent + f.Sum().Received }

// What follows completes metrics.Reporter; nobody asks for it.

func (*meter) LogSentMessage(int64)                                  {}
func (*meter) LogRecvMessage(int64)                                  {}
func (*meter) GetBandwidthForPeer(peer.ID) (s metrics.Stats)         { return s }
func (*meter) GetBandwidthForProtocol(protocol.ID) (s metrics.Stats) { return s }
func (*meter) GetBandwidthTotals() (s metrics.Stats)                 { return s }
func (*meter) GetBandwidthByPeer() map[peer.ID]metrics.Stats         { return nil }
func (*meter) GetBandwidthByProtocol() map[protocol.ID]metrics.Stats { return nil }
func (*meter) Reset()                                                {}
func (*meter) TrimIdle(time.Time)                                    {}
