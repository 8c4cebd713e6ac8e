package store

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"runtime"
	"strings"

	chunker "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	// pieceSize is the fixed length of the pieces of models and ZIM files, which change as a whole.
	pieceSize = 1 << 20
	// writeAhead is how many bytes of a copy gather before the kernel is told to begin writing them.
	writeAhead = 16 << 20
	// segmentSize is how much of a large file one processor cuts at a time.
	segmentSize = 32 << 20
	// largeCut is from which size a file is cut by several processors. Smaller ones go faster side by side.
	largeCut = 4 * segmentSize
)

var leafPrefix = cid.NewPrefixV1(cid.Raw, multihash.SHA2_256)

// cutting is a file being cut into pieces, which are hashed, and written to a copy unless to is nil.
//
// Where a piece ends depends on the bytes since its beginning only, so two cutters that began at different places go on
// alike once both have cut at the same place. A large file is cut in segments at the same time, each as if a piece began
// at its start; then the pieces at the seams are cut anew until they meet those of the next segment. The pieces are
// those that one cutter would have made.
type cutting struct {
	in   *os.File
	to   *os.File
	name string
	kind string
	read func(n int) // is told what was cut, from several goroutines
}

// segment is a part of a file and the pieces that lie in it. They may end before it does: a piece that begins in one
// segment and ends in the next is left to the seam.
type segment struct {
	start  int64
	leaves []leafInfo
}

// segment cuts from start, and stops before the piece that would go beyond end.
func (c *cutting) segment(ctx context.Context, start, end int64) (segment, error) {
	s := segment{start: start}
	at, sent := start, start
	pieces := c.pieces(start)
	for at < end {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		data, err := pieces.NextBytes()
		if err == io.EOF {
			break
		}
		if err != nil {
			return s, fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		if at+int64(len(data)) > end {
			break
		}
		l, err := c.keep(data, at)
		if err != nil {
			return s, err
		}
		s.leaves = append(s.leaves, l)
		at += int64(len(data))
		c.read(len(data))
		if c.to != nil && at-sent >= writeAhead {
			// Best effort: what is on its way already need not be waited for in the end.
			_ = unix.SyncFileRange(int(c.to.Fd()), sent, at-sent, unix.SYNC_FILE_RANGE_WRITE)
			sent = at
		}
	}
	return s, nil
}

// keep hashes and copies one piece.
func (c *cutting) keep(data []byte, at int64) (leafInfo, error) {
	id, err := leafPrefix.Sum(data)
	if err != nil {
		return leafInfo{}, err
	}
	if c.to != nil {
		if _, err := c.to.WriteAt(data, at); err != nil {
			return leafInfo{}, err
		}
	}
	return leafInfo{c: id, size: len(data)}, nil
}

// parallel cuts a large file in segments of a size on the goroutines of g, and returns its pieces.
func (c *cutting) parallel(ctx context.Context, g *errgroup.Group, size int64) ([]leafInfo, error) {
	st, err := c.in.Stat()
	if err != nil {
		return nil, err
	}
	count := max(1, int(st.Size()/size))
	done := make([]chan segment, count)
	for i := range done {
		done[i] = make(chan segment, 1)
	}
	var whole []leafInfo
	var at int64
	join := func(i int) error {
		select {
		case s := <-done[i]:
			whole, at, err = c.seam(ctx, whole, at, s, i == count-1)
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for i := range count {
		start, end := int64(i)*size, int64(i+1)*size
		if i == count-1 {
			end = math.MaxInt64 // the last one goes on to the end of the file, wherever it is now
		}
		g.Go(func() error {
			s, err := c.segment(ctx, start, end)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			done[i] <- s
			return nil
		})
		if joined := i - runtime.GOMAXPROCS(0); joined >= 0 {
			if err := join(joined); err != nil {
				return nil, err
			}
		}
	}
	for i := max(0, count-runtime.GOMAXPROCS(0)); i < count; i++ {
		if err := join(i); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// seam goes on cutting at `at`, where the pieces known so far end, until a cut is one that s has too, and appends the
// pieces of s from there. When there is none, the next seam goes on, or the file ends.
func (c *cutting) seam(ctx context.Context, whole []leafInfo, at int64, s segment, last bool) ([]leafInfo, int64, error) {
	pieces, from, begun := s.leaves, s.start, c.pieces(at)
	for {
		for len(pieces) > 0 && from < at {
			from += int64(pieces[0].size)
			pieces = pieces[1:]
		}
		if len(pieces) > 0 && from == at {
			break
		}
		if len(pieces) == 0 && !last {
			return whole, at, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		data, err := begun.NextBytes()
		if err == io.EOF {
			return whole, at, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		l, err := c.keep(data, at)
		if err != nil {
			return nil, 0, err
		}
		whole, at = append(whole, l), at+int64(len(data))
	}
	for _, l := range pieces {
		at += int64(l.size)
	}
	return append(whole, pieces...), at, nil
}

// pieces cuts the file from a place on.
func (c *cutting) pieces(from int64) chunker.Splitter {
	return splitter(io.NewSectionReader(c.in, from, math.MaxInt64-from), c.name, c.kind)
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
