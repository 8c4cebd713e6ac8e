package extract

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
)

const (
	maxEntries   = 10000
	maxDirectory = 4 << 20   // bytes of a zip's directory
	maxRatio     = 250       // inflated to compressed bytes; documents stay below 100
	freeRatio    = 1 << 20   // inflated bytes below which the ratio is nobody's business
	maxSpool     = 128 << 20 // bytes of an archive held in memory, where its file cannot seek
)

// archive is the zip file of an epub, docx or odt. It hands out members by
// name and counts what they inflate to, whatever their headers say. Names are
// only keys here: nothing is written under them.
type archive struct {
	members map[string]*zip.File
	budget  int64 // inflated bytes still allowed, for all members together
}

func openArchive(in *input, budget int64) (*archive, error) {
	at, err := in.readerAt()
	if err != nil {
		return nil, err
	}
	var magic [8]byte
	if n, _ := at.ReadAt(magic[:], 0); n == 8 && string(magic[:]) == "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" {
		return nil, oleError(at, in.size)
	}
	directory := &meter{r: at, left: maxDirectory}
	z, err := zip.NewReader(directory, in.size)
	if errors.Is(err, zip.ErrInsecurePath) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	directory.open = true
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("%w: %d entries in the archive", ErrTooLarge, len(z.File))
	}
	a := &archive{members: make(map[string]*zip.File, len(z.File)), budget: budget}
	for _, f := range z.File {
		if name := strings.ReplaceAll(f.Name, `\`, "/"); a.members[name] == nil {
			a.members[name] = f
		}
	}
	return a, nil
}

// oleError says why a file that should be a zip is an OLE container: Word
// puts encrypted documents, and those of before 2007, into one.
func oleError(at io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 1<<20))
	n, _ := at.ReadAt(head, 0)
	name := []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")
	if bytes.Contains(head[:n], name) {
		return ErrEncrypted
	}
	return fmt.Errorf("%w: an old Word file under a new name", ErrUnsupported)
}

func (a *archive) has(name string) bool { return a.members[name] != nil }

// open returns a member's content, which the caller closes. A member that is
// missing gives fs.ErrNotExist.
func (a *archive) open(name string) (io.ReadCloser, error) {
	f := a.members[path.Clean(name)]
	if f == nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	if f.Flags&1 != 0 {
		return nil, ErrEncrypted
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &member{ReadCloser: r, a: a, packed: int64(f.CompressedSize64)}, nil
}

// member counts the bytes a member inflates to.
type member struct {
	io.ReadCloser
	a        *archive
	packed   int64
	inflated int64
}

func (m *member) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.inflated += int64(n)
	m.a.budget -= int64(n)
	if m.a.budget < 0 || m.inflated > freeRatio && m.inflated/maxRatio > m.packed {
		return 0, fmt.Errorf("%w: the archive inflates too much", ErrTooLarge)
	}
	return n, err
}

// meter bounds what is read until it is opened.
type meter struct {
	r    io.ReaderAt
	left int64
	open bool
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	if !m.open {
		if m.left -= int64(len(p)); m.left < 0 {
			return 0, fmt.Errorf("%w: the archive's directory", ErrTooLarge)
		}
	}
	return m.r.ReadAt(p, off)
}

// readerAt gives random access to the file: its own, or by seeking, or from
// memory.
func (in *input) readerAt() (io.ReaderAt, error) {
	switch f := in.f.(type) {
	case io.ReaderAt:
		return &inputAt{in: in, read: f.ReadAt}, nil
	case io.ReadSeeker:
		var mu sync.Mutex
		return &inputAt{in: in, read: func(p []byte, off int64) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			if _, err := f.Seek(off, io.SeekStart); err != nil {
				return 0, err
			}
			n, err := io.ReadFull(f, p)
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return n, err
		}}, nil
	}
	if in.size > maxSpool {
		return nil, fmt.Errorf("%w: %d bytes in a file that cannot seek", ErrTooLarge, in.size)
	}
	data, err := io.ReadAll(io.LimitReader(in, in.size))
	return bytes.NewReader(data), err
}

type inputAt struct {
	in   *input
	read func(p []byte, off int64) (int, error)
}

func (a *inputAt) ReadAt(p []byte, off int64) (int, error) {
	if err := a.in.alive(); err != nil {
		return 0, a.in.note(err)
	}
	n, err := a.read(p, off)
	return n, a.in.note(err)
}
