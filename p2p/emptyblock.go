package p2p

import (
	"context"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// An empty file is a block of no bytes, and bitswap does not send those: boxo's server, and so kubo's, takes a size of 0
// for a size not known and answers that it has the block. So it is offered under a size of 1, and never asked for.

// sized is what bitswap serves from.
type sized struct{ blockstore.Blockstore }

// GetSize returns at least 1. Bitswap only weighs its work with it.
func (s sized) GetSize(ctx context.Context, c cid.Cid) (int, error) {
	n, err := s.Blockstore.GetSize(ctx, c)
	return max(n, 1), err
}

// emptyBlock returns the block of no bytes when c names it.
func emptyBlock(c cid.Cid) (blocks.Block, bool) {
	d, err := multihash.Decode(c.Hash())
	if err != nil || d.Code == multihash.IDENTITY {
		return nil, false
	}
	empty, err := c.Prefix().Sum(nil)
	if err != nil || !empty.Equals(c) {
		return nil, false
	}
	b, err := blocks.NewBlockWithCid(nil, c)
	return b, err == nil
}
