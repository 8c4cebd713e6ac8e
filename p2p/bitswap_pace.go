package p2p

import (
	"context"

	"github.com/ipfs/boxo/bitswap/message"
	bitswapnet "github.com/ipfs/boxo/bitswap/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// withinLimits is the network of bitswap, whose blocks are bulk like those of our own protocol.
type withinLimits struct {
	bitswapnet.BitSwapNetwork
	m *Mesh
}

// SendMessage answers with blocks when they may pass.
func (n withinLimits) SendMessage(ctx context.Context, p peer.ID, msg message.BitSwapMessage) error {
	size := 0
	for _, b := range msg.Blocks() {
		size += len(b.RawData())
	}
	if err := n.m.paceOut(ctx, p, size); err != nil {
		return err
	}
	return n.BitSwapNetwork.SendMessage(ctx, p, msg)
}
