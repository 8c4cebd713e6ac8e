package p2p

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

type heard struct {
	from peer.ID
	data string
}

// listener opens a running node that reports the heads it hears and takes those that do not begin with '!'.
func listener(t *testing.T) (*Mesh, chan heard) {
	got := make(chan heard, 64)
	m := open(t, Options{Head: func(_ context.Context, from peer.ID, data []byte) bool {
		got <- heard{from, string(data)}
		return !bytes.HasPrefix(data, []byte("!"))
	}})
	run(t, m)
	return m, got
}

// meshed waits until both count each other among those that want heads.
func meshed(t *testing.T, a, b *Mesh) {
	t.Helper()
	eventually(t, "gossip knows the neighbour", func() bool {
		for _, p := range a.heads.ListPeers() {
			if p == b.ID() {
				return true
			}
		}
		return false
	})
}

// line connects three listeners a - b - c.
func line(t *testing.T) (a, b, c *Mesh, atB, atC chan heard) {
	a, _ = listener(t)
	b, atB = listener(t)
	c, atC = listener(t)
	a.Block(c.ID()) // or the DHT would introduce them
	c.Block(a.ID())
	connect(t, a, b)
	connect(t, b, c)
	meshed(t, a, b)
	meshed(t, b, a)
	meshed(t, b, c)
	meshed(t, c, b)
	// Neighbours pass heads on from their next heartbeat, at most a second after they met.
	n := 0
	eventually(t, "heads are passed on", func() bool {
		n++
		if err := a.Announce(t.Context(), fmt.Appendf(nil, "warm up %d", n)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-atC:
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	return a, b, c, atB, atC
}

// next is the next head heard that is not of the warming up.
func next(t *testing.T, from chan heard) heard {
	t.Helper()
	for {
		select {
		case h := <-from:
			if !strings.HasPrefix(h.data, "warm up") {
				return h
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was heard")
		}
	}
}

func TestAHeadTravelsAlongALine(t *testing.T) {
	a, b, _, atB, atC := line(t)
	if err := a.Announce(t.Context(), []byte("head 7")); err != nil {
		t.Fatal(err)
	}
	if got := next(t, atB); got != (heard{a.ID(), "head 7"}) {
		t.Errorf("b heard %q from %s, a is %s", got.data, got.from, a.ID())
	}
	if got := next(t, atC); got != (heard{b.ID(), "head 7"}) {
		t.Errorf("c heard %q from %s, b is %s, a is %s", got.data, got.from, b.ID(), a.ID())
	}
}

func TestAnInvalidHeadGoesNoFurther(t *testing.T) {
	a, _, _, atB, atC := line(t)
	for _, head := range []string{"!bad", "good"} {
		if err := a.Announce(t.Context(), []byte(head)); err != nil {
			t.Fatal(err)
		}
		if got := next(t, atB); got.data != head {
			t.Fatalf("b heard %v", got)
		}
	}
	if got := next(t, atC); got.data != "good" {
		t.Errorf("c heard %v", got)
	}
}

func TestANeighbourThatSendsInvalidHeadsIsCutOff(t *testing.T) {
	a, _, c, atB, _ := line(t)
	n := 0
	announce := func(from *Mesh, kind string) string {
		n++
		head := fmt.Sprintf("%s %d", kind, n)
		if err := from.Announce(t.Context(), []byte(head)); err != nil {
			t.Fatal(err)
		}
		return head
	}
	heardBad, quiet := 0, 0
	eventually(t, "b stops listening to a", func() bool {
		for range 10 {
			announce(a, "!bad")
		}
		marker, bad := announce(c, "good"), 0
		for h := next(t, atB); h.data != marker; h = next(t, atB) {
			bad++
		}
		heardBad += bad
		if quiet++; bad > 0 {
			quiet = 0
		}
		return heardBad >= 10 && quiet >= 3 // what came late shows in the next round
	})
	if heardBad > 100 {
		t.Errorf("only after %d invalid heads", heardBad)
	}
}

func TestAHeadBeyondTheLimitIsNotAnnounced(t *testing.T) {
	a := open(t, Options{})
	if err := a.Announce(t.Context(), make([]byte, MaxHead+1)); err == nil {
		t.Error("it was")
	}
	if err := a.Announce(t.Context(), make([]byte, MaxHead)); err != nil {
		t.Error("alone, at the limit:", err)
	}
}
