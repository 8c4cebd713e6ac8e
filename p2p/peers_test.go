package p2p

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestPeersShowHowTheyAreConnected(t *testing.T) {
	a := open(t, Options{Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	b := open(t, Options{})
	connect(t, b, a)
	eventually(t, "the other side knows", func() bool { return len(a.Peers()) == 1 && a.Peers()[0].Savoirs })
	pa, pb := a.Peers()[0], b.Peers()[0]
	if pa.ID != b.ID() || !pa.Inbound || pa.Transport != "quic" || pa.Since.IsZero() {
		t.Errorf("seen by the one that was dialled: %+v", pa)
	}
	if pb.ID != a.ID() || pb.Inbound || pb.Transport != "quic" || !pb.Savoirs || pb.Addr != a.host.Addrs()[0].String() {
		t.Errorf("seen by the one that dialled: %+v", pb)
	}
	text, err := json.Marshal(pb)
	if err != nil || !strings.Contains(string(text), a.ID().String()) {
		t.Errorf("as JSON: %s (%v)", text, err)
	}
}

func TestArrivedIsToldOnceForEachStay(t *testing.T) {
	arrived := make(chan peer.ID, 8)
	a := open(t, Options{Arrived: func(_ context.Context, p peer.ID) { arrived <- p }})
	early, late := open(t, Options{}), open(t, Options{})
	connect(t, early, a)
	run(t, a)
	if p := <-arrived; p != early.ID() {
		t.Errorf("first %s", p)
	}
	connect(t, late, a)
	if p := <-arrived; p != late.ID() {
		t.Errorf("then %s", p)
	}
	if err := a.host.Network().ClosePeer(early.ID()); err != nil {
		t.Fatal(err)
	}
	connect(t, a, early) // unless the DHT was faster
	if p := <-arrived; p != early.ID() {
		t.Errorf("again %s", p)
	}
	if len(arrived) != 0 {
		t.Errorf("%d arrivals too many", len(arrived))
	}
	if got := a.Peers()[0]; got.RTT == 0 {
		t.Errorf("no round trip: %+v", got)
	}
}

func TestRunWaitsForArrivedToReturn(t *testing.T) {
	in, release := make(chan struct{}), make(chan struct{})
	a := open(t, Options{Arrived: func(context.Context, peer.ID) {
		close(in)
		<-release
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	connect(t, open(t, Options{}), a)
	<-in
	cancel()
	select {
	case <-done:
		t.Error("it did not wait")
	case <-time.After(200 * time.Millisecond):
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAStaticPeerIsDialledAgainWhenItComesBack(t *testing.T) {
	key := newKey(t)
	a := open(t, Options{Key: key})
	target := info(a)
	b := open(t, Options{Static: []peer.AddrInfo{target}})
	run(t, b)
	eventually(t, "the first dial", func() bool { return linked(a, b) })
	a.Close()
	eventually(t, "it is gone", func() bool { return len(b.Peers()) == 0 })
	again := open(t, Options{Key: key, Listen: []string{target.Addrs[0].String()}})
	eventually(t, "the redial", func() bool { return linked(again, b) })
}

func TestAPeerKeptWhileRunningIsDialledAgainWhenItComesBack(t *testing.T) {
	key := newKey(t)
	a, c := open(t, Options{Key: key}), open(t, Options{})
	target := info(a)
	b := open(t, Options{Static: []peer.AddrInfo{info(c)}})
	run(t, b)
	eventually(t, "b runs", func() bool { return linked(c, b) })
	b.Keep(target)
	b.Keep(target)
	eventually(t, "the first dial", func() bool { return linked(a, b) })
	a.Close()
	eventually(t, "it is gone", func() bool { return !linked(b, a) })
	again := open(t, Options{Key: key, Listen: []string{target.Addrs[0].String()}})
	eventually(t, "the redial", func() bool { return linked(again, b) })
}

func TestAKeptPeerIsDialledOftenAtFirstAndSeldomLater(t *testing.T) {
	for _, c := range []struct{ away, limit, wait time.Duration }{
		{0, 3 * time.Second, time.Second},
		{59 * time.Second, 3 * time.Second, 2950 * time.Millisecond},
		{10 * time.Minute, 15 * time.Second, 30 * time.Second},
		{30 * 24 * time.Hour, 15 * time.Second, time.Minute},
	} {
		if limit, wait := redial(c.away); limit != c.limit || wait != c.wait {
			t.Errorf("away for %s: a dial of %s every %s", c.away, limit, wait)
		}
	}
}

// linked tells whether a has a connection to b. (How many it has in all says nothing: where three know one another, the
// DHT soon connects each to each.)
func linked(a, b *Mesh) bool { return a.host.Network().Connectedness(b.ID()) == network.Connected }

func TestABlockedPeerIsRefusedBothWays(t *testing.T) {
	a, b := open(t, Options{}), open(t, Options{})
	connect(t, a, b)
	a.Block(b.ID())
	eventually(t, "the connection is closed", func() bool { return len(a.Peers()) == 0 && len(b.Peers()) == 0 })
	is(t, a.Connect(t.Context(), info(b)), ErrBlocked)
	_, err := Call[int, int](t.Context(), a, b.ID(), "any", Limit{}, 1)
	is(t, err, ErrBlocked)
	if err := b.Connect(t.Context(), info(a)); err == nil { // the dialler learns of it a moment later
		eventually(t, "b is thrown out", func() bool { return len(b.Peers()) == 0 })
	}
	if len(a.Peers()) != 0 {
		t.Error("a blocked peer got in")
	}
	if got := a.Blocked(); len(got) != 1 || got[0] != b.ID() {
		t.Errorf("blocked: %v", got)
	}
	a.Unblock(b.ID())
	connect(t, a, b)

	c := open(t, Options{Blocked: []peer.ID{b.ID()}})
	is(t, c.Connect(t.Context(), info(b)), ErrBlocked)
}

func TestConnectingToNobodyIsUnreachable(t *testing.T) {
	a, b := open(t, Options{}), open(t, Options{})
	target := info(b)
	b.Close()
	is(t, a.Connect(t.Context(), target), ErrUnreachable)
}
