package node

import (
	"context"
	"errors"
)

// StickReceipts lists what nodes say became of items that came to them by
// stick, those of this node's own items first.
func (n *Node) StickReceipts(ctx context.Context) ([]Receipt, error) {
	return nil, errors.ErrUnsupported
}
