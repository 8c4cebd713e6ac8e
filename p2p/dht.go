package p2p

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	kbucket "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p-kbucket/peerdiversity"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// reprovideEvery is half of how long a provider record lives (48 h in kad-dht), with room for a missed turn.
	reprovideEvery = 22 * time.Hour
	// dhtTime bounds one look-up, and one announcement.
	dhtTime = 10 * time.Second
	// maxLookup is the size limit of a question to the DHT, in bytes: a key, or a record with some addresses.
	maxLookup = 16 << 10
	// One network of the Internet, a /16 of IPv4 or a /32 of IPv6, may have so many peers in a bucket of the routing table,
	// and in all of it.
	maxGroupOfBucket = 3
	maxGroupOfTable  = 12
	// maxProviders is how many holders a look-up asks for.
	maxProviders = 20
)

// newDHT keeps provider records only, under our own prefix, so that it never joins the public network. It serves from
// the start: waiting for a public address, as kad-dht does by itself, no node of a LAN would ever serve.
func newDHT(h host.Host) (*dht.IpfsDHT, error) {
	d, err := dht.New(foreign{Host: h, maxFrame: maxLookup, frames: &paces{perSecond: 200, burst: 800}},
		dht.Mode(dht.ModeServer),
		dht.ProtocolPrefix("/savoirs"),
		dht.Datastore(newProviderRecords()),
		dht.DisableValues(),
		dht.RoutingTablePeerDiversityFilter(diverse{dht.NewRTPeerDiversityFilter(h, maxGroupOfBucket, maxGroupOfTable)}),
		dht.RoutingTableRefreshPeriod(time.Hour),
	)
	if err != nil {
		return nil, fmt.Errorf("dht: %w", err)
	}
	return d, nil
}

// diverse keeps the routing table from being filled by one network of the Internet. On a LAN everybody is of one network,
// and there the limit does not hold.
type diverse struct {
	peerdiversity.PeerIPGroupFilter
}

// Allow is called for each group that an address of a peer belongs to.
func (d diverse) Allow(g peerdiversity.PeerGroupInfo) bool {
	ip := net.ParseIP(string(g.IPGroupKey))
	return ip != nil && (ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()) || d.PeerIPGroupFilter.Allow(g)
}

// Provide tells the DHT that this node holds root, now and again every day while Run runs. With nobody there to tell
// it returns nil; those that connect later ask us directly.
func (m *Mesh) Provide(ctx context.Context, root cid.Cid) error {
	m.mu.Lock()
	m.provided[root] = struct{}{}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, dhtTime)
	defer cancel()
	if err := m.dht.Provide(ctx, root, true); err != nil && !errors.Is(err, kbucket.ErrLookupFailure) {
		return fmt.Errorf("provide %s: %w", root, err)
	}
	return nil
}

// reprovide renews what Provide announced, as long as it is still in Options.Blocks.
func (m *Mesh) reprovide(ctx context.Context) {
	for pause(ctx, reprovideEvery) {
		m.mu.Lock()
		roots := make([]cid.Cid, 0, len(m.provided))
		for root := range m.provided {
			roots = append(roots, root)
		}
		m.mu.Unlock()
		for _, root := range roots {
			if held, err := m.opts.Blocks.Has(ctx, root); err == nil && !held {
				m.mu.Lock()
				delete(m.provided, root)
				m.mu.Unlock()
				continue
			}
			if err := m.Provide(ctx, root); err != nil {
				m.log.Debug("renew provider record", "err", err)
			}
		}
	}
}

// findInDHT calls found for each holder of root that the DHT names, until ctx ends or dhtTime has passed.
func (m *Mesh) findInDHT(ctx context.Context, root cid.Cid, found func(peer.ID)) {
	ctx, cancel := context.WithTimeout(ctx, dhtTime)
	defer cancel()
	for p := range m.dht.FindProvidersAsync(ctx, root, maxProviders) {
		if p.ID != m.host.ID() {
			found(p.ID)
		}
	}
}
