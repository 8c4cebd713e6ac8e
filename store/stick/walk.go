package stick

import (
	"context"
	"errors"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// Walked is what Walk has found of an item.
type Walked struct {
	Blocks, Bytes int64    // handed to put
	Damage        []Damage // what could not be
}

// Walk reads the blocks of an item as they were put, parents first, and hands those that have does not know to put, in
// batches of at most 8 MiB and 4,096 blocks, one call after the other, while the next batch is read. The batches are
// put's own.
//
// Blocks are not hashed: put does so, as store.Incoming.PutMany does, refuses a batch with a wrong block by
// blocks.ErrWrongHash, and keeps nothing of it. Walk then hashes that batch, calls put once more with what is right of
// it, and tells the rest as damage. Any other error of put ends the walk, as does ctx.
//
// An item named more than once is walked once for each Item of its root; which of them are for whom is the caller's to see.
func (s *Stick) Walk(ctx context.Context, it Item, have func(cid.Cid) bool, put func(context.Context, []blocks.Block) error) (Walked, error) {
	return Walked{}, errors.ErrUnsupported
}
