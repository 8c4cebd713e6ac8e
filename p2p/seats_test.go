package p2p

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"savoirs/p2p/attacktest"
)

func TestWhoHoldsManySeatsGivesOneToWhoHoldsNone(t *testing.T) {
	v := open(t, Options{})
	places, came := &seats{total: 8}, make(chan bool)
	v.host.SetStreamHandler("/test/1", func(s network.Stream) { came <- places.take(s) })
	sit := func(m *Mesh) (network.Stream, bool) {
		t.Helper()
		connect(t, m, v)
		s, err := m.host.NewStream(t.Context(), v.ID(), "/test/1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(nil); err != nil {
			t.Fatal(err)
		}
		return s, <-came
	}
	greedy, modest := open(t, Options{}), open(t, Options{})
	var held []network.Stream
	for range places.total {
		s, ok := sit(greedy)
		if !ok {
			t.Fatal("no seat while there are some")
		}
		held = append(held, s)
	}
	if _, ok := sit(greedy); ok {
		t.Error("a ninth seat")
	}
	if _, ok := sit(modest); !ok {
		t.Error("no seat for who has none")
	}
	last := held[places.total-1]
	last.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := last.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the youngest of the greedy still sits")
	}
	for range 3 {
		if _, ok := sit(modest); !ok {
			t.Error("no share")
		}
	}
	if _, ok := sit(modest); ok {
		t.Error("more than a share")
	}
	if places.n != places.total {
		t.Errorf("%d seats taken of %d", places.n, places.total)
	}
}

func TestCallsThatDripKeepNobodyOut(t *testing.T) {
	v, honest, _, _ := victim(t)
	for range 24 { // four streams each: more than are served at once
		h, err := attacktest.NewPeer()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		if err := h.Connect(t.Context(), info(v)); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			s, err := h.NewStream(t.Context(), v.ID(), callProtocol("echo"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte{100}); err != nil { // and no more of it
				t.Fatal(err)
			}
		}
	}
	for range 8 {
		if err := askEcho(t.Context(), honest, v.ID()); err != nil {
			t.Fatal(err)
		}
	}
}
