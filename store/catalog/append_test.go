package catalog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAppendNumbersAndChainsEntries(t *testing.T) {
	w := newWriter(t, "a")
	c := open(t, Options{Quota: 1}) // not for one's own
	var prev []byte
	for i := range 3 {
		e, s, err := c.Append(w.key, offer("Jardins"))
		if err != nil {
			t.Fatal(err)
		}
		if e.Author != w.id || e.V != 1 || e.Seq != uint64(i+1) || !bytes.Equal(e.Prev, prev) {
			t.Errorf("%+v", e)
		}
		hash := s.Hash()
		prev = hash[:]
		c = reopen(t, c)
	}
}

func TestAppendRefusesWhatOthersWouldRefuse(t *testing.T) {
	c := open(t, Options{})
	w := newWriter(t, "a")
	if _, _, err := c.Append(w.key, offer("a\u202eb")); !errors.Is(err, ErrMalformed) {
		t.Errorf("title: %v", err)
	}
	e := offer("Jardins")
	e.Card, e.Sketch = strings.Repeat("x", 8192), make([]byte, 8192)
	if _, _, err := c.Append(w.key, e); !errors.Is(err, ErrTooLarge) {
		t.Errorf("size: %v", err)
	}
	if e, _, err := c.Append(w.key, offer("Jardins")); err != nil || e.Seq != 1 {
		t.Errorf("a refused entry took a number: %d, %v", e.Seq, err)
	}
}

func TestARestoredDiskAdoptsItsOwnEntriesBeforeItSigns(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 5)
	c := open(t, Options{Quota: 1})
	add(t, c, chain[0])
	foreign := newWriter(t, "b").chain(t, nil, "Cyclones", 1)
	if err := c.Adopt(w.key, append(foreign, chain[4], chain[2], chain[1], chain[3])); err != nil {
		t.Fatal(err)
	}
	if e, _, err := c.Append(w.key, offer("next")); err != nil || e.Seq != 6 {
		t.Errorf("signed number %d, %v", e.Seq, err)
	}
	if len(c.Heights()) != 1 {
		t.Error("adopted an entry of another author")
	}
}

func TestNothingIsSignedWhileOwnEntriesAreMissing(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 5)
	c := open(t, Options{})
	add(t, c, chain[0])
	if err := c.Adopt(w.key, chain[4:]); !errors.Is(err, ErrGap) {
		t.Fatal(err)
	}
	for range 2 { // also after a restart with nobody to ask
		if _, _, err := c.Append(w.key, offer("x")); !errors.Is(err, ErrGap) {
			t.Errorf("signed: %v", err)
		}
		c = reopen(t, c)
	}
	if err := c.Adopt(w.key, chain[1:4]); err != nil {
		t.Fatal(err)
	}
	if e, _, err := c.Append(w.key, offer("next")); err != nil || e.Seq != 6 {
		t.Errorf("signed number %d, %v", e.Seq, err)
	}
}

func TestAForkOfOnesOwnIsFoundByAdopt(t *testing.T) {
	w := newWriter(t, "a")
	c := open(t, Options{})
	add(t, c, w.chain(t, nil, "Jardins", 2)...)
	if err := c.Adopt(w.key, w.chain(t, nil, "Cyclones", 1)); !errors.Is(err, ErrFork) {
		t.Fatal(err)
	}
	if _, _, err := reopen(t, c).Append(w.key, offer("x")); !errors.Is(err, ErrFrozen) {
		t.Errorf("append: %v", err)
	}
	checkProof(t, open(t, Options{Dir: copyOf(t, c)}), w, 1)
}

// copyOf copies the file of a catalogue into a new folder.
func copyOf(t *testing.T, c *Catalog) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.opts.Dir, "entries.log"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "entries.log"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const childDir = "SAVOIRS_TEST_APPEND_DIR"

// TestAppendUntilKilled is not a test but the process that others kill.
func TestAppendUntilKilled(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("a process for the tests of killing and power cuts")
	}
	w := newWriter(t, "killed")
	c, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, s, err := c.Append(w.key, offer(fmt.Sprint("entry ", rand.Uint64())))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("ack %d %x\n", e.Seq, s.Hash())
	}
}

func TestKilledAppendsLoseNothingAcknowledgedAndNeverReuseANumber(t *testing.T) {
	dir := t.TempDir()
	acked := map[uint64]string{}
	for range 20 {
		appendAndKill(t, dir, acked)
	}
	c := open(t, Options{Dir: dir})
	checkAcked(t, c, acked)
	if len(acked) < 20 || len(c.Forks()) != 0 {
		t.Errorf("%d acknowledged, forks %v", len(acked), c.Forks())
	}
}

// checkAcked checks that every entry acknowledged by the child is held, unchanged.
func checkAcked(t *testing.T, c *Catalog, acked map[uint64]string) {
	t.Helper()
	chain := c.authors[newWriter(t, "killed").id].chain
	for seq, hash := range acked {
		if seq > uint64(len(chain)) {
			t.Errorf("entry %d acknowledged, %d held", seq, len(chain))
			continue
		}
		s, err := c.journal.read(chain[seq-1])
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", s.Hash()); got != hash {
			t.Errorf("entry %d acknowledged as %s, held as %s", seq, hash, got)
		}
	}
}

// startAppending starts a child that appends to the catalogue in dir until it is stopped.
func startAppending(t *testing.T, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestAppendUntilKilled$")
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, out
}

// noteAck notes what a line from the child acknowledges, and reports whether it does.
func noteAck(t *testing.T, line string, acked map[uint64]string) bool {
	t.Helper()
	var seq uint64
	var hash string
	if n, _ := fmt.Sscanf(line, "ack %d %64s", &seq, &hash); n != 2 || len(hash) != 64 {
		return false
	}
	if was, ok := acked[seq]; ok && was != hash {
		t.Errorf("number %d signed twice", seq)
	}
	acked[seq] = hash
	return true
}

// appendAndKill lets a child append for a moment, kills it, and notes what it acknowledged.
func appendAndKill(t *testing.T, dir string, acked map[uint64]string) {
	t.Helper()
	child, out := startAppending(t, dir)
	defer child.Wait()
	defer child.Process.Kill()
	var timer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if noteAck(t, lines.Text(), acked) && timer == nil {
			timer = time.AfterFunc(time.Duration(rand.IntN(30_000))*time.Microsecond, func() { child.Process.Kill() })
		}
	}
	if timer == nil {
		t.Error("the child acknowledged nothing")
	}
}
