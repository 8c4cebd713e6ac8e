package p2p

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	madns "github.com/multiformats/go-multiaddr-dns"
)

// noNames resolves no address heard from a peer: a stranger must not make this node ask a name server. Names a person
// typed are resolved by resolveNames.
type noNames struct{}

var errName = errors.New("names in addresses of peers are not resolved")

func (noNames) ResolveDNSAddr(context.Context, peer.ID, ma.Multiaddr, int, int) ([]ma.Multiaddr, error) {
	return nil, errName
}

func (noNames) ResolveDNSComponent(context.Context, ma.Multiaddr, int) ([]ma.Multiaddr, error) {
	return nil, errName
}

// resolveNames replaces the names in addresses that a person gave by what they stand for, at most eight each.
func resolveNames(ctx context.Context, p peer.AddrInfo) (peer.AddrInfo, error) {
	out := peer.AddrInfo{ID: p.ID}
	var failed error
	for _, a := range p.Addrs {
		if !madns.Matches(a) {
			out.Addrs = append(out.Addrs, a)
			continue
		}
		found, err := madns.DefaultResolver.Resolve(ctx, a)
		if err != nil {
			failed = fmt.Errorf("resolve %s: %w", a, err)
			continue
		}
		out.Addrs = append(out.Addrs, found[:min(len(found), 8)]...)
	}
	if len(out.Addrs) == 0 && failed != nil {
		return out, failed
	}
	return out, nil
}
