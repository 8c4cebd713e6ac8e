package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNoSpace says that something does not fit above the free-space floor. The error that carries it is a NoSpaceError.
var ErrNoSpace = errors.New("not enough free space")

// NoSpaceError says how much was needed and how much there is above the floor, in bytes. It wraps ErrNoSpace.
type NoSpaceError struct{ Need, Have int64 }

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("%v: %d bytes needed, %d usable", ErrNoSpace, e.Need, e.Have)
}

func (e *NoSpaceError) Unwrap() error { return ErrNoSpace }

const (
	// indexReserve is what Badger may write between two looks at the disk: two memory tables with their logs. It writes through mmap, so a full disk would kill the process with SIGBUS.
	indexReserve = 24 << 20
	ballastSize  = 32 << 20
	// ballastMinDisk is the smallest file system on which setting bytes aside makes sense.
	ballastMinDisk = 1 << 30
)

// disk watches the file system under the store.
type disk struct {
	dir     string
	floor   int64
	ballast string
}

func openDisk(dir string, floor int64) (*disk, error) {
	d := &disk{dir: dir, floor: floor, ballast: filepath.Join(dir, "ballast")}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil, fmt.Errorf("measure %s: %w", dir, err)
	}
	total := int64(st.Blocks) * st.Bsize
	switch {
	case floor == 0:
		d.floor = min(max(total/32, 64<<20), 1<<30)
	case floor < 0:
		d.floor = 0
	}
	if avail := int64(st.Bavail) * st.Bsize; total >= ballastMinDisk && avail > 4*ballastSize {
		if err := d.load(); err != nil {
			return nil, err
		}
	}
	return d, d.guard()
}

// load sets the ballast aside. A file system that cannot preallocate goes without.
func (d *disk) load() error {
	if st, err := os.Stat(d.ballast); err == nil && st.Size() == ballastSize {
		return nil
	}
	f, err := os.OpenFile(d.ballast, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, ballastSize); err != nil {
		os.Remove(d.ballast)
	}
	return nil
}

func (d *disk) avail() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return 0, fmt.Errorf("measure %s: %w", d.dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func (d *disk) free() (int64, error) {
	n, err := d.avail()
	return max(n-d.floor, 0), err
}

// need refuses n more bytes when they do not fit above the floor.
func (d *disk) need(n int64) error {
	have, err := d.free()
	if err != nil {
		return err
	}
	if n > have {
		return &NoSpaceError{Need: n, Have: have}
	}
	return nil
}

// guard is called before the index is written: it gives the ballast back when the disk is nearly full, and refuses
// when even that is not enough.
func (d *disk) guard() error {
	have, err := d.avail()
	if err != nil || have >= indexReserve {
		return err
	}
	if os.Remove(d.ballast) == nil {
		if have, err = d.avail(); err != nil || have >= indexReserve {
			return err
		}
	}
	return &NoSpaceError{Need: indexReserve, Have: have}
}
