package p2p

import (
	"context"
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

func TestTrafficIsCountedByClassAndPeer(t *testing.T) {
	a, _, root, size := holder(t, 1<<20)
	b := open(t, Options{})
	Handle(a, "catalogue", Limit{}, func(_ context.Context, _ peer.ID, q string) (string, error) { return q, nil })
	connect(t, b, a)
	if err := b.Fetch(t.Context(), root, newMemory(), FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	news := string(make([]byte, 10_000))
	if _, err := Call[string, string](t.Context(), b, a.ID(), "catalogue", Limit{}, news); err != nil {
		t.Fatal(err)
	}
	got := b.Traffic()
	within := func(what string, n, least int64) {
		if n < least || n > least*11/10 {
			t.Errorf("%s: %d bytes, want at least %d and not much more", what, n, least)
		}
	}
	within("bulk received", got.Total.Bulk.Received, size)
	within("catalogue sent", got.Total.Catalogue.Sent, 10_000)
	within("catalogue received", got.Total.Catalogue.Received, 10_000)
	if d := got.Total.Discovery; d.Sent == 0 || d.Received == 0 {
		t.Errorf("discovery: %+v", d)
	}
	if len(got.Peers) != 1 || got.Peers[0].Peer != a.ID() || got.Peers[0].Flows != got.Total {
		t.Errorf("all of it was with one peer: %+v", got)
	}
	if sent := a.Traffic().Total.Bulk.Sent; sent < size {
		t.Errorf("the other side says it sent %d", sent)
	}
}

func TestEveryProtocolHasItsClass(t *testing.T) {
	for id, want := range map[protocol.ID]class{
		protoCAR: bulk, "/ipfs/bitswap/1.2.0": bulk,
		"/meshsub/1.2.0": catalogue, callProtocol("catalogue"): catalogue, callProtocol("holding"): catalogue,
		"/savoirs/kad/1.0.0": discovery, "/ipfs/id/1.0.0": discovery, callProtocol(holdsName): discovery,
		callProtocol("search"): search, "": other, "/x": other,
	} {
		if got := classOf(id); got != want {
			t.Errorf("%s is counted as %d, want %d", id, got, want)
		}
	}
}

func TestCountingManyPeersTakesLittleMemory(t *testing.T) {
	m := newMeter()
	for i := range 2 * maxMetered {
		m.LogSentMessageStream(1, protoCAR, peer.ID(fmt.Sprint(i)))
	}
	got := m.traffic()
	if len(got.Peers) > maxMetered || got.Total.Bulk.Sent != 2*maxMetered {
		t.Errorf("%d peers, %d bytes", len(got.Peers), got.Total.Bulk.Sent)
	}
}
