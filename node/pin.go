package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"

	"savoirs/store"
	"savoirs/store/catalog"
)

var (
	// ErrPrivate says that an item must be published first.
	ErrPrivate = errors.New("item is private")
	// ErrCopies says that so many copies cannot be asked for.
	ErrCopies = fmt.Errorf("copies are between 1 and %d, of at most %d items", catalog.MaxCopies, catalog.MaxWants)
)

// Pin keeps an item here until Unpin: nothing removes it to make room. With
// copies above 0 this node also wants the mesh to hold so many, its own counted;
// 0 leaves that as it is. Pinning twice is one pin. Errors: ErrNotFound,
// ErrNotHere, ErrPrivate when copies are asked for of a private item, ErrCopies.
func (n *Node) Pin(ctx context.Context, ref string, copies int) (Item, error) {
	item, root, release, err := n.claim(ctx, ref)
	if err != nil {
		return Item{}, fmt.Errorf("pin: %w", err)
	}
	defer release()
	if err := mustBeHere(item); err != nil {
		return item, fmt.Errorf("pin: %w", err)
	}
	if copies < 0 || copies > catalog.MaxCopies {
		return item, fmt.Errorf("pin %q for %d copies: %w", item.Title, copies, ErrCopies)
	}
	if copies > 0 && item.Scope == ScopePrivate {
		return item, fmt.Errorf("pin %q for %d copies: %w", item.Title, copies, ErrPrivate)
	}
	if err := n.own(item, root); err != nil {
		return item, fmt.Errorf("pin %q: %w", item.Title, err)
	}
	if err := n.store.Pin(root); err != nil {
		return item, fmt.Errorf("pin %q: %w", item.Title, err)
	}
	if copies > 0 {
		if err := n.want(item.Root, copies); err != nil {
			return item, fmt.Errorf("pin %q for %d copies: %w", item.Title, copies, err)
		}
	}
	return n.counted(ctx, root)
}

// Unpin takes a Pin back, and what it asked of the mesh. An item that was not
// pinned is no error.
func (n *Node) Unpin(ctx context.Context, ref string) (Item, error) {
	item, root, release, err := n.claim(ctx, ref)
	if err != nil {
		return Item{}, fmt.Errorf("unpin: %w", err)
	}
	defer release()
	if err := mustBeHere(item); err != nil {
		return item, fmt.Errorf("unpin: %w", err)
	}
	if err := n.store.Unpin(root); err != nil {
		return item, fmt.Errorf("unpin %q: %w", item.Title, err)
	}
	if err := n.want(item.Root, 0); err != nil {
		return item, fmt.Errorf("unpin %q: %w", item.Title, err)
	}
	return n.counted(ctx, root)
}

// own makes an item that is kept for others, or is coming to be, a person's own.
func (n *Node) own(item Item, root cid.Cid) error {
	if item.Kept {
		if err := n.store.Own(root); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		n.telling.changed.ring()
		n.embed.wanted.ring() // its documents are read now
	}
	return n.decline(item.Root, false)
}

// maxDeclined bounds the memory of items removed against a pledge.
const maxDeclined = 1000

// decline remembers that an item is not to be kept for others here, or no longer.
func (n *Node) decline(root string, no bool) error {
	if slices.Contains(n.choices.get().Declined, root) == no {
		return nil
	}
	return n.choices.change(func(c *savedChoices) {
		c.Declined = slices.DeleteFunc(c.Declined, func(r string) bool { return r == root })
		if no {
			c.Declined = append(c.Declined, root)
			c.Declined = c.Declined[max(0, len(c.Declined)-maxDeclined):]
		}
	})
}

// want remembers how many copies of an item this node wants, 0 for none.
func (n *Node) want(root string, copies int) error {
	if n.choices.get().Copies[root] == copies {
		return nil
	}
	defer n.telling.changed.ring()
	full := false
	err := n.choices.change(func(c *savedChoices) {
		if copies == 0 {
			delete(c.Copies, root)
			return
		}
		if _, old := c.Copies[root]; !old && len(c.Copies) >= catalog.MaxWants {
			full = true
			return
		}
		if c.Copies == nil {
			c.Copies = map[string]int{}
		}
		c.Copies[root] = copies
	})
	if full {
		return errors.Join(ErrCopies, err)
	}
	return err
}
