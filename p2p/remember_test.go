package p2p

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

func TestAMeshWithoutMulticastComesBackAfterAPowerCut(t *testing.T) {
	const size = 4
	var keys [size]crypto.PrivKey
	var nodes [size]*Mesh
	for i := range nodes {
		keys[i] = newKey(t)
		nodes[i] = open(t, Options{Key: keys[i]})
		run(t, nodes[i])
		if i > 0 {
			connect(t, nodes[i], nodes[i-1]) // by hand, this once
		}
	}
	var saved [size][]byte
	var listen [size]string
	for i, n := range nodes {
		eventually(t, "it remembers a neighbour", func() bool { return len(n.Remembered()) > 0 })
		var err error
		if saved[i], err = json.Marshal(n.Remembered()); err != nil {
			t.Fatal(err)
		}
		listen[i] = n.host.Addrs()[0].String()
	}
	for _, n := range nodes {
		n.Close()
	}
	for i := range nodes {
		o := Options{Key: keys[i], Listen: listen[i : i+1]}
		if err := json.Unmarshal(saved[i], &o.Remembered); err != nil {
			t.Fatal(err)
		}
		nodes[i] = open(t, o)
		run(t, nodes[i])
	}
	for _, n := range nodes {
		eventually(t, "all are together again", func() bool { return len(n.Peers()) > 0 })
	}
	eventually(t, "one was remembered", func() bool {
		for _, n := range nodes {
			for _, p := range n.Peers() {
				if p.Found == "remembered" {
					return true
				}
			}
		}
		return false
	})
}

func TestANodeLeftAloneLooksForThoseItRemembers(t *testing.T) {
	key := newKey(t)
	a, b := open(t, Options{Key: key}), open(t, Options{})
	at := a.host.Addrs()[0].String()
	run(t, b)
	connect(t, b, a)
	eventually(t, "b remembers a", func() bool { return len(b.Remembered()) == 1 })
	if err := a.host.Network().ClosePeer(b.ID()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they are together again", func() bool { return linked(a, b) && linked(b, a) })
	if got := b.Remembered(); len(got) != 1 || got[0].Addrs[0] != at {
		t.Errorf("remembered: %+v", got)
	}
}

func TestWhoIsMissedTooOftenOrBlockedIsForgotten(t *testing.T) {
	gone, friend := open(t, Options{}), open(t, Options{})
	old := Remembered{ID: gone.ID(), Addrs: []string{gone.host.Addrs()[0].String(), "nonsense", "/dns4/example.org/tcp/1"}, Missed: maxMissed - 1}
	gone.Close()
	m := open(t, Options{Remembered: []Remembered{old}})
	m.lookFor(t.Context(), maxRemembered)
	if diff := cmp.Diff([]Remembered{old}, m.Remembered()); diff != "" {
		t.Errorf("missed while nobody was there: %s", diff)
	}
	connect(t, m, friend)
	m.lookFor(t.Context(), maxRemembered)
	missed := func(r Remembered) bool { return r.ID == gone.ID() && r.Missed == maxMissed }
	if got := m.Remembered(); !slices.ContainsFunc(got, missed) {
		t.Errorf("missed once more: %+v", got)
	}
	m.lookFor(t.Context(), maxRemembered)
	eventually(t, "only the one that is here is remembered", func() bool {
		got := m.Remembered()
		return len(got) == 1 && got[0].ID == friend.ID()
	})
	m.Block(friend.ID())
	if got := m.Remembered(); len(got) != 0 {
		t.Errorf("blocked: %+v", got)
	}
}

func TestWhatIsRememberedHasAnEndAndTheLastMetComeFirst(t *testing.T) {
	friend := open(t, Options{})
	var many []Remembered
	for range maxRemembered + 10 {
		id, err := peer.IDFromPrivateKey(newKey(t))
		if err != nil {
			t.Fatal(err)
		}
		many = append(many, Remembered{ID: id, Addrs: []string{"/ip4/127.0.0.1/tcp/1"}})
	}
	m := open(t, Options{Remembered: many})
	connect(t, m, friend)
	eventually(t, "they know each other", func() bool { return m.Remembered()[0].ID == friend.ID() })
	got := m.Remembered()
	if diff := cmp.Diff(many[:maxRemembered-1], got[1:]); diff != "" {
		t.Errorf("the others: %s", diff)
	}
	crowd := open(t, Options{})
	connect(t, crowd, m)
	eventually(t, "the one that came is known", func() bool {
		m.Remembered()
		return m.speaksSavoirs(crowd.ID())
	})
	for _, r := range m.Remembered()[2:] {
		if r.Came {
			t.Errorf("it is kept before others: %+v", r)
		}
	}
	if got := m.Remembered(); len(got) != maxRemembered || slices.ContainsFunc(got, func(r Remembered) bool { return r.ID == crowd.ID() }) {
		t.Error("one that came has pushed out one that was reached")
	}
	if p := got[1].info(); len(p.Addrs) != 1 || m.host.Network().Connectedness(p.ID) != network.NotConnected {
		t.Errorf("%v", p)
	}
}
