package node

import (
	"slices"

	"github.com/ipfs/go-cid"

	"savoirs/store/catalog"
)

// Spread is how safe a published item is, as far as this node has heard: nodes
// say what they hold, and nobody vouches for it.
type Spread struct {
	Copies      int  `json:"copies,omitempty"`      // nodes that hold it whole, this one counted
	Territories int  `json:"territories,omitempty"` // that these nodes say they belong to
	Target      int  `json:"target,omitempty"`      // the most copies any node wants, 0 for none
	Uncertain   bool `json:"uncertain,omitempty"`   // the clock was wrong: some may have been heard of long ago
}

// countCopies fills in the copies of items that are published.
func (n *Node) countCopies(items []Item) {
	known := slices.Collect(n.holdings.All())
	targets := n.targets()
	for i := range items {
		it := &items[i]
		root, err := cid.Decode(it.Root)
		if err != nil || it.Scope == ScopePrivate {
			continue
		}
		name := catalog.ShortOf(root)
		it.Target = targets[name]
		places := map[string]bool{}
		if it.Here && it.Bad == 0 {
			it.Copies = 1
			places[Slug(n.o.Territory)] = true
		}
		for _, k := range known {
			if k.Author == n.id || !k.Held.Has(name) {
				continue
			}
			it.Copies++
			places[Slug(k.Territory)] = true
			it.Uncertain = it.Uncertain || !k.Certain
		}
		delete(places, "")
		it.Territories = len(places)
	}
}

// targets is how many copies of items are wanted, the most that any node wants.
func (n *Node) targets() map[catalog.Short]int {
	targets := map[catalog.Short]int{}
	for k := range n.holdings.All() {
		for _, w := range k.Wants {
			if k.Author != n.id { // ours may have changed since we said it
				targets[w.Root] = max(targets[w.Root], w.Copies)
			}
		}
	}
	for root, copies := range n.choices.get().wants() {
		targets[root] = max(targets[root], copies)
	}
	return targets
}
