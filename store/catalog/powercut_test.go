//go:build linux

package catalog

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ext4 stops at once and forgets what was not flushed: what a power cut does to a disk.
const (
	ext4Shutdown       = 0x8004587D // EXT4_IOC_SHUTDOWN, linux/fs/ext4/ext4.h
	shutdownNoLogFlush = 2
)

func TestAPowerCutLosesNothingAcknowledgedAndNoNumberIsReused(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second a cycle")
	}
	mnt := loopMount(t)
	acked := map[uint64]string{}
	for cycle := range 3 {
		mnt.mount(t)
		appendAndCut(t, mnt, acked)
		mnt.unmount(t)
		mnt.mount(t)
		c := open(t, Options{Dir: filepath.Join(mnt.dir, "catalogue")})
		held := c.Heights()
		if len(held) != 1 || len(c.Forks()) != 0 || len(acked) <= cycle {
			t.Fatalf("cycle %d: heights %v, forks %v, %d acknowledged", cycle, held, c.Forks(), len(acked))
		}
		checkAcked(t, c, acked)
		c.Close()
		mnt.unmount(t)
	}
}

// appendAndCut lets a child append for a moment and cuts the power. Only what was acknowledged before
// the cut counts.
func appendAndCut(t *testing.T, mnt *loopFS, acked map[uint64]string) {
	t.Helper()
	child, out := startAppending(t, filepath.Join(mnt.dir, "catalogue"))
	defer child.Wait()
	defer child.Process.Kill()
	lines := bufio.NewScanner(out)
	for start := time.Now(); time.Since(start) < 150*time.Millisecond || len(acked) == 0; {
		if !lines.Scan() {
			t.Fatal("the child ended")
		}
		noteAck(t, lines.Text(), acked)
	}
	mnt.cutPower(t)
}

// loopFS is an ext4 file system in a file, which only root can mount.
type loopFS struct{ image, dir string }

func loopMount(t *testing.T) *loopFS {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a file system to cut its power")
	}
	mnt := &loopFS{image: filepath.Join(t.TempDir(), "disk"), dir: t.TempDir()}
	if err := os.WriteFile(mnt.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(mnt.image, 64<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", mnt.image).CombinedOutput(); err != nil {
		t.Skipf("no ext4 to cut the power of: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", mnt.image, mnt.dir).CombinedOutput(); err != nil {
		t.Skipf("no loop devices to cut the power of: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", mnt.dir).Run() })
	mnt.unmount(t)
	return mnt
}

func (mnt *loopFS) mount(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "loop", mnt.image, mnt.dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
}

// unmount waits for a killed process to let go of its files.
func (mnt *loopFS) unmount(t *testing.T) {
	t.Helper()
	var out []byte
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if out, err = exec.Command("umount", mnt.dir).CombinedOutput(); err == nil {
			return
		}
	}
	t.Fatalf("umount: %v %s", err, out)
}

func (mnt *loopFS) cutPower(t *testing.T) {
	t.Helper()
	d, err := os.Open(mnt.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	how := uint32(shutdownNoLogFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		t.Fatalf("cut the power: %v", errno)
	}
}
