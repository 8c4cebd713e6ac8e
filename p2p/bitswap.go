package p2p

import (
	"context"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/libp2p/go-libp2p/core/host"
)

// newBitswap serves blocks to any IPFS implementation, and asks for those that nobody gives over a straight stream. It is
// given only what anyone may read, and never puts anything there. Its workers fit a small board.
func newBitswap(ctx context.Context, h host.Host, blocks blockstore.Blockstore) *bitswap.Bitswap {
	return bitswap.New(ctx, bsnet.NewFromIpfsHost(h), nil, blocks,
		bitswap.EngineBlockstoreWorkerCount(8),
		bitswap.EngineTaskWorkerCount(4),
		bitswap.TaskWorkerCount(4),
		bitswap.MaxOutstandingBytesPerPeer(1<<20),
		bitswap.MaxQueuedWantlistEntriesPerPeer(1024),
		bitswap.MaxCidSize(100),
		bitswap.WithoutDuplicatedBlockStats(),
	)
}
