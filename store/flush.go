package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fewFiles is up to how many files and folders are flushed one by one; beyond, the whole file system is.
const fewFiles = 16

// largeFile is from which length a file is let go of when it is on the disk: in the kernel's memory it would take the
// place of what is in use, such as a model.
const largeFile = 64 << 20

// flusher makes what was written under a folder durable, in one go.
type flusher struct {
	dir   string
	paths map[string]struct{}
	many  bool
	letGo bool // of large files
}

func newFlusher(dir string) *flusher { return &flusher{dir: dir, paths: make(map[string]struct{})} }

// note remembers that a file or a folder (of which entries changed) must be flushed.
func (f *flusher) note(path string) {
	if f.many {
		return
	}
	f.paths[path] = struct{}{}
	if len(f.paths) > fewFiles {
		f.many = true
		clear(f.paths)
	}
}

// flush returns when everything noted is on the disk.
func (f *flusher) flush() error {
	defer func() { clear(f.paths); f.many = false }()
	if f.many {
		return syncFileSystem(f.dir)
	}
	for p := range f.paths {
		if err := f.flushOne(p); err != nil {
			return err
		}
	}
	return nil
}

func (f *flusher) flushOne(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Fdatasync(int(file.Fd())); err != nil {
		return fmt.Errorf("flush %s: %w", path, err)
	}
	if st, err := file.Stat(); f.letGo && err == nil && st.Mode().IsRegular() && st.Size() >= largeFile {
		_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED) // advice: nothing depends on it
	}
	return nil
}

func syncFileSystem(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("flush the file system of %s: %w", dir, err)
	}
	return nil
}

// syncPath flushes one file or folder.
func syncPath(path string) error { return new(flusher).flushOne(path) }

// replaceFile writes a small file so that after a crash the old or the new content is there, and returns when the new
// one is durable.
func replaceFile(path string, data []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	if err := syncPath(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// share gives a file a second name, or copies it where the file system has no links. An older file of that name is
// replaced. The caller flushes the folder.
func share(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return errors.Join(out.Sync(), out.Close())
}
