package attacktest

import (
	"context"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Identities comes as n peers at once, each of which stays for as long as it is let and then comes back as another.
func Identities(ctx context.Context, t Target, n int) error {
	return hands(ctx, n, func(ctx context.Context) error {
		return intrude(ctx, t, func(h host.Host) error { return stay(ctx, h, t) })
	})
}

// SlowHandshakes opens n TCP connections and says hello a byte a second.
func SlowHandshakes(ctx context.Context, t Target, n int) error {
	_, address, err := manet.DialArgs(t.Addrs[0])
	if err != nil {
		return err
	}
	hello := []byte("\x13/multistream/1.0.0\n\x07/noise\n")
	return hands(ctx, n, func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		for _, b := range hello {
			if _, err := c.Write([]byte{b}); err != nil {
				return err
			}
			rest(ctx, time.Second)
		}
		return nil
	})
}
