package store

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A power cut is not a kill: what the kernel had not written is gone. ext4 can be made to behave so: EXT4_IOC_SHUTDOWN
// without a flush of its journal.
const (
	ext4Shutdown      = 0x8004587D
	shutdownNoLogSync = 2
)

// loopDisk is an ext4 file system in a file. Its mount point lies in a shared bind mount: whoever copies our mount
// namespace meanwhile (ip netns exec does) sees our unmounts too and cannot keep the cut file system alive.
type loopDisk struct{ image, mount string }

func newLoopDisk(t *testing.T, size int64) *loopDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a power cut needs root, to mount a loop device")
	}
	dir := t.TempDir()
	d := &loopDisk{image: filepath.Join(dir, "disk.img"), mount: filepath.Join(dir, "mnt")}
	must(t, os.Mkdir(d.mount, 0o755))
	must(t, os.WriteFile(d.image, nil, 0o600))
	must(t, os.Truncate(d.image, size))
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		t.Skipf("no ext4 to cut the power of: %v: %s", err, out)
	}
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("no mounts: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("still mounted: %v", err)
		}
	})
	must(t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput(); err != nil {
		t.Skipf("no loop devices: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := d.unmount(); err != nil {
			t.Errorf("still mounted: %v", err)
		}
	})
	return d
}

// unmount waits until nobody uses the file system any more.
func (d *loopDisk) unmount() error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := unix.Unmount(d.mount, 0)
		if err == nil || err == unix.EINVAL || time.Now().After(deadline) {
			if err == unix.EINVAL { // not mounted
				err = nil
			}
			return err
		}
		time.Sleep(20 * time.Millisecond) // there is no way to be told
	}
}

// cut drops everything that is not on the disk.
func (d *loopDisk) cut(t *testing.T) {
	t.Helper()
	f, err := os.Open(d.mount)
	must(t, err)
	defer f.Close()
	must(t, unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, shutdownNoLogSync))
}

// restart is the power coming back.
func (d *loopDisk) restart(t *testing.T) {
	t.Helper()
	must(t, d.unmount())
	for deadline := time.Now().Add(20 * time.Second); ; {
		out, err := exec.Command("losetup", "-j", d.image).Output()
		if err == nil && len(out) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the loop device is still there: %v: %s", err, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
	out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput()
	if err != nil {
		t.Fatalf("mount: %v: %s", err, strings.TrimSpace(string(out)))
	}
}

func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	d := newLoopDisk(t, 400<<20)
	dir, work := filepath.Join(d.mount, "store"), prepare(t)
	c := newClaims()
	for range cycles(t, "STORE_CUT_CYCLES", 20) {
		w := startChild(t, dir, work)
		w.ready(t)
		wait := time.NewTimer(100*time.Millisecond + time.Duration(rand.Int64N(int64(400*time.Millisecond))))
		select {
		case <-wait.C:
		case <-w.done:
			t.Fatalf("worker ended by itself: %v", w.acked())
		}
		acked := w.acked() // only what was read before the cut is claimed
		d.cut(t)
		w.kill()
		d.restart(t)
		touched := c.take(t, acked)
		c.check(t, dir, touched, false, func(s *Store) {
			c.forgetPulled(t, s, 2)
			if free, err := s.Free(); err == nil && free < 200<<20 {
				for it := range s.Items() {
					must(t, s.Drop(it.Root))
				}
				*c = claims{space: map[string]Space{}, landed: map[string]map[string]bool{}, noted: c.noted, count: c.count}
				for _, u := range list(false, s.spaces()...) {
					in := receive(t, s, u.Root, ReceiveOptions{Space: u.Space})
					must(t, in.Abandon())
				}
			}
		})
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
