// Package p2p connects this node to the others: it finds them, keeps the connections, carries one-question calls and
// news between them, and brings items over.
//
// It knows nothing of items, entries or passages. Content is a boxo blockstore given to it (Options.Blocks), and whatever
// is in there anyone may read; what must stay at home is simply not in it. It does not decide what is worth having,
// does not keep anything on disk (what it should remember is given back to it at Open), and speaks to no server, relay or bootstrap node of anybody.
//
// Start with [Open], register calls with [Handle], then [Mesh.Run]. After that [Call] asks a peer, [Mesh.Announce] tells
// everybody, and [Mesh.Fetch] brings an item by its root.
package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Options says what a Mesh is made of. Key, Listen and Blocks are required; the zero value of the rest is useful.
type Options struct {
	// Key is the identity of the node, an ed25519 key.
	Key crypto.PrivKey

	// Listen holds multiaddrs such as /ip4/0.0.0.0/tcp/4117 and /ip4/0.0.0.0/udp/4117/quic-v1. When all are loopback
	// and MDNS is false, nothing leaves loopback: other addresses are not even dialled.
	Listen []string

	// Blocks is what anyone may read. It must hash on read; the mesh only reads from it.
	Blocks blockstore.Blockstore

	// Static peers are dialled when Run starts and redialled for as long as it runs.
	Static []peer.AddrInfo

	// Remembered peers were met in an earlier run; they are looked for at the start and when this node is alone. The last
	// met comes first.
	Remembered []Remembered

	// MDNS finds peers on the same link by multicast, under a service tag of our own.
	MDNS bool

	// Closed is the key of the closed mesh this node is in; the zero key stands for an open one.
	Closed MeshKey

	// Blocked peers can neither dial nor be dialled.
	Blocked []peer.ID

	// Arrived is called, in its own goroutine, once for each peer that becomes connected and identified, whatever it
	// speaks (see Peer.Savoirs), and again when it comes back. Its context ends with Run, and Run waits for it.
	Arrived func(ctx context.Context, p peer.ID)

	// Head is called for a head heard on gossip, at most MaxHead bytes, from the neighbour that passed it on (who is not
	// always its author). False means invalid: it goes no further and that neighbour is scored down. It is called
	// concurrently and has five seconds.
	Head func(ctx context.Context, from peer.ID, data []byte) bool

	// Faulted is told of each fault of a peer, in the goroutine that found it and maybe before Open returns. True blocks
	// the peer, see Block; else it is refused for ten minutes.
	Faulted func(Fault) bool

	// Log receives what an operator would want to know; nil discards.
	Log *slog.Logger
}

var (
	// ErrBusy is returned by Open when an address of Options.Listen is taken; the error names it.
	ErrBusy = errors.New("address already in use")
	// ErrUnreachable means that a peer could not be asked, or did not answer as agreed.
	ErrUnreachable = errors.New("peer unreachable")
	// ErrBlocked means that the peer is on the block list.
	ErrBlocked = errors.New("peer is blocked")
)

// Mesh is this node among the others. All methods may be called concurrently.
type Mesh struct {
	opts    Options
	log     *slog.Logger
	gate    *gate
	circle  *circle
	host    host.Host
	dht     *dht.IpfsDHT
	bitswap *sleeper
	heads   *pubsub.Topic
	faults  faultLog
	house   *house
	wanted  wanted
	pacing  *pacing
	meter   *meter
	ahead   chan struct{} // one for each block that is read before its turn, for all answers together

	look  wake // asks again who is on the link
	met   acquaintances
	moves signal // told when the network of this machine changed

	// within gives a context that ends after d or when the mesh closes, for work that begins with a peer.
	within func(d time.Duration) (context.Context, context.CancelFunc)
	stop   context.CancelFunc

	mu       sync.Mutex // guards closed, provided, kept, triedTCP, keep
	closed   bool
	provided map[cid.Cid]struct{}
	kept     []peer.AddrInfo
	triedTCP map[peer.ID]time.Time // when a peer on QUIC was last tried over TCP
	keep     func(peer.AddrInfo)   // starts keeping one more; nil while Run does not run
	handlers sync.WaitGroup        // Add only while mu is held and closed is false
}

// Open starts listening and answering on every address of o.Listen, or fails with ErrBusy naming the one that is taken.
// Peers may connect from then on, but none is looked for until Run.
func Open(o Options) (*Mesh, error) {
	if o.Key == nil || o.Blocks == nil || len(o.Listen) == 0 {
		return nil, errors.New("open mesh: Key, Blocks and Listen are required")
	}
	listen := make([]ma.Multiaddr, 0, len(o.Listen))
	for _, s := range o.Listen {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: %w", s, err)
		}
		listen = append(listen, a)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	circle := newCircle(o.Closed)
	m := &Mesh{
		opts:     o,
		kept:     slices.Clone(o.Static),
		log:      o.Log,
		gate:     newGate(o.Blocked, allLoopback(listen) && !o.MDNS, circle),
		circle:   circle,
		look:     make(wake, 1),
		met:      acquaintances{peers: slices.Clone(o.Remembered[:min(len(o.Remembered), maxRemembered)])},
		stop:     stop,
		pacing:   newPacing(),
		meter:    newMeter(),
		triedTCP: map[peer.ID]time.Time{},
		ahead:    make(chan struct{}, sharedAhead),
		provided: map[cid.Cid]struct{}{},
		within: func(d time.Duration) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, d)
		},
	}
	if err := m.open(ctx, listen); err != nil {
		m.Close()
		return nil, fmt.Errorf("open mesh: %w", err)
	}
	return m, nil
}

// open builds the parts in the order they need one another and listens last, so that no peer meets half a node.
func (m *Mesh) open(ctx context.Context, listen []ma.Multiaddr) (err error) {
	if m.host, err = newHost(m.opts.Key, m.gate, m.meter); err != nil {
		return err
	}
	m.house = newHouse(m.host)
	for _, p := range m.opts.Static {
		m.house.befriend(p)
	}
	m.house.recall(m.met.peers)
	if m.dht, err = newDHT(m.host); err != nil {
		return err
	}
	if m.heads, err = m.joinHeads(ctx); err != nil {
		return err
	}
	m.bitswap = newSleeper(m.host, func(h host.Host) *bitswap.Bitswap { return m.newBitswap(ctx, h) })
	m.serveCAR()
	m.serveHolds()
	for _, a := range listen {
		if err := listenOn(m.host, a); err != nil {
			return err
		}
	}
	m.log.Info("listening", "peer", m.host.ID(), "addrs", m.host.Addrs(), "congestion", m.Congestion())
	return nil
}

// Run looks for peers, keeps static ones connected and reports arrivals, until ctx ends; it then returns nil after
// everything it started has ended. It is called once.
func (m *Mesh) Run(ctx context.Context) error {
	arrivals, err := m.watchArrivals()
	if err != nil {
		return fmt.Errorf("run mesh: %w", err)
	}
	defer arrivals.Close()
	unrelay, err := m.heads.Relay()
	if err != nil {
		return fmt.Errorf("run mesh: %w", err)
	}
	defer unrelay()

	var running sync.WaitGroup
	running.Go(func() { m.reportArrivals(ctx, arrivals) })
	running.Go(func() { m.reprovide(ctx) })
	running.Go(func() { m.roam(ctx) })
	running.Go(func() { m.dropOlder(ctx) })
	running.Go(func() { m.reunite(ctx) })
	keepNoMore := m.keepAll(func(p peer.AddrInfo) { running.Go(func() { m.keepConnected(ctx, p) }) })
	if m.opts.MDNS {
		running.Go(func() { m.discover(ctx) })
	}
	<-ctx.Done()
	keepNoMore() // nothing is started once it is waited for
	running.Wait()
	return nil
}

// Close ends all connections and waits for the calls being answered. It may be called twice and on a half-open Mesh.
func (m *Mesh) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.mu.Unlock()

	m.stop()
	var errs []error
	if m.bitswap != nil {
		errs = append(errs, m.bitswap.close())
	}
	if m.dht != nil {
		errs = append(errs, m.dht.Close())
	}
	if m.host != nil {
		errs = append(errs, m.host.Close())
	}
	m.handlers.Wait()
	return errors.Join(errs...)
}

// ID is the identity of this node.
func (m *Mesh) ID() peer.ID { return m.host.ID() }

// Addrs are the addresses this node listens on, each ending in /p2p/<ID>.
func (m *Mesh) Addrs() []ma.Multiaddr {
	addrs, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(m.host))
	if err != nil {
		panic(err) // a host always has an ID
	}
	return addrs
}
