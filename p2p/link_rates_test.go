package p2p

import (
	"os"
	"slices"
	"testing"
	"time"

	"savoirs/p2p/linktest"
)

// lossy are the two links that village meshes are measured on.
var (
	wifi = linktest.Link{Mbit: 20, Delay: 15 * time.Millisecond, Loss: 0.01}
	far  = linktest.Link{Mbit: 5, Delay: 40 * time.Millisecond, Loss: 0.05}
)

// TestRatesOverBadLinks measures, on a machine with nothing else to do: SAVOIRS_LINKS=1 go test -run RatesOverBadLinks -v ./p2p
func TestRatesOverBadLinks(t *testing.T) {
	if os.Getenv("SAVOIRS_LINKS") == "" {
		t.Skip("takes minutes: set SAVOIRS_LINKS")
	}
	fast := linktest.Link{}
	for _, c := range []struct {
		name       string
		links      []linktest.Link // the first is the one that fetches
		transports string
		bytes      int
		mbit       float64 // of the line
		least      float64 // part of it
	}{
		{"wifi", []linktest.Link{wifi, fast}, "tcp+quic", 20 << 20, 20, .88},
		{"far", []linktest.Link{far, fast}, "tcp+quic", 5 << 20, 5, .82},
		{"wifi, QUIC alone", []linktest.Link{wifi, fast}, "quic", 20 << 20, 20, .15},
		{"far, QUIC alone", []linktest.Link{far, fast}, "quic", 5 << 20, 5, .08},
		{"three holders", []linktest.Link{fast, wifi, wifi, wifi}, "tcp+quic", 60 << 20, 60, .8},
	} {
		t.Run(c.name, func(t *testing.T) {
			var parts []float64
			for seed := range uint64(3) {
				for i := range c.links {
					c.links[i].Seed = seed*10 + uint64(i)
				}
				f := transfer{net: linkedHosts(t, c.links...), transports: c.transports, bytes: c.bytes}
				took, transport := f.run(t, len(c.links), 3*time.Minute)
				parts = append(parts, float64(c.bytes)*8/1e6/took.Seconds()/c.mbit)
				t.Logf("%s by %s: %.0f %% of the line", took, transport, 100*parts[len(parts)-1])
				f.net.Close()
			}
			slices.Sort(parts)
			if parts[1] < c.least {
				t.Errorf("median %.0f %% of the line, want %.0f %%", 100*parts[1], 100*c.least)
			}
		})
	}
}

// TestACutCostsLittleMoreThanItself is the same for a cut of 20 s at 3 s.
func TestACutCostsLittleMoreThanItself(t *testing.T) {
	if os.Getenv("SAVOIRS_LINKS") == "" {
		t.Skip("takes minutes: set SAVOIRS_LINKS")
	}
	const ideal = 28400 * time.Millisecond
	for seed := range uint64(5) {
		l := wifi
		l.Seed = seed
		f := transfer{net: linkedHosts(t, l, linktest.Link{}), transports: "tcp+quic", bytes: 20 << 20}
		f.during = func(t *testing.T) { cut(t, f.net.Host(0), 3*time.Second, 20*time.Second) }
		took, transport := f.run(t, 2, 2*time.Minute)
		t.Logf("%s by %s, %s beyond the ideal", took, transport, took-ideal)
		if took > ideal+4*time.Second {
			t.Errorf("seed %d: %s beyond the ideal", seed, took-ideal)
		}
		f.net.Close()
	}
}

// cut cuts the cable of h after a while and for a while.
func cut(t *testing.T, h *linktest.Host, after, d time.Duration) {
	t.Helper()
	<-time.After(after)
	if err := h.Down(); err != nil {
		t.Fatal(err)
	}
	<-time.After(d)
	if err := h.Up(); err != nil {
		t.Fatal(err)
	}
}
