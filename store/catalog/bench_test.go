package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// big writes a catalogue of authors with each entries each and returns its folder.
func big(t testing.TB, authors, each int) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "entries.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range authors {
		for _, s := range newWriter(t, fmt.Sprint("author", i)).chain(t, nil, "Jardins créoles", each) {
			h := header(s)
			if _, err := f.Write(append(h[:], s...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestALargeCatalogueOpensFastAndStaysSmall(t *testing.T) {
	dir := big(t, 20, 100)
	before, start := heap(), time.Now()
	c := open(t, Options{Dir: dir})
	took, grown := time.Since(start), heap()-before
	t.Logf("2,000 entries: open in %v, %d bytes of memory an entry", took, grown/2000)
	// Bounds many times above what was measured (9 ms, 46 bytes): they catch a signature check or
	// an entry kept for each record, not a slow day.
	if took > time.Second || grown > 2000*400 {
		t.Errorf("open took %v and holds %d bytes", took, grown)
	}
	runtime.KeepAlive(c)
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := big(b, 100, n/100)
			before := heap()
			var held int64
			for b.Loop() {
				c, err := Open(Options{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				held = heap() - before
				c.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(held)/float64(n), "bytes/entry")
		})
	}
}

func BenchmarkOffers10000(b *testing.B) {
	c := open(b, Options{Dir: big(b, 100, 100)})
	for b.Loop() {
		for _, err := range c.Offers() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkSealedOpen(b *testing.B) {
	s := newWriter(b, "a").chain(b, nil, "Jardins", 1)[0]
	for b.Loop() {
		if _, err := s.Open(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAddMany256(b *testing.B) {
	chain := newWriter(b, "a").chain(b, nil, "Jardins", 256)
	for b.Loop() {
		b.StopTimer()
		c := open(b, Options{})
		b.StartTimer()
		if _, err := c.AddMany(b.Context(), chain); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		c.Close()
		b.StartTimer()
	}
}

func BenchmarkAppend(b *testing.B) {
	w := newWriter(b, "a")
	c := open(b, Options{})
	for b.Loop() {
		if _, _, err := c.Append(w.key, offer("Jardins")); err != nil {
			b.Fatal(err)
		}
	}
}
