// Package attacktest makes peers that do what no honest one does: knock without end, drip, flood, lie. Tests and the bench
// set them on a node of ours, on loopback or in network namespaces of their own making, and nowhere else.
//
// It is test code: nothing that is shipped imports it, and it imports nothing of ours, so that it speaks the protocols as a
// stranger would have to.
package attacktest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// Target is whom to attack, and what it offers or asks for.
type Target struct {
	peer.AddrInfo
	Root cid.Cid
}

// Attack is one way to be a nuisance. Run does it with n hands at once until ctx ends, and returns then. That it is
// refused is what it expects: an error is its own.
type Attack struct {
	Name string
	Run  func(ctx context.Context, t Target, n int) error
}

// All are the attacks by strangers who ask of the target what it gives.
func All() []Attack {
	return []Attack{
		{"identities", Identities},
		{"handshakes", SlowHandshakes},
		{"slow", SlowFrames},
		{"oversized", OversizedFrames},
		{"unread", UnreadAnswers},
		{"streams", Streams},
		{"gossip", Gossip},
		{"heads", Heads},
		{"bitswap", UnaskedBlocks},
		{"records", ProviderRecords},
		{"entries", Entries}, // last: what it brings stays
	}
}

// Giving are the attacks by strangers who offer something: the target is to fetch the item of its root from an honest node
// meanwhile, and those it is offered.
func Giving() []Attack {
	return []Attack{
		{"liars", Liars},
		{"shapes", Shapes},
	}
}

// NewKey makes an identity.
func NewKey() (crypto.PrivKey, error) {
	k, _, err := crypto.GenerateEd25519Key(rand.Reader)
	return k, err
}

// NewPeer makes a host without limits and with an identity of its own, that listens where it is told, if at all.
func NewPeer(listen ...string) (host.Host, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	return newPeer(key, listen...)
}

func newPeer(key crypto.PrivKey, listen ...string) (host.Host, error) {
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.NoListenAddrs,
		libp2p.ListenAddrStrings(listen...),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.DisableIdentifyAddressDiscovery(), libp2p.ForceReachabilityPrivate(),
	)
	if err != nil {
		return nil, fmt.Errorf("attacker: %w", err)
	}
	return h, nil
}

// hands calls f in n goroutines, each again and again, until ctx ends. Its errors are refusals; one that comes at once is
// followed by a short rest, so that an attacker who is kept out does not only burn time.
func hands(ctx context.Context, n int, f func(context.Context) error) error {
	var working sync.WaitGroup
	for range n {
		working.Go(func() {
			for ctx.Err() == nil {
				if f(ctx) != nil {
					rest(ctx, 20*time.Millisecond)
				}
			}
		})
	}
	working.Wait()
	return nil
}

// rest waits, and returns early when ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// intrude connects a fresh peer to the target, calls f with it and closes it.
func intrude(ctx context.Context, t Target, f func(host.Host) error) error {
	return appear(ctx, t, func(host.Host) {}, f)
}

// appear is intrude for a peer that is prepared before it connects, with what it answers.
func appear(ctx context.Context, t Target, prepare func(host.Host), f func(host.Host) error) error {
	h, err := NewPeer()
	if err != nil {
		return err
	}
	defer h.Close()
	prepare(h)
	dialling, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := h.Connect(dialling, t.AddrInfo); err != nil {
		return err
	}
	return f(h)
}

// stay waits until the target hangs up or ctx ends.
func stay(ctx context.Context, h host.Host, t Target) error {
	for ctx.Err() == nil && connected(h, t) == nil {
		rest(ctx, 200*time.Millisecond)
	}
	return connected(h, t)
}

// served lists the protocols that the target says it speaks.
func served(h host.Host, t Target) []protocol.ID {
	all, err := h.Peerstore().GetProtocols(t.ID)
	if err != nil || len(all) == 0 {
		return []protocol.ID{identify.ID}
	}
	return all
}

// errCut says that the target hung up.
var errCut = errors.New("the target hung up")

// connected tells whether the target still bears with h.
func connected(h host.Host, t Target) error {
	if h.Network().Connectedness(t.ID) != network.Connected {
		return errCut
	}
	return nil
}

// familiar tells whether a protocol is a call of ours: one question in a frame, one answer.
func familiar(id protocol.ID) bool { return strings.HasPrefix(string(id), "/savoirs/") }
