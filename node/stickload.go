package node

import (
	"context"
	"errors"
)

// LoadStick takes from the drive dir what is for this node.
func (n *Node) LoadStick(ctx context.Context, dir string, progress func(Progress)) (Loaded, error) {
	return Loaded{}, errors.ErrUnsupported
}
