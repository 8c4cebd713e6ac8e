package node

import (
	"fmt"
	"slices"
	"strings"

	"savoirs/store/catalog"
)

// stateHolding signs what this node holds now, if it is not what it said last.
func (n *Node) stateHolding() (bool, error) {
	h, err := n.holding()
	if err != nil {
		return false, err
	}
	_, said, err := n.holdings.State(n.key, h)
	return said, err
}

// holding is what there is to say of this node.
func (n *Node) holding() (catalog.Holding, error) {
	h := catalog.Holding{Territory: label(n.o.Territory, 100), Recipient: n.sealKey.Recipient().String()}
	var held, coming []catalog.Short
	for it, err := range n.store.Items() {
		if err != nil {
			return h, fmt.Errorf("read the store: %w", err)
		}
		if isWhole(it) {
			held = append(held, catalog.ShortOf(it.Root))
		}
	}
	k, err := n.kept()
	if err != nil {
		return h, err
	}
	for _, it := range k.coming {
		coming = append(coming, catalog.ShortOf(it.Root))
	}
	if len(held) > catalog.MaxHeld { // those that others count come first
		wanted := n.targets()
		slices.SortStableFunc(held, func(a, b catalog.Short) int { return wanted[b] - wanted[a] })
		held = held[:catalog.MaxHeld]
	}
	h.Held = catalog.MakeShorts(held)
	h.Coming = catalog.MakeShorts(coming[:min(len(coming), catalog.MaxComing)])
	chosen := n.choices.get()
	for root, copies := range chosen.wants() {
		h.Wants = append(h.Wants, catalog.Want{Root: root, Copies: copies})
	}
	slices.SortFunc(h.Wants, func(a, b catalog.Want) int { return strings.Compare(string(a.Root[:]), string(b.Root[:])) })
	h.Wants = h.Wants[:min(len(h.Wants), catalog.MaxWants)]
	if chosen.Pledge.Bytes > 0 {
		h.Pledge = catalog.Pledge{Bytes: chosen.Pledge.Bytes, Used: k.used(), For: chosen.Pledge.For, Peers: chosen.Pledge.Peers}
	}
	return h, nil
}
