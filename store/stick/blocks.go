package stick

import (
	"context"
	"errors"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// Blocks are the blocks of all packs by CID. It is safe for concurrent use.
type Blocks struct{ damage []Damage }

// Blocks reads the indexes of all packs: some 16 bytes of memory a block. A pack whose index is gone or wrong is read
// through for its blocks; what is then still wrong is told by [Blocks.Damage], and the others are there.
func (s *Stick) Blocks(ctx context.Context) (*Blocks, error) { return nil, errors.ErrUnsupported }

// Damage tells of the packs that are missing, cut or wrong.
func (b *Blocks) Damage() []Damage { return b.damage }

// Has tells whether a pack has the block. Whether it has it right only Get tells.
func (b *Blocks) Has(ctx context.Context, c cid.Cid) (bool, error) {
	return false, errors.ErrUnsupported
}

// GetSize returns the size of a block, or ipld.ErrNotFound.
func (b *Blocks) GetSize(ctx context.Context, c cid.Cid) (int, error) {
	return -1, errors.ErrUnsupported
}

// Get reads a block and checks its hash: ErrDamaged. A block that is not there is an ipld.ErrNotFound.
func (b *Blocks) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	return nil, errors.ErrUnsupported
}
