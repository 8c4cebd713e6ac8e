package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// ErrForWhom says that a stick is to be packed for nobody.
var ErrForWhom = errors.New("for whom is the stick")

// address finds out for whom the stick is, and what of the catalogue they lack.
func (c *course) address(ctx context.Context, o PackOptions) error {
	if len(o.For) == 0 && !o.WantList && !o.All {
		return ErrForWhom
	}
	var ids []peer.ID
	for _, name := range o.For {
		id, err := c.n.nodeCalled(name)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if o.WantList {
		ids = append(ids, c.n.wants.authors()...)
	}
	var here []cid.Cid
	for it, err := range c.n.store.Items() {
		if err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
		if it.Space == store.Mesh && isWhole(it) {
			here = append(here, it.Root)
		}
	}
	holdings := c.n.latest()
	var heights [][]catalog.Height
	for _, id := range ids {
		if id == c.n.id || c.n.refused(id) || slices.ContainsFunc(c.to, func(r *destination) bool { return r.id == id }) {
			continue
		}
		r, err := c.n.destinationOf(ctx, id, holdings, here)
		if err != nil {
			return err
		}
		who := c.n.who(id)
		if who.Territory == "" {
			who.Territory = holdings[id].Territory
		}
		c.to = append(c.to, r)
		c.For = append(c.For, Destination{Who: who, Known: r.told})
		heights = append(heights, r.heights())
	}
	if o.All {
		heights = append(heights, nil)
	}
	c.heights = catalog.Lower(heights...)
	if len(c.to) == 0 && !o.All {
		return fmt.Errorf("no want list is known, here or on the stick: %w", ErrForWhom)
	}
	return nil
}

// countNews counts what goes besides items.
func (c *course) countNews() error {
	for e, err := range c.n.catalog.Since(c.heights) {
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		if !c.entries[begins(e)] {
			c.Entries++
		}
	}
	for i, r := range c.to {
		for _, err := range c.n.catalog.Since(r.heights()) {
			if err != nil {
				return fmt.Errorf("read the catalogue: %w", err)
			}
			c.For[i].Entries++
		}
	}
	c.Wants, c.Receipts = max(1, len(c.n.wants.authors())), len(c.n.receipts.authors())
	for range c.n.holdings.All() {
		c.Holdings++
	}
	c.Holdings = min(c.Holdings, stick.MaxLetters)
	return nil
}
