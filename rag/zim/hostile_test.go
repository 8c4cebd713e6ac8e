package zim_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"savoirs/rag/zim"
	"savoirs/rag/zim/zimtest"
)

// readAll reads all that an archive says in every way there is and returns the errors. At most some
// entries are read, so that a count that lies costs nothing.
func readAll(data []byte) (errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	a, err := zim.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return []error{err}
	}
	_, err = a.About()
	note(err)
	if _, err = a.MainPage(); !errors.Is(err, zim.ErrNotFound) {
		note(err)
	}
	for i := range min(a.Len(), 200) {
		e, err := a.Entry(uint32(i))
		note(err)
		if err != nil {
			continue
		}
		if e, err = a.Follow(e); err != nil {
			note(err)
			continue
		}
		if e.Namespace == 'A' || e.Namespace == 'C' {
			_, err = a.Find(a.Name(e))
			note(err)
		}
		r, err := a.Blob(e)
		note(err)
		if err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			note(err)
		}
	}
	n := 0
	for _, err := range a.Articles() {
		note(err)
		if n++; n == 200 {
			break
		}
	}
	return errs
}

// named tells whether an error is one of those promised.
func named(err error) bool {
	for _, e := range []error{zim.ErrNotZIM, zim.ErrDamaged, zim.ErrUnsupported, zim.ErrTooLarge, zim.ErrNotFound} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func FuzzZIM(f *testing.F) {
	for _, k := range kinds() {
		for i := range k.Entries {
			k.Entries[i].Text = k.Entries[i].Text[:min(len(k.Entries[i].Text), 200)]
		}
		f.Add(k.Bytes())
	}
	f.Add([]byte("ZIM\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, err := range readAll(data) {
			if !named(err) {
				t.Errorf("an error without a name: %v", err)
			}
		}
	})
}

func TestAnArchiveCutAnywhereIsRefusedAndSaysSo(t *testing.T) {
	for name, k := range kinds() {
		data := k.Bytes()
		for n := 0; n < len(data); n += 1 + n/50 {
			errs := readAll(data[:n])
			if len(errs) == 0 && !(k.NoChecksum && n > len(data)-64) { // the end of an xz stream holds no content
				t.Fatalf("%s: %d of %d bytes are read as if whole", name, n, len(data))
			}
			for _, err := range errs {
				if !named(err) {
					t.Fatalf("%s cut at %d: %v", name, n, err)
				}
			}
			if n >= 80 && !k.NoChecksum && !errors.Is(errs[0], zim.ErrTruncated) {
				t.Fatalf("%s cut at %d: %v", name, n, errs[0])
			}
		}
	}
}

// head changes a number of the head.
func head(at int, n uint64, size int) func([]byte) {
	return func(b []byte) {
		var v [8]byte
		binary.LittleEndian.PutUint64(v[:], n)
		copy(b[at:], v[:size])
	}
}

func TestWrongNumbersInTheHeadAreNamed(t *testing.T) {
	for _, c := range []struct {
		change func([]byte)
		err    error
		says   string
	}{
		{head(0, 1, 4), zim.ErrNotZIM, ""},
		{head(4, 4, 2), zim.ErrUnsupported, "version 4"},
		{head(24, 0xfffffffe, 4), zim.ErrDamaged, "4294967294 entry pointers"},
		{head(28, 0xfffffffe, 4), zim.ErrDamaged, "4294967294 cluster pointers"},
		{head(32, 1<<63, 8), zim.ErrDamaged, "entry pointers at byte 9223372036854775808"},
		{head(48, ^uint64(0), 8), zim.ErrDamaged, "cluster pointers"},
		{head(56, ^uint64(0), 8), zim.ErrDamaged, "media types"},
		{head(72, 1<<62, 8), zim.ErrDamaged, "checksum"},
		{head(72, 1<<40, 8), zim.ErrTruncated, "bytes are there"},
	} {
		data := zimtest.Archive{Entries: small(false)}.Bytes()
		c.change(data)
		_, err := zim.Open(bytes.NewReader(data), int64(len(data)))
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

func TestEntriesThatLieAreNamed(t *testing.T) {
	entries := []zimtest.Entry{{Name: "C/one", Text: "<p>one"}, {Name: "C/two", Text: "<p>two"}, {Name: "C/up", To: "C/two"}}
	for _, c := range []struct {
		change func(data []byte, entry int)
		says   string
	}{
		{func(b []byte, at int) { b[at] = 9 }, "media type 9 of 1"},
		{func(b []byte, at int) { b[at+8] = 200 }, "cluster 200 of 1"},
		{func(b []byte, at int) { b[at+12] = 200 }, "blob 200 of 2"},
	} {
		data := zimtest.Archive{Entries: entries}.Bytes()
		c.change(data, bytes.Index(data, []byte("one\x00\x00"))-16)
		errs := readAll(data)
		if len(errs) == 0 || !errors.Is(errs[0], zim.ErrDamaged) || !strings.Contains(errs[0].Error(), c.says) {
			t.Errorf("%v, want %q", errs, c.says)
		}
	}
	data := zimtest.Archive{Entries: entries}.Bytes()
	data[bytes.Index(data, []byte("up\x00\x00"))-4] = 77
	if errs := readAll(data); len(errs) == 0 || !strings.Contains(errs[0].Error(), "C/up redirects to entry 77 of 3") {
		t.Error(errs)
	}
}

func TestEntriesOnTopOfEachOtherEndTheWalk(t *testing.T) {
	data := zimtest.Archive{Entries: small(false)}.Bytes()
	list := binary.LittleEndian.Uint64(data[32:])
	copy(data[list+8:], data[list:list+8]) // the second pointer is the first again
	var last error
	for _, err := range open(t, data).Articles() {
		last = err
	}
	if !errors.Is(last, zim.ErrDamaged) || !strings.Contains(last.Error(), "out of order") {
		t.Error(last)
	}
}

// bombs returns an archive of n pages in n clusters that are one and the same, which inflates to size.
func bombs(t testing.TB, n, size int) []byte {
	var entries []zimtest.Entry
	for i := range n {
		entries = append(entries, zimtest.Entry{Name: fmt.Sprintf("C/%06d", i), Text: "<p>"})
	}
	data := zimtest.Archive{PerCluster: 1, Compression: zimtest.Zstd, Entries: entries, NoChecksum: true}.Bytes()
	body := make([]byte, size)
	binary.LittleEndian.PutUint32(body, 8)
	binary.LittleEndian.PutUint32(body[4:], uint32(size))
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := uint64(len(data))
	data = append(append(data, zimtest.Zstd), w.EncodeAll(body, nil)...)
	list := binary.LittleEndian.Uint64(data[48:])
	for i := range uint64(n) {
		binary.LittleEndian.PutUint64(data[list+8*i:], at)
	}
	return data
}

func TestAClusterThatInflatesTooMuchIsRefusedBeforeItDoes(t *testing.T) {
	data := bombs(t, 1, 65<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	errs := readAll(data)
	runtime.ReadMemStats(&after)
	if len(errs) == 0 || !errors.Is(errs[0], zim.ErrTooLarge) {
		t.Error(errs)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

func TestClustersOnTopOfEachOtherEndTheWalk(t *testing.T) {
	n, last := 0, error(nil)
	for _, err := range open(t, bombs(t, 100, 16<<20)).Articles() {
		n, last = n+1, err
	}
	if !errors.Is(last, zim.ErrTooLarge) || n > 40 {
		t.Errorf("%d articles, then %v", n, last)
	}
}

func TestALargeXZDictionaryIsNotAllocated(t *testing.T) {
	data := zimtest.Archive{Compression: zimtest.XZ, PerCluster: 100, Entries: small(false)}.Bytes()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if errs := readAll(data); len(errs) > 0 {
		t.Fatal(errs)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 12<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

// SAVOIRS_TEST_ZIM names an archive made elsewhere: it must read whole, and its bytes, changed at random,
// must give named errors or nothing.
func TestARealArchiveIsReadWholeAndSurvivesChange(t *testing.T) {
	name := os.Getenv("SAVOIRS_TEST_ZIM")
	if name == "" {
		t.Skip("SAVOIRS_TEST_ZIM names no archive")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, data)
	for i := range a.Len() {
		e, err := a.Entry(uint32(i))
		if err != nil {
			t.Fatal(err)
		}
		if e, err = a.Follow(e); err != nil {
			t.Fatal(err)
		}
		r, err := a.Blob(e)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != r.Size() {
			t.Fatal(e.Path, n, err)
		}
	}
	if err := a.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	le := binary.LittleEndian
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		wrong := bytes.Clone(data)
		for range 1 + random.IntN(8) {
			at := random.IntN(len(data))
			if round%2 == 0 { // where the structure is: the head, the entries and their lists
				at = int(le.Uint64(data[32:])) + random.IntN(8*a.Len())
				if random.IntN(4) == 0 {
					at = random.IntN(80)
				} else if random.IntN(2) == 0 {
					at = int(le.Uint64(data[le.Uint64(data[32:]):])) + random.IntN(40*a.Len())
				}
			}
			wrong[min(at, len(data)-1)] = byte(random.Uint32())
		}
		if round%10 == 0 {
			wrong = wrong[:random.IntN(len(wrong))]
		}
		for _, err := range readAll(wrong) {
			if !named(err) {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
}
