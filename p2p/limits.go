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

// The limits fit a board with 1 GiB and a school of some hundred nodes that share one IPv4 address and come back
// together after a power cut. They do not grow with the machine.
const (
	connsInbound   = 192
	connsPerSubnet = 160
	// A whole school reconnects at once (burst), then at a pace that a flood of fresh identities cannot exceed.
	connsBurst     = 160
	connsPerSecond = 4
)

func newResourceManager() (network.ResourceManager, error) {
	l := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&l)
	l.SystemBaseLimit.ConnsInbound = connsInbound
	l.SystemBaseLimit.ConnsOutbound = 128
	l.SystemBaseLimit.Conns = 256
	l.SystemBaseLimit.FD = 512
	l.TransientBaseLimit.ConnsInbound = 128
	l.TransientBaseLimit.Conns = 160
	l.TransientBaseLimit.FD = 160
	l.AddProtocolLimit(protoCAR, rcmgr.BaseLimit{
		StreamsInbound: 64, StreamsOutbound: 64, Streams: 128, Memory: 64 << 20,
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
