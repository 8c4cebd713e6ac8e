package catalog

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// file gives the bytes of a catalogue of n entries of one author, and where each frame ends.
func file(t testing.TB, n int) (data []byte, ends []int) {
	t.Helper()
	for _, s := range newWriter(t, "a").chain(t, nil, "Jardins", n) {
		h := header(s)
		data = append(append(data, h[:]...), s...)
		ends = append(ends, len(data))
	}
	return data, ends
}

func openBytes(t testing.TB, data []byte) (*Catalog, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "entries.log"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	log, said := logged()
	return open(t, Options{Dir: dir, Log: log}), said.String()
}

func TestATailTornAtAnyByteIsCutAndWhatCameBeforeStays(t *testing.T) {
	w := newWriter(t, "a")
	data, ends := file(t, 2)
	for cut := range len(data) {
		c, said := openBytes(t, data[:cut])
		whole := 0
		for whole < len(ends) && ends[whole] <= cut {
			whole++
		}
		if got := len(titles(t, c.Entries())); got != whole {
			t.Fatalf("cut at %d: %d entries, not %d", cut, got, whole)
		}
		atEnd := cut == 0 || slices.Contains(ends, cut)
		if warned := strings.Contains(said, "torn"); warned == atEnd {
			t.Fatalf("cut at %d: said %q", cut, said)
		}
		kept := append([]int{0}, ends...)[whole]
		if st, err := c.journal.f.Stat(); err != nil || st.Size() != int64(kept) {
			t.Fatalf("cut at %d: %d bytes left of %d, %v", cut, st.Size(), kept, err)
		}
		if cut%41 == 0 {
			if _, _, err := c.Append(w.key, offer("next")); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if got := len(titles(t, reopen(t, c).Entries())); got != whole+1 {
				t.Fatalf("cut at %d: %d entries after one more", cut, got)
			}
		}
		c.Close()
	}
}

func TestATailOfZerosIsCut(t *testing.T) {
	data, _ := file(t, 2)
	c, said := openBytes(t, append(data, make([]byte, 4096)...))
	if got := len(titles(t, c.Entries())); got != 2 || !strings.Contains(said, "torn") {
		t.Errorf("%d entries, said %q", got, said)
	}
}

func TestAFlippedBitLosesOneEntryAndIsTold(t *testing.T) {
	const n = 4
	data, ends := file(t, n)
	for at := 0; at < len(data); at += 11 {
		damaged := slices.Clone(data)
		damaged[at] ^= 1 << (at % 8)
		c, said := openBytes(t, damaged)
		hit, _ := slices.BinarySearch(ends, at+1)
		if got := len(titles(t, c.Entries())); got != hit {
			t.Fatalf("byte %d: chain of %d before the damage, not %d", at, got, hit)
		}
		if hit < n-1 && !strings.Contains(said, "damaged") || hit == n-1 && !strings.Contains(said, "torn") {
			t.Fatalf("byte %d: said %q", at, said)
		}
	}
}

func TestEntriesBehindADamagedOneReturnWhenItIsHeardAgain(t *testing.T) {
	w := newWriter(t, "a")
	data, ends := file(t, 4)
	data[ends[0]+20] ^= 1
	c, _ := openBytes(t, data)
	if _, _, err := c.Append(w.key, offer("next")); !errors.Is(err, ErrGap) {
		t.Fatalf("signed number 2 again: %v", err)
	}
	size := c.journal.size
	lost := w.chain(t, nil, "Jardins", 2)[1]
	add(t, c, lost)
	if got := c.Heights()[0].Seq; got != 4 {
		t.Errorf("height %d", got)
	}
	if grown := c.journal.size - size; grown != frameSize(lost) {
		t.Errorf("the file grew by %d", grown)
	}
	want := []string{"Jardins 1", "Jardins 2", "Jardins 3", "Jardins 4"}
	if diff := cmp.Diff(want, titles(t, reopen(t, c).Entries())); diff != "" {
		t.Error(diff)
	}
}

// An entry may carry bytes that look like a frame. They come to light when its own frame is damaged.
func TestAFrameHiddenInADamagedEntryIsNotBelieved(t *testing.T) {
	w := newWriter(t, "victim")
	forged := w.chain(t, nil, "Forged", 1)[0]
	forged[len(forged)-1] ^= 1
	h := header(forged)
	e := offer("Trojan")
	e.Sketch = append(h[:], forged...)
	c := open(t, Options{})
	if _, _, err := c.Append(newWriter(t, "forger").key, e); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(c.opts.Dir, "entries.log"))
	if err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	damaged, said := openBytes(t, data)
	if got := titles(t, damaged.Entries()); len(got) != 0 || !strings.Contains(said, "bad signature") {
		t.Errorf("believed %q, said %q", got, said)
	}
}

func TestAnEntryThatRottedSinceOpeningIsAnErrorAndNotAWrongEntry(t *testing.T) {
	w := newWriter(t, "a")
	log, said := logged()
	c := open(t, Options{Log: log})
	add(t, c, w.chain(t, nil, "Jardins", 3)...)
	at := c.authors[w.id].chain[1]
	if _, err := c.journal.f.WriteAt([]byte{0xff}, at+50); err != nil {
		t.Fatal(err)
	}
	var good, bad int
	for _, err := range c.Entries() {
		if errors.Is(err, errDamaged) {
			bad++
		} else if err == nil {
			good++
		}
	}
	if good != 2 || bad != 1 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	if err := c.Verify(t.Context()); !errors.Is(err, errDamaged) {
		t.Errorf("verify: %v", err)
	}
	passed, err := c.Beyond(nil, 0)
	if err != nil || len(passed) != 2 || !strings.Contains(said.String(), "not passed on") {
		t.Errorf("passed %d on, %v, said %q", len(passed), err, said)
	}
}

func TestASecondCatalogueOnOneFolderIsRefused(t *testing.T) {
	c := open(t, Options{})
	if second, err := Open(c.opts); err == nil {
		second.Close()
		t.Error("opened twice")
	}
	reopen(t, c)
}

func TestNothingIsKeptOfABatchThatCannotBeWritten(t *testing.T) {
	w := newWriter(t, "a")
	c := open(t, Options{})
	add(t, c, w.chain(t, nil, "Jardins", 1)...)
	path := filepath.Join(c.opts.Dir, "entries.log")
	real := c.journal.f
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	c.journal.f = readOnly
	entries := w.chain(t, nil, "Jardins", 3)[1:]
	if _, err := c.AddMany(t.Context(), entries); err == nil {
		t.Fatal("written to a file that takes nothing")
	}
	if got := c.Heights()[0].Seq; got != 1 {
		t.Errorf("height %d", got)
	}
	c.journal.f, c.journal.broken = real, nil
	add(t, c, entries...)
	if got := len(titles(t, reopen(t, c).Entries())); got != 3 {
		t.Errorf("%d entries", got)
	}
}

func TestAClosedCatalogueSaysSo(t *testing.T) {
	w := newWriter(t, "a")
	c := open(t, Options{})
	add(t, c, w.chain(t, nil, "Jardins", 3)...)
	c.Close()
	if _, _, err := c.Append(w.key, offer("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, _, err := c.Add(t.Context(), w.chain(t, nil, "Jardins", 4)[3]); !errors.Is(err, ErrClosed) {
		t.Errorf("add: %v", err)
	}
	n := 0
	for _, err := range c.Entries() {
		n++
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("entries: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

func TestACancelledBatchKeepsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := open(t, Options{})
	if _, err := c.AddMany(ctx, newWriter(t, "a").chain(t, nil, "Jardins", 1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(c.Heights()) != 0 {
		t.Error("kept")
	}
}

func FuzzScan(f *testing.F) {
	data, ends := file(f, 3)
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[ends[0]-3:])
	f.Add(append(slices.Clone(data), make([]byte, 64)...))
	flipped := slices.Clone(data)
	flipped[ends[0]+2] ^= 0x40
	f.Add(flipped)
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := map[int64][]byte{}
		covered := int64(0)
		end, lost, err := scan(bytes.NewReader(data), int64(len(data)), func(at int64, s Sealed, doubtful bool) error {
			frames[at] = slices.Clone(s)
			covered += frameSize(s)
			return nil
		})
		if err != nil || end > int64(len(data)) || covered+lost != end {
			t.Fatalf("end %d, lost %d, covered %d of %d: %v", end, lost, covered, len(data), err)
		}
		again := 0
		scan(bytes.NewReader(data[:end]), end, func(at int64, s Sealed, _ bool) error {
			again++
			if !bytes.Equal(frames[at], s) {
				t.Errorf("frame at %d differs once the tail is cut", at)
			}
			return nil
		})
		if again != len(frames) {
			t.Errorf("%d frames once the tail is cut, %d before", again, len(frames))
		}
	})
}
