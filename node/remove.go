package node

import (
	"context"
	"fmt"

	"savoirs/store"
)

// Remove drops an item from this machine, withdrawing it first when this node
// published it. One that was kept for others is not kept again. Copies that others hold are theirs. Files referred to in place
// are left untouched.
func (n *Node) Remove(ctx context.Context, ref string) (Item, error) {
	item, root, release, err := n.claim(ctx, ref)
	if err != nil {
		return Item{}, fmt.Errorf("remove: %w", err)
	}
	defer release()
	if err := mustBeHere(item); err != nil {
		return item, fmt.Errorf("remove: %w", err)
	}
	if item.Mine {
		if err := n.withdraw(ctx, item, root); err != nil {
			return item, err
		}
	}
	if item.Kept {
		if err := n.decline(item.Root, true); err != nil {
			return item, fmt.Errorf("remove %q: %w", item.Title, err)
		}
	}
	if err := n.want(item.Root, 0); err != nil {
		return item, fmt.Errorf("remove %q: %w", item.Title, err)
	}
	if item.Pinned {
		if err := n.store.Unpin(root); err != nil {
			return item, fmt.Errorf("remove %q: %w", item.Title, err)
		}
	}
	if err := n.dropPacks(ctx, item.Root); err != nil {
		return item, fmt.Errorf("remove %q: %w", item.Title, err)
	}
	if err := n.store.Drop(root); err != nil {
		return item, fmt.Errorf("remove %q: %w", item.Title, err)
	}
	n.telling.changed.ring()
	if err := n.indexes[store.Space(item.Scope)].Drop(item.Root); err != nil {
		return item, fmt.Errorf("remove %q from the index: %w", item.Title, err)
	}
	item.Here = false
	return item, nil
}
