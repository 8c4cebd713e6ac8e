package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"golang.org/x/sys/unix"
)

// get reads a block from the first place where it is right. A place where it is wrong is marked. When no place is
// left, it returns ipld.ErrNotFound.
func (sp *space) get(c cid.Cid) ([]byte, error) { return sp.getInto(nil, c) }

// getInto is get into a buffer of the caller, if the block fits there.
func (sp *space) getInto(buf []byte, c cid.Cid) ([]byte, error) {
	if data, ok := inlined(c); ok {
		return data, nil
	}
	mh := string(c.Hash())
	refs, err := sp.usable(mh)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		data, err := sp.readInto(buf, r)
		if err == nil && matches(c, data) {
			return data, nil
		}
		sp.mark(c, r, err)
	}
	return nil, ipld.ErrNotFound{Cid: c}
}

// read returns the bytes at a place, whatever they are.
func (sp *space) read(r ref) ([]byte, error) { return sp.readInto(nil, r) }

func (sp *space) readInto(buf []byte, r ref) ([]byte, error) {
	file, err := sp.locate(r)
	if err != nil {
		return nil, err
	}
	return readRangeInto(buf, file, r.off, r.size)
}

// locate returns the file a reference points into.
func (sp *space) locate(r ref) (string, error) {
	if r.kind == loose {
		return filepath.Join(sp.loose(), filepath.FromSlash(r.path)), nil
	}
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	h, ok := sp.held[r.root]
	if !ok {
		return "", ErrNotFound
	}
	switch r.kind {
	case inFile:
		return filepath.Join(h.folder, filepath.FromSlash(r.path)), nil
	case inDag:
		return h.dag, nil
	case waiting:
		return filepath.Join(sp.incoming(), h.root.String()+".wait", filepath.FromSlash(r.path)), nil
	}
	return "", fmt.Errorf("reference of kind %q", r.kind)
}

// readRange reads size bytes of a regular file. It never waits, whatever a user has put in the place of the file.
func readRange(path string, off, size int64) ([]byte, error) {
	return readRangeInto(nil, path, off, size)
}

// readRangeInto uses the caller's buffer if the range fits there.
func readRangeInto(buf []byte, path string, off, size int64) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := buf
	if int64(len(data)) < size {
		data = make([]byte, size)
	}
	data = data[:size]
	if _, err := f.ReadAt(data, off); err != nil && (err != io.EOF || size > 0) {
		return nil, err
	}
	if size >= readAhead {
		// Most reads go on where the last one ended: let the disk work while these bytes are hashed and sent.
		_ = unix.Fadvise(int(f.Fd()), off+size, size, unix.FADV_WILLNEED)
	}
	return data, nil
}

// readAhead is from which size a range is taken for one of several.
const readAhead = 64 << 10

func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return f, nil
}
