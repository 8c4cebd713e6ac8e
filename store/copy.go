package store

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	blocks "github.com/ipfs/go-block-format"
	ipld "github.com/ipfs/go-ipld-format"
	"golang.org/x/sync/errgroup"
)

const (
	copyTogether = 16       // blocks read at once
	copyFlush    = 64 << 20 // bytes made durable at once; unlike what came over a wire, they are soon copied again
)

// copyLocal lands wanted blocks that other items of the store hold, until there are none. The caller holds in.flushing
// and in.mu.
func (in *Incoming) copyLocal(ctx context.Context) error {
	unsaved := 0
	for progress := true; progress; {
		progress = false
		for some := range slices.Chunk(in.wanted(), copyTogether) {
			bs, size, err := in.readLocal(ctx, some)
			if err != nil {
				return err
			}
			if len(bs) == 0 {
				continue
			}
			if _, err := in.landHere(ctx, bs); err != nil {
				return err
			}
			progress = true
			if unsaved += size; unsaved >= copyFlush {
				if err := in.commitHere(); err != nil {
					return err
				}
				unsaved = 0
			}
		}
	}
	return in.commitHere()
}

// wanted lists what is wanted in the order of the files.
func (in *Incoming) wanted() []place {
	all := make([]place, 0, len(in.want))
	for _, places := range in.want {
		all = append(all, places[0])
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.off, b.off)) })
	return all
}

// readLocal reads and hashes those of some blocks that are here.
func (in *Incoming) readLocal(ctx context.Context, some []place) (bs []blocks.Block, size int, err error) {
	found := make([]blocks.Block, len(some))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range some {
		g.Go(func() error {
			b, err := in.Get(ctx, p.c)
			if err == nil {
				found[i] = b
			} else if !ipld.IsNotFound(err) {
				return err
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	for _, b := range found {
		if b != nil {
			bs, size = append(bs, b), size+len(b.RawData())
		}
	}
	return bs, size, nil
}
