package node

import (
	"context"
	"errors"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"

	"savoirs/store"
)

// Carry brings an item of another node here by hand, with all entries that node
// knows, as a stick would.
func (n *Node) Carry(ctx context.Context, from *Node, ref string, sealed bool) error {
	c, err := cid.Decode(ref)
	if err != nil {
		return err
	}
	for {
		more, err := from.catalog.Beyond(n.catalog.Heights(), 256)
		if err != nil {
			return err
		}
		if len(more) == 0 {
			break
		}
		if _, err := n.catalog.AddMany(ctx, more); err != nil {
			return err
		}
	}
	it, err := from.store.Item(c)
	if err != nil {
		return err
	}
	o, err := n.admit(carried{root: c, author: from.id, bearer: from.id, sealed: sealed, title: it.Title, kind: it.Kind, size: it.Size})
	if err != nil {
		return err
	}
	in, err := n.store.Receive(ctx, c, o)
	if err != nil {
		return err
	}
	err = from.store.BlocksOf(ctx, c, func(c cid.Cid, _ int64) error {
		b, err := from.store.Blocks(it.Space).Get(ctx, c)
		if err != nil {
			return err
		}
		return in.PutMany(ctx, []blocks.Block{b})
	})
	if err != nil {
		return errors.Join(err, in.Close())
	}
	held, err := in.Complete(ctx)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	return n.arrive(ctx, held, nil)
}

// MoveOnly is the first step of Accept, as if the process died after it.
func (n *Node) MoveOnly(root string) error {
	c, err := cid.Decode(root)
	if err != nil {
		return err
	}
	_, err = n.store.Move(c, store.Mesh)
	return err
}

// RememberRefusal is the first step of Refuse.
func (n *Node) RememberRefusal(root, why string) error {
	return n.refusals.add(Refusal{Root: root, Why: why})
}
