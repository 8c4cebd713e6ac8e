package p2p

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/x/rate"
)

// The limits fit a board with 1 GiB, or 256 MiB for this process alone, and a school of some hundred nodes that share one
// IPv4 address and come back together after a power cut. They do not grow with the machine.
const (
	// connsInbound counts those that have only knocked, of which a handshake may take fifteen seconds; how many stay is
	// decided by house.
	connsInbound   = 320
	connsKnocking  = 256
	connsPerSubnet = 160
	// A whole school reconnects at once (burst), then at a pace that a flood of fresh identities cannot exceed.
	connsBurst     = 160
	connsPerSecond = 4

	systemMemory = 224 << 20 // of windows, which count whole and are mostly empty, and of messages under way
	callMemory   = 24 << 20  // of questions and messages of one protocol
)

func newResourceManager() (network.ResourceManager, error) {
	l := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&l)
	l.SystemBaseLimit.ConnsInbound = connsInbound
	l.SystemBaseLimit.ConnsOutbound = 128
	l.SystemBaseLimit.Conns = 384
	l.SystemBaseLimit.FD = 512
	l.SystemBaseLimit.StreamsInbound = 2048 // seats decide who has one of streamsAtOnce; the rest are on their way out
	l.SystemBaseLimit.Streams = 3072
	l.SystemBaseLimit.Memory = systemMemory
	l.TransientBaseLimit.ConnsInbound = connsKnocking
	l.TransientBaseLimit.Conns = connsKnocking + 64
	l.TransientBaseLimit.FD = connsKnocking + 64
	l.TransientBaseLimit.StreamsInbound = 2048
	l.TransientBaseLimit.Streams = 2304
	l.TransientBaseLimit.Memory = systemMemory
	// For friends, beside the above, see house.
	l.AllowlistedSystemBaseLimit.ConnsInbound = 64
	l.AllowlistedTransientBaseLimit.ConnsInbound = 32
	l.PeerBaseLimit.StreamsInbound = bitswapStreams + 64

	l.ProtocolBaseLimit.StreamsInbound = 192
	l.ProtocolBaseLimit.Memory = callMemory
	l.ProtocolPeerBaseLimit.StreamsInbound = 16
	l.ProtocolPeerBaseLimit.Memory = 2*maxBlock + 1<<20 // one bitswap message, read and copied
	for _, id := range bitswapProtocols {
		l.AddProtocolPeerLimit(id, rcmgr.BaseLimit{
			StreamsInbound: bitswapStreams, StreamsOutbound: 64, Streams: bitswapStreams + 64,
			Memory: l.ProtocolPeerBaseLimit.Memory,
		}, rcmgr.BaseLimitIncrease{})
	}
	l.AddProtocolLimit(protoCAR, rcmgr.BaseLimit{
		StreamsInbound: 192, StreamsOutbound: 64, Streams: 192, Memory: (servedAtOnce + 16) << 20, // a block of 1 MiB each
	}, rcmgr.BaseLimitIncrease{})
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(l.Scale(0, 0)),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerSubnet}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 64, ConnCount: connsPerSubnet}},
		),
		rcmgr.WithConnRateLimiters(newConnRate()),
	)
}

func newConnRate() *rate.Limiter {
	perSubnet := rate.Limit{RPS: connsPerSecond, Burst: connsBurst}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
			{Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: perSubnet}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 64, Limit: perSubnet}},
			GracePeriod:      time.Minute,
		},
	}
}

// newConnManager trims down to 128 connections once there are more than 160, sparing static peers and the young.
func newConnManager() (*connmgr.BasicConnMgr, error) {
	return connmgr.NewConnManager(128, 160, connmgr.WithGracePeriod(time.Minute))
}
