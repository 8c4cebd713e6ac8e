package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// The files of an Incoming. Names were checked by open; a name that still does not work on this disk, because it is
// taken by a file or by a folder, is the item's fault.

func (in *Incoming) file(p string) string { return filepath.Join(in.dir, filepath.FromSlash(p)) }

func clash(p string, err error) error {
	if errors.Is(err, os.ErrExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EILSEQ) {
		return fmt.Errorf("%w: %q cannot be a file here: %w", ErrHostile, p, err)
	}
	return err
}

func (in *Incoming) makeFolder(p string) error {
	err := os.Mkdir(in.file(p), 0o755)
	if err == nil {
		in.batch.flush.note(in.file(p))
		in.batch.flush.note(filepath.Dir(in.file(p)))
		return nil
	}
	if st, serr := os.Lstat(in.file(p)); serr == nil && st.IsDir() {
		return nil
	}
	return clash(p, err)
}

// makeFile gives a file its full length, so that its parts can land in any order.
func (in *Incoming) makeFile(p string, size int64) error {
	if st, err := os.Lstat(in.file(p)); in.replay && err == nil && st.Mode().IsRegular() && st.Size() == size {
		return nil
	}
	f, err := in.write(p)
	if err != nil {
		return err
	}
	return f.Truncate(size)
}

func (in *Incoming) writeLeaf(p place, o opened, data []byte) error {
	f, err := in.write(o.path)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		if _, err := f.WriteAt(data, o.off); err != nil {
			return err
		}
	}
	if p.role == entry { // the whole file
		if err := f.Truncate(o.size); err != nil {
			return err
		}
	}
	in.have += o.size
	in.batch.marks = append(in.batch.marks, in.marksAt(o.path, o.off)...)
	return nil
}

// writeInline writes the content a node carries itself. When resuming it is there already, unless it was damaged.
func (in *Incoming) writeInline(o opened) error {
	in.have += int64(len(o.inline))
	if in.replay {
		old, err := readRange(in.file(o.path), o.off, int64(len(o.inline)))
		if err == nil && bytes.Equal(old, o.inline) {
			return nil
		}
	}
	f, err := in.write(o.path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(o.inline, o.off)
	in.batch.marks = append(in.batch.marks, in.marksAt(o.path, o.off)...)
	return err
}

func (in *Incoming) marksAt(p string, off int64) []mark {
	if !in.repair {
		return nil
	}
	return []mark{{kind: inFile, path: p, off: off}}
}

// hasData tells whether anything was ever written at the beginning of a range of a file. It may say so of what was not.
func hasData(file string, off, size int64) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	if size == 0 {
		return true
	}
	at, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
	return err == nil && at < off+size || err != nil && !errors.Is(err, syscall.ENXIO)
}

// maxWriters is how many files of an item are kept open for writing: more than holders that send at a time.
const maxWriters = 8

// writer is a file that is kept open for writing.
type writer struct {
	path string
	f    *os.File
}

// write opens a file for writing; those written last stay open.
func (in *Incoming) write(p string) (*os.File, error) {
	name := in.file(p)
	in.batch.flush.note(name)
	if i := slices.IndexFunc(in.writers, func(w writer) bool { return w.path == p }); i >= 0 {
		return in.writers[i].f, nil
	}
	if in.repair {
		if err := os.Chmod(name, 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, clash(p, err)
	}
	in.batch.flush.note(filepath.Dir(name))
	if len(in.writers) == maxWriters {
		in.writers[0].f.Close()
		in.writers = slices.Delete(in.writers, 0, 1)
	}
	in.writers = append(in.writers, writer{path: p, f: f})
	return f, nil
}

func (in *Incoming) closeWriters() {
	for _, w := range in.writers {
		w.f.Close()
	}
	in.writers = nil
}
