package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// ErrEmpty is returned by Add for a folder without a single visible file.
	ErrEmpty = errors.New("nothing to add")
	// ErrOutside is returned by Add for a symbolic link that leads out of the folder.
	ErrOutside = errors.New("link leads out of the folder")
	// ErrUnreadable is returned by Add for what cannot be read: missing rights, a dangling link, a device or a pipe.
	ErrUnreadable = errors.New("cannot be read")
)

// source is a folder of the user, or one file of it, as surveyed before a byte is copied.
type source struct {
	root  *os.Root
	base  string // absolute path of the folder
	top   sourceFolder
	files int
	size  int64
}

type sourceFolder struct {
	path    string // slash-separated, relative to base; "" is base itself
	files   []sourceFile
	folders []sourceFolder
}

type sourceFile struct {
	path string
	size int64
}

// survey lists what would be added. Names that start with a dot are skipped. Links inside the folder are followed, but
// never out of it; os.Root sees to that again when the file is opened.
func survey(name string) (*source, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(abs)
	if err != nil {
		return nil, unreadable(name, err)
	}
	src := &source{base: abs}
	if !st.IsDir() {
		src.base = filepath.Dir(abs)
	}
	if src.base, err = filepath.EvalSymlinks(src.base); err != nil {
		return nil, unreadable(name, err)
	}
	if src.root, err = os.OpenRoot(src.base); err != nil {
		return nil, unreadable(name, err)
	}
	if st.IsDir() {
		err = src.list(&src.top, 0)
	} else {
		err = src.file(&src.top, filepath.Base(abs), st)
	}
	if err == nil && src.files == 0 {
		err = fmt.Errorf("%s: %w", name, ErrEmpty)
	}
	if err != nil {
		src.root.Close()
		return nil, err
	}
	return src, nil
}

func (s *source) list(to *sourceFolder, depth int) error {
	if depth > maxDepth {
		return unreadable(s.full(to.path), fmt.Errorf("more than %d folders deep", maxDepth))
	}
	dir, err := s.root.Open(s.local(to.path))
	if err != nil {
		return unreadable(s.full(to.path), err)
	}
	entries, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil {
		return unreadable(s.full(to.path), err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		p := path.Join(to.path, e.Name())
		if err := checkName(e.Name()); err != nil || len(p) > maxPath {
			return unreadable(s.full(p), errors.New("its name cannot be shared"))
		}
		st, err := s.stat(p)
		if err != nil {
			return err
		}
		if !st.IsDir() {
			if err := s.file(to, p, st); err != nil {
				return err
			}
			continue
		}
		sub := sourceFolder{path: p}
		if err := s.list(&sub, depth+1); err != nil {
			return err
		}
		to.folders = append(to.folders, sub)
	}
	return nil
}

// stat follows links and tells those that lead out from those that lead nowhere.
func (s *source) stat(p string) (fs.FileInfo, error) {
	st, err := s.root.Stat(s.local(p))
	if err == nil {
		return st, nil
	}
	link, lerr := s.root.Lstat(s.local(p))
	if lerr != nil || link.Mode()&fs.ModeSymlink == 0 {
		return nil, unreadable(s.full(p), err)
	}
	// os.Root refuses a link out of the folder and every absolute link; neither is a dangling one.
	target, lerr := os.Readlink(s.full(p))
	if lerr == nil && !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(s.full(p)), target)
	}
	if lerr == nil && (!within(s.base, target) || !errors.Is(err, fs.ErrNotExist) && exists(target)) {
		return nil, fmt.Errorf("%s: %w", s.full(p), ErrOutside)
	}
	return nil, unreadable(s.full(p), err)
}

func (s *source) file(to *sourceFolder, p string, st fs.FileInfo) error {
	if !st.Mode().IsRegular() {
		return unreadable(s.full(p), errors.New("not a regular file"))
	}
	if s.files++; s.files > maxEntries {
		return fmt.Errorf("%s: more than %d files", s.base, maxEntries)
	}
	f, err := s.open(p)
	if err != nil {
		return err
	}
	f.Close()
	to.files = append(to.files, sourceFile{path: p, size: st.Size()})
	s.size += st.Size()
	return nil
}

// open opens a file of the source for reading; it cannot leave the folder and never waits.
func (s *source) open(p string) (*os.File, error) {
	f, err := s.root.OpenFile(s.local(p), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(s.full(p), err)
	}
	return f, nil
}

func (s *source) local(p string) string { return filepath.FromSlash(path.Join(".", p)) }
func (s *source) full(p string) string  { return filepath.Join(s.base, filepath.FromSlash(p)) }

func unreadable(name string, err error) error {
	return fmt.Errorf("%s: %w: %w", name, ErrUnreadable, err)
}

func within(base, p string) bool {
	rel, err := filepath.Rel(base, p)
	return err == nil && filepath.IsLocal(rel)
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}
