package stick

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/ipfs/boxo/blockstore"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	chunkBytes = 4 << 20  // of a pack, written at once
	chunks     = 4        // on their way
	fillers    = 2        // goroutines that read from the source
	flushEvery = 64 << 20 // bytes of a pack
)

// lay writes the pack of an index: under another name until it is flushed. What an earlier writing has written of it is
// read again, and kept as far as it is right.
func (w *Writer) lay(ctx context.Context, src blockstore.Viewer, x *index, tell func(int64)) error {
	base := packPath(x.name())
	if err := w.folder(path.Dir(base)); err != nil {
		return err
	}
	if err := w.dropParts(base + ".new"); err != nil {
		return err
	}
	f, err := w.openPart(base + ".new")
	if err != nil {
		return err
	}
	defer f.Close()
	from, err := w.layFrom(ctx, src, f, x, tell)
	if err != nil {
		return fmt.Errorf("pack %s: %w", x.name(), err)
	}
	if err := errors.Join(w.write(base+".idx", x.raw), flush(w.root, base+".idx")); err != nil {
		return err
	}
	if err := w.root.Rename(base+".new", base+".car"); err != nil {
		return err
	}
	delete(w.parts, base+".new")
	w.dirty.folder(path.Dir(base))
	w.spent += x.size() - from
	w.take(x)
	tell(int64(len(x.raw)))
	return nil
}

// dropParts removes the half packs of earlier writings that are not this one.
func (w *Writer) dropParts(but string) error {
	for part := range w.parts {
		if part == but {
			continue
		}
		for _, name := range []string{part, part[:len(part)-len(".new")] + ".idx"} {
			if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		delete(w.parts, part)
	}
	return nil
}

// openPart opens a half pack, or begins one, and makes its name durable.
func (w *Writer) openPart(name string) (*os.File, error) {
	if st, err := w.root.Lstat(name); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is a %s", ErrHostile, name, kindOf(st.Mode()))
	}
	f, err := w.root.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	if !w.parts[name] {
		w.parts[name] = true
		if err := errors.Join(fsync(f), flush(w.root, path.Dir(name), "packs", ".")); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// layFrom writes and flushes the rest of a half pack; it returns from where.
func (w *Writer) layFrom(ctx context.Context, src blockstore.Viewer, f *os.File, x *index, tell func(int64)) (int64, error) {
	first, from, err := rightPart(ctx, f, x)
	if err != nil {
		return 0, err
	}
	if err := f.Truncate(from); err != nil {
		return 0, err
	}
	if from == 0 {
		if _, err := f.WriteAt(x.head(), 0); err != nil {
			return 0, err
		}
		from = int64(len(x.head()))
	}
	tell(from)
	if err := writeChunks(ctx, src, f, x, first, tell); err != nil {
		return 0, err
	}
	return from, fsync(f)
}

// rightPart tells how many blocks of a half pack are right, and where they end.
func rightPart(ctx context.Context, f *os.File, x *index) (blocks int, end int64, err error) {
	st, err := f.Stat()
	if err != nil || st.Size() < int64(len(x.head())) || !sameHead(f, x) {
		return 0, 0, err
	}
	buf := make([]byte, MaxBlock+maxCid+16)
	for ; blocks < x.len() && int64(x.off[blocks+1]) <= st.Size(); blocks++ {
		section := buf[:x.off[blocks+1]-x.off[blocks]]
		if _, err := f.ReadAt(section, int64(x.off[blocks])); err != nil {
			break
		}
		head := x.section(blocks)
		if string(section[:len(head)]) != string(head) || !matches(x.cid(blocks), section[len(head):]) {
			break
		}
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
	}
	return blocks, int64(x.off[blocks]), nil
}

// chunk is a row of sections of a pack on its way from the source to the drive.
type chunk struct {
	first, end int // blocks
	buf        []byte
	filled     chan struct{}
}

// writeChunks writes the blocks from first on: fillers read and hash them, in any order, and one goroutine writes them
// in theirs, while the drive takes what was written before.
func writeChunks(ctx context.Context, src blockstore.Viewer, f *os.File, x *index, first int, tell func(int64)) error {
	g, ctx := errgroup.WithContext(ctx)
	free, fill, write := make(chan *chunk, chunks), make(chan *chunk), make(chan *chunk, chunks)
	for range chunks {
		free <- new(chunk)
	}
	g.Go(func() error {
		defer close(fill)
		defer close(write)
		for at := first; at < x.len(); {
			var c *chunk
			select {
			case c = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			c.first, c.end, c.filled = at, x.upTo(at, chunkBytes), make(chan struct{})
			at = c.end
			write <- c // has room for all chunks there are
			select {
			case fill <- c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range fillers {
		g.Go(func() error {
			for c := range fill {
				if err := c.fill(ctx, src, x); err != nil {
					return err
				}
				close(c.filled)
			}
			return nil
		})
	}
	g.Go(func() error {
		flushing, soFar := new(errgroup.Group), 0
		defer flushing.Wait()
		for c := range write {
			select {
			case <-c.filled:
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := f.WriteAt(c.buf, int64(x.off[c.first])); err != nil {
				return err
			}
			tell(int64(len(c.buf)))
			soFar += len(c.buf)
			free <- c
			if soFar < flushEvery {
				continue
			}
			if err := flushing.Wait(); err != nil {
				return err
			}
			flushing, soFar = new(errgroup.Group), 0
			flushing.Go(func() error { return unix.Fdatasync(int(f.Fd())) })
		}
		return flushing.Wait()
	})
	return g.Wait()
}

// upTo tells which block is the first beyond so many bytes from block i on; one fits always.
func (x *index) upTo(i int, size uint32) int {
	j := i + 1
	for j < x.len() && x.off[j+1]-x.off[i] <= size {
		j++
	}
	return j
}

// fill gets the blocks of a chunk.
func (c *chunk) fill(ctx context.Context, src blockstore.Viewer, x *index) error {
	c.buf = c.buf[:0]
	if c.buf == nil {
		c.buf = make([]byte, 0, chunkBytes)
	}
	for i := c.first; i < c.end; i++ {
		name := x.cid(i)
		_, size := x.data(i)
		c.buf = append(c.buf, x.section(i)...)
		err := src.View(ctx, name, func(data []byte) error {
			if len(data) != size {
				return fmt.Errorf("%w: block %s has %d bytes, not %d", ErrChanged, name, len(data), size)
			}
			c.buf = append(c.buf, data...)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read block %s: %w", name, err)
		}
	}
	return nil
}
