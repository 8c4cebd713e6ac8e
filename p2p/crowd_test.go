package p2p

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p/attacktest"
)

// knock connects a host that is no node, and tells how to see whether it is still let stay.
func knock(t *testing.T, h host.Host, v *Mesh) (stays func() bool) {
	t.Helper()
	if err := h.Connect(t.Context(), info(v)); err != nil {
		t.Fatal(err)
	}
	return func() bool { return v.host.Network().Connectedness(h.ID()) == network.Connected }
}

func someone(t *testing.T) host.Host {
	t.Helper()
	h, err := attacktest.NewPeer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestWhoWasReachedBeforeStaysWhenStrangersFillTheHouse(t *testing.T) {
	reached, came := someone(t), someone(t)
	v := open(t, Options{Remembered: []Remembered{
		{ID: came.ID(), Addrs: []string{"/ip4/127.0.0.1/tcp/1"}, Came: true},
		{ID: reached.ID(), Addrs: []string{"/ip4/127.0.0.1/tcp/1"}},
	}})
	v.house.full = 3
	var strangers []func() bool
	for range v.house.full {
		strangers = append(strangers, knock(t, someone(t), v))
	}
	friend := knock(t, reached, v)
	eventually(t, "the youngest stranger makes room", func() bool { return !strangers[2]() })
	other := knock(t, came, v)
	eventually(t, "who has only come is the youngest stranger now", func() bool { return !other() })
	if !friend() || !strangers[0]() || !strangers[1]() {
		t.Error("one was sent away who came before")
	}
}

func TestFriendsOfOldDoNotFillTheHouse(t *testing.T) {
	var many []Remembered
	for range maxRemembered {
		id, err := peer.IDFromPrivateKey(newKey(t))
		if err != nil {
			t.Fatal(err)
		}
		many = append(many, Remembered{ID: id, Addrs: []string{"/ip4/10.1.2.3/tcp/1"}})
	}
	v := open(t, Options{Remembered: many})
	if n := len(v.house.friends); n != maxOldFriends {
		t.Errorf("%d friends", n)
	}
	if _, first := v.house.friends[many[0].ID]; !first {
		t.Error("not the last met")
	}
}
