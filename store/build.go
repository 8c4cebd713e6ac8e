package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	chunker "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// pieceSize is the fixed length of the pieces of models and ZIM files, which change as a whole.
const pieceSize = 1 << 20

// writeAhead is how many bytes of a copy gather before the kernel is told to begin writing them.
const writeAhead = 16 << 20

var leafPrefix = cid.NewPrefixV1(cid.Raw, multihash.SHA2_256)

// builder reads a source once: it cuts the files, hashes the pieces, and copies them unless out is "".
type builder struct {
	src      *source
	kind     string
	out      string // folder of the copy
	clone    bool   // out is on a file system that shares blocks with the source
	progress func(done, total int64)

	done   int64
	leaves map[string][]*leafInfo // pieces of each file, by path
}

// leafInfo is a piece of a file. c is set when the workers are done.
type leafInfo struct {
	c    cid.Cid
	size int
}

// piece is work for a worker.
type piece struct {
	leaf *leafInfo
	data []byte
	off  int64
	to   *copyFile // nil when nothing is copied
}

// copyFile is a file being written; the last piece closes it.
type copyFile struct {
	f    *os.File
	left atomic.Int64
}

func (c *copyFile) done() error {
	if c == nil || c.left.Add(-1) > 0 {
		return nil
	}
	return c.f.Close()
}

// build copies and hashes everything, writes the nodes to a .dag file and returns the root.
func (b *builder) build(ctx context.Context, dag string) (cid.Cid, error) {
	if err := b.cutAll(ctx); err != nil {
		return cid.Undef, err
	}
	return b.join(ctx, dag)
}

// cutAll runs one reader, which cuts, and as many workers as there are processors, which hash and write.
func (b *builder) cutAll(ctx context.Context) error {
	b.leaves = make(map[string][]*leafInfo)
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan piece, 2)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			for p := range work {
				if err := p.do(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(work)
		return b.cutFolder(ctx, b.src.top, work)
	})
	return g.Wait()
}

func (p piece) do() error {
	c, err := leafPrefix.Sum(p.data)
	if err != nil {
		return err
	}
	p.leaf.c = c
	if p.to == nil {
		return nil
	}
	if len(p.data) > 0 {
		if _, err := p.to.f.WriteAt(p.data, p.off); err != nil {
			return err
		}
		if end := p.off + int64(len(p.data)); p.off/writeAhead != end/writeAhead {
			// Best effort: what is on its way already need not be waited for in the end.
			_ = unix.SyncFileRange(int(p.to.f.Fd()), 0, end, unix.SYNC_FILE_RANGE_WRITE)
		}
	}
	return p.to.done()
}

func (b *builder) cutFolder(ctx context.Context, dir sourceFolder, work chan<- piece) error {
	if b.out != "" {
		if err := os.MkdirAll(filepath.Join(b.out, filepath.FromSlash(dir.path)), 0o755); err != nil {
			return err
		}
	}
	for _, f := range dir.files {
		if err := b.cutFile(ctx, f.path, work); err != nil {
			return fmt.Errorf("%s: %w", b.src.full(f.path), err)
		}
	}
	for _, d := range dir.folders {
		if err := b.cutFolder(ctx, d, work); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) cutFile(ctx context.Context, name string, work chan<- piece) error {
	in, err := b.src.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	var to *copyFile
	if b.out != "" {
		f, err := os.OpenFile(filepath.Join(b.out, filepath.FromSlash(name)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		if b.clone && cloneFile(f, in) == nil {
			// The clone is hashed, not the source: it cannot change any more.
			defer f.Close()
			in = f
		} else {
			to = &copyFile{f: f}
			to.left.Store(1)
		}
	}
	err = b.cut(ctx, name, in, to, work)
	return errors.Join(err, to.done())
}

// cut sends the pieces of one file to the workers. An empty file is one empty piece.
func (b *builder) cut(ctx context.Context, name string, in io.Reader, to *copyFile, work chan<- piece) error {
	pieces := splitter(in, name, b.kind)
	var off int64
	for {
		data, err := pieces.NextBytes()
		if err == io.EOF && off == 0 {
			data, err = nil, nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		l := &leafInfo{size: len(data)}
		b.leaves[name] = append(b.leaves[name], l)
		if to != nil {
			to.left.Add(1)
		}
		select {
		case work <- piece{leaf: l, data: data, off: off, to: to}:
		case <-ctx.Done():
			return ctx.Err()
		}
		off += int64(len(data))
		b.done += int64(len(data))
		if b.progress != nil {
			b.progress(b.done, max(b.src.size, b.done))
		}
		if len(data) == 0 {
			return nil
		}
	}
}

// splitter cuts by content, so that an edit moves little; models and ZIM files are cut into fixed pieces.
func splitter(r io.Reader, name, kind string) chunker.Splitter {
	switch strings.ToLower(path.Ext(name)) {
	case ".gguf", ".safetensors", ".zim":
		return chunker.NewSizeSplitter(r, pieceSize)
	}
	if kind == "model" || kind == "adapter" {
		return chunker.NewSizeSplitter(r, pieceSize)
	}
	return chunker.NewBuzhash(r)
}

// canClone tries whether the file system of dir can share the blocks of the source's files.
func canClone(src *source, dir string) bool {
	f := src.top.anyFile()
	if f == "" {
		return false
	}
	in, err := src.open(f)
	if err != nil {
		return false
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, "clone-")
	if err != nil {
		return false
	}
	defer os.Remove(out.Name())
	defer out.Close()
	return cloneFile(out, in) == nil
}

func (d sourceFolder) anyFile() string {
	for _, f := range d.files {
		if f.size > 0 {
			return f.path
		}
	}
	for _, sub := range d.folders {
		if f := sub.anyFile(); f != "" {
			return f
		}
	}
	return ""
}

func cloneFile(to, from *os.File) error {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
}
