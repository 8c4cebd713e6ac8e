package node

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"

	"savoirs/store"
)

// Damage is a range of a file that is not what it should be. It is never read
// nor served until it is repaired.
type Damage struct {
	store.Damage
	Ref   string `json:"ref"`
	Title string `json:"title"`
}

// Verification is what reading everything told.
type Verification struct {
	Items    int      `json:"items"`
	Bytes    int64    `json:"bytes"`
	Damage   []Damage `json:"damage"`
	Repaired int      `json:"repaired"` // damaged ranges that are right again
}

// Verify reads every block of an item, or with an empty ref of all items,
// marks what is wrong and, with repair, fetches it again from neighbours if it
// was published: they are not asked for what is private. Damage that is left is
// in the result; an error means that not all could be read.
func (n *Node) Verify(ctx context.Context, ref string, repair bool, progress func(Progress)) (Verification, error) {
	items, err := n.items()
	if err != nil {
		return Verification{}, err
	}
	if ref != "" {
		it, _, err := n.findHere(ctx, ref)
		if err != nil {
			return Verification{}, fmt.Errorf("verify: %w", err)
		}
		items = []Item{it}
	}
	v := Verification{Damage: []Damage{}}
	for _, it := range items {
		if !it.Here {
			continue
		}
		if err := n.verifyItem(ctx, it, repair, progress, &v); err != nil {
			return v, fmt.Errorf("verify %q: %w", it.Title, err)
		}
	}
	return v, nil
}

func (n *Node) verifyItem(ctx context.Context, it Item, repair bool, progress func(Progress), v *Verification) error {
	defer n.working.take(it.Root)()
	root, err := cid.Decode(it.Root)
	if err != nil {
		return err
	}
	damage, err := n.store.Verify(ctx, root, stage(progress, "verify"))
	if err != nil {
		return err
	}
	v.Items++
	v.Bytes += it.Size
	if len(damage) > 0 && repair && it.Scope != ScopePrivate {
		if _, err := n.fetch(ctx, it, root, progress); err != nil {
			n.log.Warn("repair", "item", it.Title, "err", err)
		}
		found := len(damage)
		if damage, err = n.store.Verify(ctx, root, nil); err != nil {
			return err
		}
		v.Repaired += found - len(damage)
	}
	for _, d := range damage {
		v.Damage = append(v.Damage, Damage{Damage: d, Ref: it.Ref, Title: it.Title})
	}
	return nil
}
