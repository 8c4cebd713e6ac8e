package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrDriveBusy says that something still uses a drive.
	ErrDriveBusy = errors.New("the drive is in use")
	// ErrNoUnmount says that nothing here may unmount a drive.
	ErrNoUnmount = errors.New("nothing here may unmount the drive")
)

// unmountTime is how long a program may take to unmount a drive: what was
// flushed before leaves it little to do.
const unmountTime = 30 * time.Second

// Eject makes what was written to the drive that holds dir durable and unmounts
// it; then it may be pulled out. The drive returned has no Dir any more when it
// is unmounted: a folder on no drive of its own is flushed only, and keeps its
// place. Errors: ErrDriveBusy and ErrNoUnmount, after which all is flushed.
func (m Media) Eject(ctx context.Context, dir string) (Drive, error) {
	place, err := filepath.Abs(dir)
	if err == nil {
		place, err = filepath.EvalSymlinks(place)
	}
	if err != nil {
		return Drive{}, fmt.Errorf("eject: %w", err)
	}
	if err := flushDrive(place); err != nil {
		return Drive{}, fmt.Errorf("eject %s: %w", dir, err)
	}
	drives, err := m.Drives()
	if err != nil {
		return Drive{}, fmt.Errorf("eject %s: %w", dir, err)
	}
	d := Drive{Dir: place, Label: filepath.Base(place)}
	on := false
	for _, other := range drives { // the deepest that holds it comes last
		if within(other.Dir, place) {
			d, on = other, true
		}
	}
	if !on {
		return d, nil
	}
	if err := unmount(ctx, d); err != nil {
		return d, fmt.Errorf("eject %s: %w", d.Dir, err)
	}
	d.Dir = ""
	return d, nil
}

// flushDrive returns when everything written to the file system of dir is on it.
func flushDrive(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// unmount takes a drive away as root does, else as a desktop lets its users do,
// else as /etc/fstab may let them.
func unmount(ctx context.Context, d Drive) error {
	err := unix.Unmount(d.Dir, unix.UMOUNT_NOFOLLOW)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY):
		return ErrDriveBusy
	case !errors.Is(err, unix.EPERM):
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, unmountTime)
	defer cancel()
	refused := ErrNoUnmount
	for _, command := range [][]string{{"udisksctl", "unmount", "--no-user-interaction", "-b", d.Device}, {"umount", d.Dir}} {
		program := exec.CommandContext(ctx, command[0], command[1:]...)
		program.Env = append(os.Environ(), "LC_ALL=C")
		text, err := program.CombinedOutput()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, exec.ErrNotFound):
		case bytes.Contains(bytes.ToLower(text), []byte("busy")):
			return ErrDriveBusy
		default:
			refused = fmt.Errorf("%w: %s: %s", refused, command[0], firstLine(text))
		}
	}
	return refused
}

// firstLine is what a program said first, cut to a size for a message.
func firstLine(text []byte) string {
	for i, c := range text {
		if c == '\n' || i == 200 {
			return string(text[:i])
		}
	}
	return string(text)
}

// Drives returns what is plugged into this node's machine, as [Media.Drives].
func (n *Node) Drives() ([]Drive, error) { return n.o.Media.Drives() }

// Eject flushes and unmounts the drive that holds dir, as [Media.Eject].
func (n *Node) Eject(ctx context.Context, dir string) (Drive, error) {
	return n.o.Media.Eject(ctx, dir)
}
