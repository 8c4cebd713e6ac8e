package stick

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// childEnv makes the test binary a writer of the stick it names, until it is killed.
const childEnv = "SAVOIRS_STICK_CHILD"

func TestMain(m *testing.M) {
	if dir, ok := strings.CutPrefix(os.Getenv(childEnv), "verify:"); ok {
		if err := verifyAll(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Println("END", yanked(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// journey makes the same items in each process.
type journey struct {
	testing.TB
	src *source
}

func (j journey) Helper()           {}
func (j journey) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// trip is what a writing adds: an item of a few packs, the half of which the one before had, and letters.
func (j journey) trip(n int) item {
	var pieces [][]byte
	for i := range 12 {
		pieces = append(pieces, noise(uint64(6*n+i), 9000))
	}
	return j.src.pieces(j, pieces)
}

// yanked writes one trip after the other and says what was committed, after it was:
//
//	READY        the stick is open
//	COUNT n      Commit returned
func yanked(dir string) error {
	j := journey{src: newSource()}
	key, id := newKey(j, 1)
	w, err := OpenWriter(context.Background(), dir, Options{Key: key, PackSize: small})
	if err != nil {
		return err
	}
	fmt.Println("READY")
	for n := int(w.Manifest().Count); ; n++ {
		it := j.trip(n)
		if _, err := w.Put(context.Background(), j.src, []Parcel{it.parcel()}, nil); err != nil {
			return err
		}
		if n >= 4 {
			w.Forget(j.trip(n - 4).root)
		}
		if err := w.PutEntries(slices.Values([][]byte{fmt.Appendf(nil, "entry %d", n)})); err != nil {
			return err
		}
		want, err := SealWant(key, Want{Count: uint64(n + 1)})
		if err != nil {
			return err
		}
		if err := w.PutLetter(WantLetter, id, want); err != nil {
			return err
		}
		m, err := w.Commit(context.Background())
		if err != nil {
			return err
		}
		fmt.Println("COUNT", m.Count)
	}
}

func TestAWriterThatIsKilledLeavesTheOldListOrTheNew(t *testing.T) {
	times := 30
	if n, err := strconv.Atoi(os.Getenv("SAVOIRS_STICK_YANKS")); err == nil {
		times = n
	}
	dir := t.TempDir()
	var count uint64
	for i := range times {
		said := killAfter(t, dir, time.Duration(rand.IntN(150))*time.Millisecond)
		count = max(count, said)
		s, err := Open(dir)
		if err != nil && count == 0 {
			continue // killed before the first writing was over
		}
		if err != nil {
			t.Fatalf("yank %d: %v", i, err)
		}
		m := s.Manifest()
		if m.Count < count || m.Count > count+1 {
			t.Fatalf("yank %d: writing %d, and %d was over", i, m.Count, count)
		}
		count = m.Count
		checkTrips(t, s)
		s.Close()
	}
	t.Logf("%d writings, %d yanks", count, times)

	w := write(t, dir, Options{})
	m, err := w.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	named := 2*len(m.Packs) + len(m.Segments) + len(m.Letters) + 1
	if left := len(files(t, dir)); left != named {
		t.Errorf("%d files, %d are named", left, named)
	}
}

// killAfter starts a writer, kills it a while after it has opened the stick, and returns the last writing that was over.
func killAfter(t *testing.T, dir string, while time.Duration) (count uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var killer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch what, arg, _ := strings.Cut(lines.Text(), " "); what {
		case "READY":
			killer = time.AfterFunc(while, func() { cmd.Process.Kill() })
		case "COUNT":
			count, _ = strconv.ParseUint(arg, 10, 64)
		case "END":
			t.Errorf("the writer ended: %s", arg)
		}
	}
	cmd.Wait()
	if killer != nil {
		killer.Stop()
	}
	return count
}

// checkTrips fails unless all that the list names is whole, and it names what the trips so far have put.
func checkTrips(t *testing.T, s *Stick) {
	t.Helper()
	m := s.Manifest()
	r := verify(t, s)
	if r.Packs != len(m.Packs) || r.Letters != 1 || r.Entries != int(m.Count) {
		t.Fatalf("writing %d: report %+v", m.Count, r)
	}
	j := journey{src: newSource()}
	first := max(0, int(m.Count)-4)
	if len(m.Items) != int(m.Count)-first {
		t.Fatalf("writing %d names %d items", m.Count, len(m.Items))
	}
	for n := first; n < int(m.Count); n++ {
		wholeItem(t, s, j.src, j.trip(n))
	}
	for w, err := range s.Wants() {
		if err != nil || w.Count != m.Count {
			t.Fatalf("writing %d: want %d, %v", m.Count, w.Count, err)
		}
	}
}

func TestAWritingGoesOnWhereTheLastOneEnded(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a := src.file(t, 1, 40, 9000)
	w := write(t, dir, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := w.Put(ctx, src, []Parcel{a.parcel()}, func(done, _ int64) {
		if done > 200_000 {
			cancel()
		}
	}); err == nil {
		t.Fatal("it was not cancelled")
	}
	w.Close()
	if _, err := Open(dir); err == nil {
		t.Error("there is a list already")
	}
	all := files(t, dir)
	var half string // what is left of a pack that was cut, as after a yank
	for _, name := range names(all) {
		if strings.HasSuffix(name, ".car") {
			half = name
		}
	}
	base := strings.TrimSuffix(filepath.Join(dir, half), ".car")
	try(t, os.Rename(base+".car", base+".new"), os.Truncate(base+".new", 40_000))
	harm(t, base+".new", func(f *os.File) error { _, err := f.WriteAt([]byte("wrong"), 30_000); return err })

	asked := new(sync.Map)
	w = write(t, dir, Options{})
	if _, err := w.Put(context.Background(), counting{src, asked}, []Parcel{a.parcel()}, nil); err != nil {
		t.Fatal(err)
	}
	m, err := w.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	asked.Range(func(any, any) bool { n++; return true })
	if n < 10 || n > 25 {
		t.Errorf("%d of 41 blocks were read again", n)
	}
	if left := len(files(t, dir)); left != 2*len(m.Packs)+1 {
		t.Errorf("%d files of %d packs", left, len(m.Packs))
	}
	s := open(t, dir)
	verify(t, s)
	wholeItem(t, s, src, a)
}

// counting notes the blocks that are asked for.
type counting struct {
	*source
	asked *sync.Map
}

func (c counting) View(ctx context.Context, name cid.Cid, f func([]byte) error) error {
	c.asked.Store(name, true)
	return c.source.View(ctx, name, f)
}

func TestAnInterruptedRenameIsFinished(t *testing.T) {
	f := newFull(t)
	at := filepath.Join(f.dir, top, manifestName)
	whole, err := os.ReadFile(at)
	try(t, err)
	for name, leave := range map[string]func(){
		"gone": func() { try(t, os.Rename(at, at+".new")) },
		"torn": func() { try(t, os.WriteFile(at+".new", whole, 0o644), os.Truncate(at, 70)) },
	} {
		leave()
		s, err := Open(f.dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		verify(t, s)
		s.Close()
		write(t, f.dir, Options{}).Close()
		if _, err := os.Stat(at + ".new"); err == nil {
			t.Errorf("%s: two lists are left", name)
		}
		verify(t, open(t, f.dir))
	}
	try(t, os.WriteFile(at+".new", whole[:100], 0o644))
	verify(t, open(t, f.dir))
}
