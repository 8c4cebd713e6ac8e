package store

import (
	"bufio"
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
)

// child is a running worker and what it has acknowledged.
type child struct {
	cmd       *exec.Cmd
	done      chan struct{}
	complaint bytes.Buffer

	// mu guards acks.
	mu   sync.Mutex
	acks []string
	some *sync.Cond // signalled at every line
}

func startChild(t *testing.T, dir, work string) *child {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	c := &child{cmd: exec.Command(self), done: make(chan struct{})}
	c.some = sync.NewCond(&c.mu)
	c.cmd.Env = append(os.Environ(), childEnv+"="+dir+"|"+work)
	c.cmd.Stderr = &c.complaint
	out, err := c.cmd.StdoutPipe()
	must(t, err)
	must(t, c.cmd.Start())
	go func() {
		defer close(c.done)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\n') // a line that is cut short is no acknowledgement
			c.mu.Lock()
			if err == nil {
				c.acks = append(c.acks, strings.TrimSpace(line))
			} else {
				c.acks = append(c.acks, "EOF")
			}
			c.some.Broadcast()
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return c
}

// ready waits until the store is open.
func (c *child) ready(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	for len(c.acks) == 0 {
		c.some.Wait()
	}
	first := c.acks[0]
	c.mu.Unlock()
	if first != "READY" {
		c.kill()
		t.Fatalf("the store did not open after an interruption: %s\n%s", first, c.complaint.String())
	}
}

// wait returns true at the first line that is right, and false when the child has ended without one.
func (c *child) wait(right func(line string) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(c.acks) {
			c.some.Wait()
		}
		if right(c.acks[i]) {
			return true
		}
		if c.acks[i] == "EOF" {
			return false
		}
	}
}

// acked returns what has been acknowledged until now.
func (c *child) acked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.acks...)
}

func (c *child) kill() {
	c.cmd.Process.Kill()
	<-c.done
	c.cmd.Wait()
}

// claims is what must still be true of a store.
type claims struct {
	space  map[string]Space           // by root
	landed map[string]map[string]bool // blocks, by root
	noted  map[string]bool            // keys of records
	count  map[string]int
}

func newClaims() *claims {
	return &claims{space: make(map[string]Space), landed: make(map[string]map[string]bool),
		noted: make(map[string]bool), count: make(map[string]int)}
}

// take adds acknowledgements, and returns the roots they are about.
func (c *claims) take(t *testing.T, acks []string) map[string]bool {
	t.Helper()
	touched := make(map[string]bool)
	for _, line := range acks {
		f := strings.Fields(line)
		c.count[f[0]]++
		switch f[0] {
		case "READY", "EOF":
			continue
		case "NOTED":
			c.noted[f[1]] = true
			continue
		case "ADDED":
			if c.space[f[1]] != Mesh {
				c.space[f[1]] = Private
			}
		case "PULLED", "PUBLISHED":
			c.space[f[1]] = Mesh
			delete(c.landed, f[1])
		case "LANDED":
			if c.landed[f[1]] == nil {
				c.landed[f[1]] = make(map[string]bool)
			}
			for _, b := range f[2:] {
				c.landed[f[1]][b] = true
			}
		default:
			t.Fatalf("worker said %q", line)
		}
		touched[f[1]] = true
	}
	return touched
}

// check opens the store and looks whether everything acknowledged is there and right; of whole items, those in touched
// are read. The index may have been rebuilt, and the records lost, only when the store was being opened.
func (c *claims) check(t *testing.T, dir string, touched map[string]bool, opening bool, then func(*Store)) {
	t.Helper()
	ctx := context.Background()
	s, err := Open(Options{Dir: dir, FreeFloor: -1})
	if err != nil {
		t.Fatalf("the store does not open: %v", err)
	}
	defer s.Close()
	if s.Rebuilt() {
		c.count["rebuilt"]++
		clear(c.noted)
		if !opening {
			t.Error("the index was rebuilt, and its records lost")
		}
	}
	for key := range c.noted {
		if v, err := s.Datastore("notes").Get(ctx, ds.NewKey(key)); err != nil || string(v) != key {
			t.Errorf("acknowledged record %s is lost: %q, %v", key, v, err)
		}
	}
	for root, space := range c.space {
		r, err := cid.Decode(root)
		must(t, err)
		it, err := s.Item(r)
		if err != nil {
			t.Errorf("acknowledged item is lost: %v", err)
			continue
		}
		if space == Mesh && it.Space != Mesh {
			t.Errorf("%s was published and is private", root)
		}
	}
	for root, bs := range c.landed {
		view := s.Blocks(Mesh)
		for b := range bs {
			bc, err := cid.Decode(b)
			must(t, err)
			if _, err := view.Get(ctx, bc); err != nil {
				t.Errorf("acknowledged block %s of %s is lost: %v", b, root, err)
			}
		}
	}
	for it, err := range s.Items() {
		must(t, err)
		if !touched[it.Root.String()] {
			if _, claimed := c.space[it.Root.String()]; claimed {
				continue
			}
		}
		if d, err := s.Verify(ctx, it.Root, nil); err != nil || len(d) > 0 {
			t.Errorf("item %s is not whole: %+v, %v", it.Root, d, err)
		}
	}
	for _, sp := range []*space{s.private, s.mesh} {
		if left, err := os.ReadDir(sp.staging()); err != nil || len(left) > 0 {
			t.Errorf("left in staging: %v, %v", left, err)
		}
	}
	then(s)
}

// prepare makes a second store with items to pull, and exports them.
func prepare(t *testing.T) (work string) {
	t.Helper()
	work = t.TempDir()
	must(t, os.Mkdir(filepath.Join(work, "cars"), 0o755))
	from := openTest(t)
	for i := range 12 {
		it := add(t, from, writeTree(t, map[string][]byte{
			"a": noise(uint64(1000+i), 700<<10), "d/b": noise(uint64(2000+i), 3000), "d/c": []byte(itoa(i)), "shared": noise(1, 200<<10),
		}), AddOptions{})
		must(t, os.WriteFile(filepath.Join(work, "cars", itoa(i)+".car"), carOf(t, from, it.Root), 0o644))
	}
	must(t, from.Close())
	return work
}

// forgetPulled drops a few pulled items, so that there is something to pull again.
func (c *claims) forgetPulled(t *testing.T, s *Store, most int) {
	n := 0
	for it := range s.Items() {
		if it.Title == "pulled" && n < most {
			must(t, s.Drop(it.Root))
			delete(c.space, it.Root.String())
			delete(c.landed, it.Root.String())
			n++
		}
	}
}

func cycles(t *testing.T, name string, n int) int {
	if v := os.Getenv(name); v != "" {
		var err error
		n, err = strconv.Atoi(v)
		must(t, err)
	}
	return n
}

func TestKillNineLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	dir, work := filepath.Join(t.TempDir(), "store"), prepare(t)
	c := newClaims()
	for i := range cycles(t, "STORE_KILL_CYCLES", 40) {
		w := startChild(t, dir, work)
		opening := i%5 == 4 // every fifth is killed while it opens the store, or soon after
		if !opening {
			w.ready(t)
		}
		wait := time.NewTimer(time.Duration(rand.Int64N(int64(250 * time.Millisecond))))
		select {
		case <-wait.C:
		case <-w.done:
		}
		w.kill()
		touched := c.take(t, w.acked())
		c.check(t, dir, touched, opening, func(s *Store) { c.forgetPulled(t, s, 2) })
		if t.Failed() {
			return
		}
	}
	all := make(map[string]bool)
	for root := range c.space {
		all[root] = true
	}
	c.check(t, dir, all, false, func(*Store) {})
	t.Logf("acknowledged: %v", c.count)
	if c.count["ADDED"] == 0 || c.count["LANDED"] == 0 || c.count["PULLED"] == 0 || c.count["PUBLISHED"] == 0 {
		t.Errorf("not everything was tried: %v", c.count)
	}
}
