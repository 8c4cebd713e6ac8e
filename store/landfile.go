package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
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

// write opens a file for writing; the last one stays open.
func (in *Incoming) write(p string) (*os.File, error) {
	b := in.batch
	if b.last != nil && b.lastPath == p {
		return b.last, nil
	}
	b.close()
	name := in.file(p)
	if in.repair {
		if err := os.Chmod(name, 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, clash(p, err)
	}
	b.last, b.lastPath = f, p
	b.flush.note(name)
	b.flush.note(filepath.Dir(name))
	return f, nil
}

func (b *landing) close() {
	if b != nil && b.last != nil {
		b.last.Close()
		b.last = nil
	}
}
