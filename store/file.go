package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"sync"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// span is a range of a file and the block its bytes come from: a raw leaf, or a node that carries content itself.
type span struct {
	c      cid.Cid
	path   string
	off    int64
	size   int64
	inline bool
}

// openFile is an open file of an item. It keeps the last block it read, so that small reads hash each block once.
type openFile struct {
	info entryInfo
	fsys *itemFS

	// mu guards the fields below.
	mu     sync.Mutex
	spans  []span // nil until the first read
	pos    int64
	closed bool
	last   span
	bytes  []byte // of last
}

var (
	_ io.ReaderAt = (*openFile)(nil)
	_ io.Seeker   = (*openFile)(nil)
)

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed, f.bytes = true, nil
	return nil
}

func (f *openFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.readAt(p, f.pos, true)
	f.pos += int64(n)
	return n, err
}

func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < 0 {
		return 0, f.fail("read", fs.ErrInvalid)
	}
	n := 0
	for n < len(p) {
		m, err := f.readAt(p[n:], off+int64(n), false)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *openFile) Seek(off int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		off += f.pos
	case io.SeekEnd:
		off += f.info.bytes
	case io.SeekStart:
	default:
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	if f.closed {
		return 0, f.fail("seek", fs.ErrClosed)
	}
	if off < 0 {
		return 0, f.fail("seek", fs.ErrInvalid)
	}
	f.pos = off
	return off, nil
}

// readAt reads from the one block that holds off. An empty file is one empty block, and is checked too.
func (f *openFile) readAt(p []byte, off int64, first bool) (int, error) {
	if f.closed {
		return 0, f.fail("read", fs.ErrClosed)
	}
	if f.bytes != nil && off >= f.last.off && off < f.last.off+f.last.size {
		return copy(p, f.bytes[off-f.last.off:]), nil
	}
	// The item is looked up for each block, as it may have been published since the file was opened.
	sp, _, err := f.fsys.s.find(f.fsys.root)
	if err != nil {
		return 0, f.fail("read", err)
	}
	if f.spans == nil {
		if f.spans, err = spans(sp, f.info); err != nil {
			return 0, f.fail("read", err)
		}
	}
	i := sort.Search(len(f.spans), func(i int) bool { return f.spans[i].off+f.spans[i].size > off })
	if i == len(f.spans) {
		if i == 1 && f.spans[0].size == 0 && first {
			if _, err := sp.span(f.fsys.root, f.spans[0]); err != nil {
				return 0, f.fail("read", err)
			}
		}
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	data, err := sp.span(f.fsys.root, f.spans[i])
	if err != nil {
		return 0, f.fail("read", err)
	}
	f.last, f.bytes = f.spans[i], data
	return copy(p, f.bytes[off-f.last.off:]), nil
}

func (f *openFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.info.place.path, Err: err}
}

// span reads a range of a file of an item and hashes it. Wrong bytes are marked and looked for elsewhere in the space.
func (sp *space) span(root cid.Cid, s span) ([]byte, error) {
	if s.inline {
		data, err := sp.node(s.c)
		if err != nil {
			return nil, err
		}
		o, err := open(place{c: s.c, role: part, path: s.path, size: -1}, data)
		return o.inline, err
	}
	if data, ok := inlined(s.c); ok {
		return data, nil
	}
	h, ok := sp.folderOf(root)
	if !ok {
		return nil, ErrNotFound
	}
	data, err := readRange(filepath.Join(h, filepath.FromSlash(s.path)), s.off, s.size)
	if err == nil && matches(s.c, data) {
		return data, nil
	}
	sp.mark(s.c, ref{kind: inFile, root: root.KeyString(), path: s.path, off: s.off, size: s.size}, err)
	data, err = sp.get(s.c)
	if err == nil && int64(len(data)) != s.size {
		err = errors.New("size differs")
	}
	if ipld.IsNotFound(err) {
		err = fmt.Errorf("%s, %d bytes at %d: %w", s.path, s.size, s.off, ErrDamaged)
	}
	return data, err
}

// folderOf returns the folder of an item's files.
func (sp *space) folderOf(root cid.Cid) (string, bool) {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	h, ok := sp.held[root.KeyString()]
	if !ok {
		return "", false
	}
	return h.folder, true
}
