package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	car "github.com/ipld/go-car/v2"
	"golang.org/x/sync/errgroup"
)

// Export writes an item as a CARv1 with one root: depth-first, parents first, each block once. Every block is hashed as
// it is read; ErrDamaged when one is wrong on disk. ErrNotFound.
func (s *Store) Export(ctx context.Context, root cid.Cid, w io.Writer) error {
	root = canonical(root)
	sp, _, err := s.find(root)
	if err != nil {
		return fmt.Errorf("export %w", err)
	}
	out := bufio.NewWriterSize(w, 256<<10)
	if _, err := out.Write(carHeader(root)); err != nil {
		return fmt.Errorf("export %s: %w", root, err)
	}
	seen := make(map[string]struct{})
	visit := func(p place, o opened, data []byte) error {
		mh := string(p.c.Hash())
		if _, ok := inlined(p.c); ok {
			return nil
		}
		if _, ok := seen[mh]; ok {
			return nil
		}
		seen[mh] = struct{}{}
		if data == nil {
			if data, err = sp.get(p.c); ipld.IsNotFound(err) {
				return fmt.Errorf("%s at %d: %w", o.path, o.off, ErrDamaged)
			} else if err != nil {
				return err
			}
		}
		if _, err := out.Write(carSection(p.c, len(data))); err != nil {
			return err
		}
		_, err := out.Write(data)
		return err
	}
	err = walk(ctx, root, sp.node, visit, func(_ place, err error) error { return err })
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", root, err)
	}
	return nil
}

const (
	importBatch = 8 << 20 // bytes of a CAR in one call of PutMany
	importCalls = 3       // calls on their way at a time
)

// Import receives an item from a CAR (version 1, or the payload of version 2) with exactly one root, in any order of
// blocks. Every block is hashed. Either the whole item is there in the end, or none of it shows: when the CAR is cut
// short (ErrIncomplete, or the reader's error) what landed is kept for the next Import or Receive of the same root; when
// it cannot be an item (ErrHostile) everything is removed. ErrNoSpace as Receive.
func (s *Store) Import(ctx context.Context, r io.Reader, o ReceiveOptions) (Item, error) {
	cr, err := car.NewBlockReader(bufio.NewReaderSize(r, 256<<10), car.WithTrustedCAR(true),
		car.MaxAllowedHeaderSize(64<<10), car.MaxAllowedSectionSize(maxBlock+1024))
	if err != nil {
		return Item{}, fmt.Errorf("import: %w: %w", ErrHostile, err)
	}
	if len(cr.Roots) != 1 {
		return Item{}, fmt.Errorf("import: %w: a CAR with %d roots", ErrHostile, len(cr.Roots))
	}
	in, err := s.Receive(ctx, cr.Roots[0], o)
	if err != nil {
		return Item{}, fmt.Errorf("import: %w", err)
	}
	it, err := in.fill(ctx, cr)
	if err == nil {
		return it, nil
	}
	if errors.Is(err, ErrHostile) || in.empty() {
		err = errors.Join(err, in.Abandon())
	}
	return Item{}, fmt.Errorf("import %s: %w", in.root, errors.Join(err, in.Close()))
}

// fill reads the next batches of a CAR while the last ones become durable.
func (in *Incoming) fill(ctx context.Context, cr *car.BlockReader) (Item, error) {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(importCalls)
	readErr := readBatches(working, cr, func(bs []blocks.Block) {
		g.Go(func() error { return in.PutMany(working, bs) })
	})
	if err := g.Wait(); err != nil {
		return Item{}, err
	}
	if readErr != nil {
		return Item{}, readErr
	}
	return in.Complete(ctx)
}

// readBatches hands out the blocks of a CAR in batches. What was read before an error is handed out too.
func readBatches(ctx context.Context, cr *car.BlockReader, put func([]blocks.Block)) error {
	for {
		var bs []blocks.Block
		var err error
		for size := 0; size < importBatch && len(bs) < 4096 && err == nil; {
			var b blocks.Block
			if b, err = cr.Next(); err == nil {
				if _, ok := inlined(b.Cid()); !ok {
					bs = append(bs, b)
				}
				size += len(b.RawData())
			}
		}
		if len(bs) > 0 {
			put(bs)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read CAR: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// empty tells that nothing has landed.
func (in *Incoming) empty() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.closed && !in.whole && !in.repair && in.have == 0 && in.stray == 0 && in.end == int64(len(carHeader(in.root)))
}
