package p2p

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// leaves is a walk of which n leaves are left to fetch.
func leaves(t *testing.T, n int) *walk {
	t.Helper()
	store := newMemory()
	w := newWalk(raw(t, store, []byte("root")), newMemory())
	w.pending = nil
	for i := range n {
		w.pending = append(w.pending, link{cid: raw(t, store, []byte{byte(i)}), size: 256 << 10})
	}
	return w
}

// taken is how many blocks p is asked for now, 0 when it has to wait or can do no more.
func taken(t *testing.T, w *walk, p peer.ID) (*claim, int) {
	t.Helper()
	c, _, err := w.tryTake(t.Context(), p, maxWant)
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return nil, 0
	}
	return c, c.own
}

func TestStrangersBesideAHolderThatDeliversAreAskedForOneBlockEachAndFewAtOnce(t *testing.T) {
	w := leaves(t, 100)
	w.trust("holder")
	if _, n := taken(t, w, "stranger"); n != 100 {
		t.Errorf("with nobody else at work a stranger is asked for %d blocks", n)
	}
	w = leaves(t, 100)
	w.trust("holder")
	if c, n := taken(t, w, "holder"); n != 100 {
		t.Fatalf("the holder is asked for %d", n)
	} else {
		c.flow.credit = 0
	}
	var on [maxTrials]*claim
	for i := range on {
		c, n := taken(t, w, peer.ID(rune('a'+i)))
		if n != 1 {
			t.Fatalf("a stranger is asked for %d blocks", n)
		}
		on[i] = c
	}
	if _, n := taken(t, w, "one too many"); n != 0 {
		t.Errorf("one stranger too many is asked for %d", n)
	}
	if fresh, err := w.accept(t.Context(), on[0], nil); !fresh || err != nil {
		t.Fatal(fresh, err)
	}
	if _, n := taken(t, w, on[0].peer); n <= 1 {
		t.Errorf("who has delivered is asked for %d", n)
	}
	w.end(on[1], false)
	if _, n := taken(t, w, "another"); n != 1 {
		t.Errorf("in place of one who failed another is asked for %d", n)
	}
	for i := range 10 {
		w.pending = append(w.pending, link{cid: raw(t, newMemory(), []byte{'+', byte(i)}), size: 256 << 10})
	}
	for c := range w.claims {
		c.trial = false
	}
	if _, n := taken(t, w, "the last"); n != 1 {
		t.Errorf("of what nobody was asked for yet a stranger is asked for %d", n)
	}
}

func TestWhatAnIdleHolderCanBringIsNotLeftToAStranger(t *testing.T) {
	w := leaves(t, 2)
	w.trust("holder")
	left := w.rest("holder")
	lacked := w.pending[0].cid
	w.lacks[lacked] = map[peer.ID]struct{}{"holder": {}}
	c, n := taken(t, w, "stranger")
	if n != 1 || !c.todo[0].cid.Equals(lacked) {
		t.Fatalf("the stranger is asked for %d, %v", n, c)
	}
	left()
	if _, n := taken(t, w, "holder"); n != 1 {
		t.Errorf("the holder is asked for %d", n)
	}
}

func TestASilentStrangerDoesNotKeepAnIdleHolderWaiting(t *testing.T) {
	w := leaves(t, 2)
	w.trust("holder")
	busy := w.newClaim("holder", w.pending[1:])
	w.pending = w.pending[:1]
	c, n := taken(t, w, "stranger")
	if n != 1 {
		t.Fatalf("the stranger is asked for %d", n)
	}
	c.flow.last = time.Now().Add(time.Hour)
	if _, n := taken(t, w, "holder"); n != 0 {
		t.Errorf("with no reason to think the stranger slow the holder is asked for %d", n)
	}
	c.flow.last = time.Now().Add(-2 * trialTime)
	if _, n := taken(t, w, "holder"); n != 1 {
		t.Errorf("the holder is asked for %d", n)
	}
	if busy.own != 1 {
		t.Error("it was its own")
	}
}
