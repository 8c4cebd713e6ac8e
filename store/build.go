package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// builder reads a source: it cuts the files, hashes the pieces, and copies them unless out is "".
type builder struct {
	src   *source
	kind  string
	out   string // folder of the copy
	clone bool   // out is on a file system that shares blocks with the source

	progress func(done, total int64)

	// mu guards the fields below.
	mu     sync.Mutex
	done   int64
	leaves map[string][]leafInfo // pieces of each file, by path
}

// leafInfo is a piece of a file.
type leafInfo struct {
	c    cid.Cid
	size int
}

// build copies and hashes everything, writes the nodes to a .dag file and returns the root.
func (b *builder) build(ctx context.Context, dag string) (cid.Cid, error) {
	if err := b.cutAll(ctx); err != nil {
		return cid.Undef, err
	}
	return b.join(ctx, dag)
}

// cutAll cuts one file on each processor; a large one is cut on all of them.
func (b *builder) cutAll(ctx context.Context) error {
	b.leaves = make(map[string][]leafInfo, b.src.files)
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	err := b.cutFolder(working, g, b.src.top)
	return cmp.Or(g.Wait(), err)
}

func (b *builder) cutFolder(ctx context.Context, g *errgroup.Group, dir sourceFolder) error {
	if b.out != "" {
		if err := os.MkdirAll(filepath.Join(b.out, filepath.FromSlash(dir.path)), 0o755); err != nil {
			return err
		}
	}
	for _, f := range dir.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.size < largeCut {
			g.Go(func() error { return b.cutFile(ctx, f.path, b.cutSmall) })
			continue
		}
		err := b.cutFile(ctx, f.path, func(ctx context.Context, c *cutting) ([]leafInfo, error) { return c.parallel(ctx, g, segmentSize) })
		if err != nil {
			return err
		}
	}
	for _, d := range dir.folders {
		if err := b.cutFolder(ctx, g, d); err != nil {
			return err
		}
	}
	return nil
}

// cutFile opens a file and its copy, and has it cut.
func (b *builder) cutFile(ctx context.Context, name string, cut func(context.Context, *cutting) ([]leafInfo, error)) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", b.src.full(name), err)
		}
	}()
	in, err := b.src.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	c := &cutting{in: in, name: b.src.full(name), kind: b.kind, read: b.read}
	if b.out != "" {
		to, err := os.OpenFile(filepath.Join(b.out, filepath.FromSlash(name)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, to.Close()) }()
		if b.clone && cloneFile(to, in) == nil {
			c.in = to // the clone is hashed, not the source: it cannot change any more
		} else {
			c.to = to
		}
	}
	leaves, err := cut(ctx, c)
	if err != nil {
		return err
	}
	if len(leaves) == 0 { // an empty file is one empty piece
		empty, err := leafPrefix.Sum(nil)
		if err != nil {
			return err
		}
		leaves = []leafInfo{{c: empty}}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaves[name] = leaves
	return nil
}

func (b *builder) cutSmall(ctx context.Context, c *cutting) ([]leafInfo, error) {
	s, err := c.segment(ctx, 0, math.MaxInt64)
	return s.leaves, err
}

// read counts bytes that were cut and hashed.
func (b *builder) read(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += int64(n)
	if b.progress != nil {
		b.progress(b.done, max(b.src.size, b.done))
	}
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
