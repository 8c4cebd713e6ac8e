package stick

import (
	"context"
	"errors"
	"sync/atomic"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// Walked is what Walk has found of an item.
type Walked struct {
	Blocks, Bytes int64    // handed to put and taken
	Damage        []Damage // what could not be
}

// Walk reads the blocks of an item as they were put, parents first, and hands those that have does not know to put, in
// batches of about 8 MiB, at most 4,096 blocks. put is called from up to three goroutines at once, in about that order,
// and have from another one. The bytes of a batch are put's until it returns.
//
// Blocks are not hashed here: put does so, as store.Incoming.PutMany does, refuses a batch with a wrong block by
// blocks.ErrWrongHash, and keeps nothing of it. Walk then hashes that batch, calls put once more with what is right of
// it, and tells the rest as damage. Any other error of put ends the walk, as does ctx; ErrDamaged does when there is
// damage in more than MaxDamage places.
//
// An item named more than once is walked once for each Item of its root; which of them are for whom is the caller's to
// see.
func (s *Stick) Walk(ctx context.Context, it Item, have func(cid.Cid) bool, put func(context.Context, []blocks.Block) error) (Walked, error) {
	var taken, size atomic.Int64
	damage, err := s.read(ctx, it.Runs, have, func(ctx context.Context, r *reading, b *batch) error {
		err := put(ctx, b.blocks)
		if errors.Is(err, blocks.ErrWrongHash) {
			if err = r.keepRight(b, err); err == nil && len(b.blocks) > 0 {
				err = put(ctx, b.blocks)
			}
		}
		if err != nil {
			return err
		}
		for _, block := range b.blocks {
			size.Add(int64(len(block.RawData())))
		}
		taken.Add(int64(len(b.blocks)))
		return nil
	})
	for i := range damage {
		if damage[i].blocks > 0 {
			damage[i].Items = []cid.Cid{it.Root}
		}
	}
	return Walked{Blocks: taken.Load(), Bytes: size.Load(), Damage: damage}, err
}

// keepRight takes the wrong blocks out of a batch that was refused with err, which it returns when there are none.
func (r *reading) keepRight(b *batch, err error) error {
	var right []blocks.Block
	for i, block := range b.blocks {
		if matches(block.Cid(), block.RawData()) {
			right = append(right, block)
			continue
		}
		if err := r.wrongBlock(b, i, notItsHash); err != nil {
			return err
		}
	}
	if len(right) == len(b.blocks) {
		return err
	}
	b.blocks = right
	return nil
}
