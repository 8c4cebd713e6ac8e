package stick

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// top is the folder of a stick on its drive.
const top = "savoirs"

// openTop opens savoirs/ below dir. What lies beside it is not looked at.
func openTop(dir string) (*os.Root, error) {
	drive, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer drive.Close()
	if err := isFolder(drive, top); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoStick)
	} else if err != nil {
		return nil, err
	}
	return drive.OpenRoot(top)
}

// isFolder refuses everything that is no real folder.
func isFolder(root *os.Root, name string) error {
	st, err := root.Lstat(name)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%w: %s is a %s, not a folder", ErrHostile, name, kindOf(st.Mode()))
	}
	return err
}

// openFile opens a regular file in real folders for reading, and says how large it is. ErrHostile for anything else,
// before it is opened, and again after.
func openFile(root *os.Root, name string) (*os.File, int64, error) {
	for at := strings.IndexByte(name, '/'); at > 0; {
		if err := isFolder(root, name[:at]); err != nil {
			return nil, 0, err
		}
		next := strings.IndexByte(name[at+1:], '/')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	st, err := root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%w: %s is a %s", ErrHostile, name, kindOf(st.Mode()))
	}
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	st, err = f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is a %s", ErrHostile, name, kindOf(st.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// openNamed is openFile for a file that the MANIFEST names with its size. What is wrong with it is a [Damage].
func openNamed(root *os.Root, name string, size int64) (*os.File, error) {
	f, is, err := openFile(root, name)
	if err != nil {
		return nil, damageOf(name, err)
	}
	if is != size {
		f.Close()
		return nil, Damage{File: name, At: -1, Err: ErrDamaged, What: sizes(is, size)}
	}
	return f, nil
}

func sizes(is, should int64) string {
	if is < should {
		return fmt.Sprintf("cut, %d of %d bytes", is, should)
	}
	return fmt.Sprintf("%d bytes, not %d", is, should)
}

// damageOf says what an error of opening or reading a file means for the stick.
func damageOf(name string, err error) Damage {
	d := Damage{File: name, At: -1, Err: ErrDamaged, What: err.Error()}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.What = "missing"
	case errors.Is(err, ErrHostile):
		d.Err = ErrHostile
	}
	return d
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "folder"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// space returns the bytes of the whole drive and those free on it.
func space(root *os.Root) (total, free int64, err error) {
	d, err := root.Open(".")
	if err != nil {
		return 0, 0, err
	}
	defer d.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("measure the drive: %w", err)
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}

// flush makes files and folders durable.
func flush(root *os.Root, names ...string) error {
	for _, name := range names {
		f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		err = fsync(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("flush %s: %w", path.Join(top, name), err)
		}
	}
	return nil
}

// fsync flushes a file, with what is needed to read it back, or a folder where its file system can.
func fsync(f *os.File) error {
	err := unix.Fsync(int(f.Fd()))
	if st, statErr := f.Stat(); statErr == nil && st.IsDir() && errors.Is(err, unix.EINVAL) {
		return nil // nothing to flush there
	}
	return err
}
