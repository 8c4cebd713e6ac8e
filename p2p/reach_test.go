package p2p

import (
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p/linktest"
)

func TestAPeerMetOverQUICIsFetchedFromOverTCP(t *testing.T) {
	store := newMemory()
	root := addFile(t, store, random(1, 1<<20), 64<<10, 32)
	a := open(t, Options{Blocks: store, Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}})
	b := open(t, Options{})
	quic := peer.AddrInfo{ID: a.ID()}
	for _, addr := range info(a).Addrs {
		if transportOf(addr) == "quic" {
			quic.Addrs = []ma.Multiaddr{addr}
		}
	}
	if err := b.Connect(t.Context(), quic); err != nil {
		t.Fatal(err)
	}
	if got := b.Peers()[0].Transport; got != "quic" {
		t.Fatalf("met over %s", got)
	}
	if err := b.Fetch(t.Context(), root, newMemory(), FetchOptions{From: []peer.ID{a.ID()}}); err != nil {
		t.Fatal(err)
	}
	if got := b.Peers()[0].Transport; got != "tcp" {
		t.Errorf("fetched over %s", got)
	}
}

func TestAPeerWithoutTCPStaysOnQUIC(t *testing.T) {
	store := newMemory()
	root := addFile(t, store, random(1, 1<<20), 64<<10, 32)
	a := open(t, Options{Blocks: store, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	b := open(t, Options{})
	connect(t, b, a)
	before := b.Peers()[0].Since
	b.host.Peerstore().AddAddr(a.ID(), ma.StringCast("/ip4/127.0.0.1/tcp/1"), time.Hour) // where nobody listens
	if err := b.Fetch(t.Context(), root, newMemory(), FetchOptions{From: []peer.ID{a.ID()}}); err != nil {
		t.Fatal(err)
	}
	if got := b.Peers()[0]; got.Transport != "quic" || got.Since != before {
		t.Errorf("the connection was given up for %+v", got)
	}
}

func TestAFetchGoesOnSoonAfterItsCableWasCut(t *testing.T) {
	t.Parallel()
	f := transfer{
		net:        linkedHosts(t, linktest.Link{Mbit: 20, Delay: 15 * time.Millisecond, Loss: .01}, linktest.Link{}),
		transports: "tcp+quic", bytes: 2 << 20,
	}
	f.during = func(t *testing.T) { cut(t, f.net.Host(0), 400*time.Millisecond, 3500*time.Millisecond) }
	took, transport := f.run(t, 2, time.Minute)
	t.Logf("%s by %s", took, transport)
}
