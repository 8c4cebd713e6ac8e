package p2p

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// passed lets streams of each peer pass blocks for a while and returns how many bytes each peer got through.
func passed(t *testing.T, m *Mesh, streams map[peer.ID]int, block int, d time.Duration) map[peer.ID]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		got     = map[peer.ID]int{}
	)
	for p, n := range streams {
		for range n {
			running.Go(func() {
				for m.paceOut(ctx, p, block) == nil {
					mu.Lock()
					got[p] += block
					mu.Unlock()
				}
			})
		}
	}
	running.Wait()
	return got
}

func limited(l Limits) *Mesh {
	m := &Mesh{pacing: newPacing()}
	m.SetLimits(l)
	return m
}

func about(t *testing.T, what string, got, want int) {
	t.Helper()
	if got < want*95/100 || got > want*105/100 {
		t.Errorf("%s: %d bytes, want about %d", what, got, want)
	}
}

func TestBulkKeepsToTheTotalAndPeersShareItEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := limited(Limits{Day: Rates{Up: 1 << 20}})
		got := passed(t, m, map[peer.ID]int{"greedy": 16, "modest": 1}, 256<<10, time.Minute)
		about(t, "both", got["greedy"]+got["modest"], 60<<20)
		about(t, "the one with a single stream", got["modest"], 30<<20)
	})
}

func TestAPeerKeepsToItsOwnLimitAndLeavesTheRestToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := limited(Limits{Day: Rates{Up: 4 << 20, PeerUp: 1 << 20}})
		got := passed(t, m, map[peer.ID]int{"a": 1, "b": 4}, 1<<20, time.Minute)
		about(t, "a", got["a"], 60<<20)
		about(t, "b", got["b"], 60<<20)
		alone := passed(t, m, map[peer.ID]int{"a": 1}, 10<<10, time.Minute)
		about(t, "one after the other, in small blocks", alone["a"], 60<<20)
	})
}

func TestDirectionsAreLimitedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := limited(Limits{Day: Rates{Down: 1 << 10}})
		begin := time.Now()
		for range 100 {
			if err := m.paceOut(t.Context(), "a", 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("what is not limited took %s", d)
		}
		for range 2 {
			if err := m.paceIn(t.Context(), "a", 16<<10); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begin); d < 30*time.Second || d > 32*time.Second {
			t.Errorf("32 KiB at 1 KiB/s took %s", d)
		}
	})
}

func TestNewLimitsHoldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := limited(Limits{Day: Rates{Up: 1}})
		done := make(chan error)
		go func() { done <- m.paceOut(t.Context(), "a", 1<<20) }()
		synctest.Wait()
		begin := time.Now()
		m.SetLimits(Limits{Day: Rates{Up: 1 << 20}})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("1 MiB at 1 MiB/s took %s", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		m.SetLimits(Limits{Day: Rates{Up: 1}})
		go func() { done <- m.paceOut(ctx, "a", 1<<20) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestPeersLongGoneAreForgotten(t *testing.T) {
	m := limited(Limits{Day: Rates{PeerUp: 1 << 40}})
	for i := range 10 * maxLanes {
		if err := m.paceOut(t.Context(), peer.ID(fmt.Sprint(i)), 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.pacing.out.lanes); n > maxLanes {
		t.Errorf("%d lanes", n)
	}
}

func TestTheNightHasItsOwnLimitsUnlessTheClockIsWrong(t *testing.T) {
	over, err := ParseWindow("22:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	noon, err := ParseWindow("12:00-13:30")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		window Window
		year   int
		clock  string
		night  bool
	}{
		{over, 2026, "22:00", true}, {over, 2026, "23:59", true}, {over, 2026, "00:00", true}, {over, 2026, "05:59", true},
		{over, 2026, "06:00", false}, {over, 2026, "21:59", false}, {over, 1970, "23:00", false},
		{noon, 2026, "12:00", true}, {noon, 2026, "13:29", true}, {noon, 2026, "13:30", false}, {noon, 2026, "11:59", false},
		{Window{}, 2026, "00:00", false},
	} {
		now, err := time.ParseInLocation("2006 15:04", fmt.Sprint(c.year, " ", c.clock), time.Local)
		if err != nil {
			t.Fatal(err)
		}
		l := Limits{Day: Rates{Up: 1}, Night: Rates{Up: 2}, Window: c.window}
		if got := l.at(now) == l.Night; got != c.night {
			t.Errorf("%s at %s: night %v", c.window, now, got)
		}
	}
}

func TestLimitsSurviveJSON(t *testing.T) {
	w, err := ParseWindow("22:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []Limits{{}, {Day: Rates{Up: 1, PeerDown: 2}, Night: Rates{Down: 3}, Window: w}} {
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var back Limits
		if err := json.Unmarshal(text, &back); err != nil || back != l {
			t.Errorf("%s: %+v (%v)", text, back, err)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	for _, s := range []string{"22:00-06:00", "", "24:00-06:00", "6:00-7:00", "-1:00-02:00", "10:00-10:00", "22:00-06:00x", "١٢:00-06:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if w, err := ParseWindow(s); err == nil && w.String() != s {
			t.Errorf("%q became %q", s, w)
		}
	})
}

func TestWhatBitswapGivesCountsAsBulk(t *testing.T) {
	store := newMemory()
	first, second := raw(t, store, random(1, 100_000)), raw(t, store, random(2, 100_000))
	a, b := open(t, Options{Blocks: store}), open(t, Options{})
	a.SetLimits(Limits{Day: Rates{Up: 200_000}})
	connect(t, b, a)
	begin := time.Now()
	for _, c := range []cid.Cid{first, second} {
		if _, err := b.bitswap.wake().GetBlock(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(begin); d < 800*time.Millisecond { // a tenth of a second may be made up for
		t.Errorf("200 kB at 200 kB/s took %s", d)
	}
}

func TestASlowLimitIsNoStall(t *testing.T) {
	t.Parallel()
	a, _, root, _ := holder(t, 16<<10)
	b := open(t, Options{})
	connect(t, b, a)
	a.SetLimits(Limits{Day: Rates{Up: 5 << 10}}) // a block takes longer than stallTime
	before := b.Peers()[0].Since
	if err := b.Fetch(t.Context(), root, newMemory(), FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := b.Peers()[0].Since; got != before {
		t.Error("the connection was given up")
	}
}
