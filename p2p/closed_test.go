package p2p

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
)

const (
	onTCP  = "/ip4/127.0.0.1/tcp/0"
	onQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
)

// tryBothWays lets each dial the other for a moment and returns whether they are connected afterwards.
func tryBothWays(t *testing.T, a, b *Mesh) bool {
	t.Helper()
	for _, way := range [][2]*Mesh{{a, b}, {b, a}} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := way[0].Connect(ctx, info(way[1]))
		cancel()
		if err == nil {
			return true
		}
	}
	return false
}

func TestAClosedMeshLetsInWhoHasTheKeyAndNobodyElse(t *testing.T) {
	key, other := NewMeshKey(), NewMeshKey()
	for name, listen := range map[string]string{"tcp": onTCP, "quic": onQUIC} {
		t.Run(name, func(t *testing.T) {
			node := func(k MeshKey) *Mesh { return open(t, Options{Listen: []string{listen}, Closed: k}) }
			inside, member := node(key), node(key)
			connect(t, member, inside)
			eventually(t, "they speak", func() bool { return len(inside.Peers()) == 1 && inside.Peers()[0].Savoirs })
			for _, stranger := range []*Mesh{node(MeshKey{}), node(other)} {
				if tryBothWays(t, inside, stranger) {
					t.Errorf("a stranger (closed: %v) got in", stranger.Key().Closed())
				}
			}
			connect(t, inside, member) // and what strangers tried changed nothing
		})
	}
}

func TestAStrangerIsServedNoStreamOverQUIC(t *testing.T) {
	inside := open(t, Options{Listen: []string{onQUIC}, Closed: NewMeshKey()})
	stranger, err := libp2p.New(libp2p.ListenAddrStrings(onQUIC), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	stranger.Peerstore().AddAddrs(inside.ID(), inside.host.Addrs(), time.Hour)
	if c, err := stranger.Network().DialPeer(ctx, inside.ID()); err == nil { // TLS itself knows no key
		s, err := c.NewStream(ctx)
		if err == nil {
			s.SetDeadline(time.Now().Add(5 * time.Second))
			s.Write(make([]byte, 64))
			if n, err := s.Read(make([]byte, 64)); err == nil || n > 0 {
				t.Errorf("it was answered with %d bytes", n)
			}
		}
	}
	if len(inside.Peers()) != 0 {
		t.Error("it got in")
	}
}

func TestANewKeyEndsWhatWasMadeUnderTheOldOne(t *testing.T) {
	for name, listen := range map[string]string{"tcp": onTCP, "quic": onQUIC} {
		t.Run(name, func(t *testing.T) {
			meet := func(a, b *Mesh) { // a dial of the DHT under the key before may still be failing
				t.Helper()
				eventually(t, "they meet", func() bool { return a.Connect(t.Context(), info(b)) == nil && linked(a, b) })
			}
			old, fresh := NewMeshKey(), NewMeshKey()
			a := open(t, Options{Listen: []string{listen}})
			b, late := open(t, Options{Listen: []string{listen}}), open(t, Options{Listen: []string{listen}})
			for _, k := range []MeshKey{old, fresh, {}} {
				meet(a, b)
				meet(a, late)
				a.SetKey(k)
				eventually(t, "all are out", func() bool { return !linked(b, a) && !linked(late, a) })
				b.SetKey(k)
				if tryBothWays(t, a, late) {
					t.Fatal("one with the old key got in")
				}
				meet(a, b)
				late.SetKey(k)
				meet(late, a)
			}
			eventually(t, "no ended connection is noted any more", func() bool {
				a.circle.mu.Lock()
				defer a.circle.mu.Unlock()
				return len(a.circle.conns) == len(a.host.Network().Conns())
			})
		})
	}
}

func TestWrongKeysDoNotCostAnHonestNeighbourItsPlace(t *testing.T) {
	key := NewMeshKey()
	a, b := open(t, Options{Closed: key}), open(t, Options{})
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := b.Connect(ctx, info(a)); err == nil {
			t.Fatal("it got in without the key")
		}
		cancel()
	}
	b.SetKey(key)
	connect(t, b, a)
	if got := a.Blocked(); len(got) != 0 {
		t.Errorf("blocked: %v", got)
	}
}

func TestAMeshKeyIsReadAsItWasWritten(t *testing.T) {
	k := NewMeshKey()
	text, err := k.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back MeshKey
	if err := back.UnmarshalText(text); err != nil || back != k {
		t.Errorf("%s came back as %x (%v)", text, back, err)
	}
	if text, err := (MeshKey{}).MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("an open mesh is written %q", text)
	}
	for _, bad := range []string{"0", string(text) + "00", string(text[:30]) + "xy"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestAConnectionMadeUnderAKeyThatChangedMeanwhileIsNotAdmitted(t *testing.T) {
	old, now := NewMeshKey(), NewMeshKey()
	c := newCircle(old)
	c.change(now)
	is(t, c.admit(old, io.NopCloser(nil)), errKeyChanged)
	is(t, c.admit(now, io.NopCloser(nil)), nil)
}
