package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// FS returns the files of an item, or ErrNotFound. Every read is hashed: a wrong range is marked, taken from another item
// of the same space that has it right, and otherwise reads as ErrDamaged. Its files are io.Seeker and io.ReaderAt too
// and may be read concurrently. It goes on working when the item is published.
func (s *Store) FS(root cid.Cid) (fs.FS, error) {
	root = canonical(root)
	if _, _, err := s.find(root); err != nil {
		return nil, err
	}
	return &itemFS{s: s, root: root, folders: make(map[cid.Cid]map[string]entryInfo)}, nil
}

// itemFS reads the folders from the nodes and the bytes from the files.
type itemFS struct {
	s    *Store
	root cid.Cid

	// mu guards folders, those read lately.
	mu      sync.Mutex
	folders map[cid.Cid]map[string]entryInfo
}

// keptFolders bounds how many folders an itemFS remembers.
const keptFolders = 32

func (f *itemFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := f.open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

func (f *itemFS) open(name string) (fs.File, error) {
	sp, _, err := f.s.find(f.root)
	if err != nil {
		return nil, err
	}
	at, err := f.top(sp)
	if err != nil {
		return nil, err
	}
	at.name = "."
	for _, step := range strings.Split(name, "/") {
		if name == "." {
			break
		}
		if !at.IsDir() {
			return nil, fs.ErrNotExist
		}
		children, err := f.children(sp, at)
		if err != nil {
			return nil, err
		}
		next, ok := children[step]
		if !ok {
			return nil, fs.ErrNotExist
		}
		at = next
	}
	if at.IsDir() {
		children, err := f.children(sp, at)
		if err != nil {
			return nil, err
		}
		return newOpenFolder(at, children), nil
	}
	return &openFile{info: at, fsys: f}, nil
}

// top describes the root; a root that is a file stands in a folder of one file.
func (f *itemFS) top(sp *space) (entryInfo, error) {
	e := entryInfo{place: place{c: f.root, role: entry, size: -1}, dir: true}
	if f.root.Type() == cid.Raw {
		e.wrap = true
		return e, nil
	}
	data, err := sp.node(f.root)
	if err != nil {
		return entryInfo{}, err
	}
	o, err := open(e.place, data)
	if err != nil {
		return entryInfo{}, err
	}
	e.wrap = o.shape != folder
	return e, nil
}

// node reads a node; one that is wrong or missing on disk is ErrDamaged.
func (sp *space) node(c cid.Cid) ([]byte, error) {
	data, err := sp.get(c)
	if ipld.IsNotFound(err) {
		return nil, fmt.Errorf("node %s: %w", c, ErrDamaged)
	}
	return data, err
}

// children returns what is in a folder, sharded or not.
func (f *itemFS) children(sp *space, dir entryInfo) (map[string]entryInfo, error) {
	if dir.wrap {
		e, err := describe(sp, place{c: dir.place.c, role: entry, path: single, size: -1, depth: 1})
		return map[string]entryInfo{single: e}, err
	}
	f.mu.Lock()
	known, ok := f.folders[dir.place.c]
	f.mu.Unlock()
	if !ok {
		var err error
		if known, err = listFolder(sp, dir.place); err != nil {
			return nil, err
		}
		f.mu.Lock()
		if len(f.folders) >= keptFolders {
			clear(f.folders)
		}
		f.folders[dir.place.c] = known
		f.mu.Unlock()
	}
	return known, nil
}

func listFolder(sp *space, dir place) (map[string]entryInfo, error) {
	children := make(map[string]entryInfo)
	shards := []place{dir}
	for len(shards) > 0 {
		p := shards[len(shards)-1]
		shards = shards[:len(shards)-1]
		data, err := sp.node(p.c)
		if err != nil {
			return nil, err
		}
		o, err := open(p, data)
		if err != nil {
			return nil, err
		}
		for _, c := range o.children {
			if c.role == shard {
				shards = append(shards, c)
				continue
			}
			e, err := describe(sp, c)
			if err != nil {
				return nil, err
			}
			children[path.Base(c.path)] = e
		}
	}
	return children, nil
}

// describe finds out what an entry is and how large.
func describe(sp *space, p place) (entryInfo, error) {
	e := entryInfo{place: p, name: path.Base(p.path)}
	if p.c.Type() == cid.Raw {
		if data, ok := inlined(p.c); ok {
			e.bytes = int64(len(data))
			return e, nil
		}
		refs, err := sp.refs(string(p.c.Hash()))
		if len(refs) > 0 {
			e.bytes = refs[0].size // a damaged file is shown too
		}
		return e, err
	}
	data, err := sp.node(p.c)
	if errors.Is(err, ErrDamaged) {
		return e, nil // shown, and ErrDamaged when it is read
	}
	if err != nil {
		return e, err
	}
	o, err := open(p, data)
	if err != nil {
		return e, err
	}
	e.dir, e.bytes = o.shape == folder, o.size
	return e, nil
}

// entryInfo describes a file or folder; it is its own fs.DirEntry and fs.FileInfo.
type entryInfo struct {
	place place
	name  string
	bytes int64
	dir   bool
	wrap  bool // the root is a file, shown in a folder
}

func (e entryInfo) Name() string               { return e.name }
func (e entryInfo) IsDir() bool                { return e.dir }
func (e entryInfo) Type() fs.FileMode          { return e.Mode().Type() }
func (e entryInfo) Info() (fs.FileInfo, error) { return e, nil }
func (e entryInfo) Size() int64                { return e.bytes }
func (e entryInfo) ModTime() time.Time         { return time.Time{} }
func (e entryInfo) Sys() any                   { return nil }
func (e entryInfo) String() string             { return fs.FormatDirEntry(e) }

func (e entryInfo) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// openDir is an open folder.
type openDir struct {
	info entryInfo
	left []fs.DirEntry
}

func newOpenFolder(info entryInfo, children map[string]entryInfo) *openDir {
	d := &openDir{info: info, left: make([]fs.DirEntry, 0, len(children))}
	for _, e := range children {
		d.left = append(d.left, e)
	}
	slices.SortFunc(d.left, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return d
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a directory")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		all := d.left
		d.left = nil
		return all, nil
	}
	if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	some := d.left[:n:n]
	d.left = d.left[n:]
	return some, nil
}

// spans lists the ranges of a file and the block each comes from.
func spans(sp *space, e entryInfo) ([]span, error) {
	var all []span
	stack := []place{e.place}
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if p.c.Type() == cid.Raw {
			size := p.size
			if size < 0 {
				size = e.bytes
			}
			all = append(all, span{c: p.c, path: e.place.path, off: p.off, size: size})
			continue
		}
		data, err := sp.node(p.c)
		if err != nil {
			return nil, err
		}
		o, err := open(p, data)
		if err != nil {
			return nil, err
		}
		if len(o.inline) > 0 {
			all = append(all, span{c: p.c, path: e.place.path, off: o.off, size: int64(len(o.inline)), inline: true})
		}
		for i := len(o.children) - 1; i >= 0; i-- {
			stack = append(stack, o.children[i])
		}
	}
	return all, nil
}
