package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/catalog"
)

var (
	// ErrWhom says that a pledge is for somebody unknown.
	ErrWhom = errors.New("neither all, territory nor a node known by its name or id")
	// ErrNoTerritory says that this node belongs to no territory to lend to.
	ErrNoTerritory = errors.New("this node has no territory")
)

// Pledge is what this machine lends to others: room for items whose copies are
// too few, fetched and dropped by the node itself. The room is lent, not set
// aside: the free-space floor goes first.
type Pledge struct {
	Bytes int64        `json:"bytes"` // of content, 0 for none
	For   catalog.Whom `json:"for,omitempty"`
	Peers []peer.ID    `json:"peers,omitempty"` // with For "peers"
	Used  int64        `json:"used"`            // bytes kept for others now, or being fetched
	Items int          `json:"items"`           // kept for others now
}

// Pledge tells what this machine lends.
func (n *Node) Pledge() (Pledge, error) {
	saved := n.choices.get().Pledge
	k, err := n.kept()
	return Pledge{Bytes: saved.Bytes, For: saved.For, Peers: saved.Peers, Used: k.used(), Items: len(k.whole)}, err
}

// SetPledge lends so many bytes, 0 for none, to the nodes named: "all",
// "territory", or ids and names of nodes. With none named it is for whom it was,
// at first for all. What no longer fits is dropped soon, if others have it too.
// Errors: ErrWhom, ErrNoTerritory.
func (n *Node) SetPledge(bytes int64, whom []string) (Pledge, error) {
	next := savedPledge{Bytes: max(bytes, 0)}
	if bytes > 0 {
		if len(whom) == 0 {
			next.For, next.Peers = n.choices.get().Pledge.For, n.choices.get().Pledge.Peers
		} else if err := n.lendTo(whom, &next); err != nil {
			return Pledge{}, fmt.Errorf("pledge: %w", err)
		}
		if next.For == "" {
			next.For = catalog.Everyone
		}
	}
	if next.For == catalog.Territory && Slug(n.o.Territory) == "" {
		return Pledge{}, fmt.Errorf("pledge: %w", ErrNoTerritory)
	}
	if err := n.choices.change(func(c *savedChoices) { c.Pledge = next }); err != nil {
		return Pledge{}, err
	}
	n.fetching.yield("")
	n.telling.changed.ring()
	n.telling.heard.ring()
	return n.Pledge()
}

// lendTo finds who is meant.
func (n *Node) lendTo(whom []string, p *savedPledge) error {
	if len(whom) == 1 && (whom[0] == string(catalog.Everyone) || whom[0] == string(catalog.Territory)) {
		p.For = catalog.Whom(whom[0])
		return nil
	}
	p.For = catalog.Named
	for _, name := range whom {
		id, err := peer.Decode(name)
		if err != nil {
			if id, err = n.peerCalled(name); err != nil {
				return err
			}
		}
		if !slices.Contains(p.Peers, id) {
			p.Peers = append(p.Peers, id)
		}
	}
	if len(p.Peers) > catalog.MaxPledgePeers {
		return fmt.Errorf("%d nodes, at most %d: %w", len(p.Peers), catalog.MaxPledgePeers, ErrWhom)
	}
	return nil
}

// peerCalled finds the one connected node of that name.
func (n *Node) peerCalled(name string) (peer.ID, error) {
	var found []peer.ID
	for _, p := range n.Peers() {
		if p.Name != "" && Slug(p.Name) == Slug(name) {
			found = append(found, p.ID)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%q: %w", name, ErrWhom)
	}
	return found[0], nil
}

// kept is what is here for others.
type kept struct {
	whole, coming []store.Item
}

// used is how many bytes of a pledge it takes; what is coming counts whole.
func (k kept) used() int64 {
	var bytes int64
	for _, it := range slices.Concat(k.whole, k.coming) {
		bytes += it.Size
	}
	return bytes
}

func (n *Node) kept() (kept, error) {
	var k kept
	for it, err := range n.store.Items() {
		if err != nil {
			return k, fmt.Errorf("read the store: %w", err)
		}
		if it.Kept {
			k.whole = append(k.whole, it)
		}
	}
	unfinished, err := n.store.Unfinished()
	if err != nil {
		return k, fmt.Errorf("read the store: %w", err)
	}
	for _, it := range unfinished {
		if it.Kept {
			k.coming = append(k.coming, it)
		}
	}
	return k, nil
}

// lends says whether a pledge by a node of a territory serves the wants of
// another. A territory is what nodes say of themselves.
func lends(p catalog.Pledge, territory string, to catalog.Holding) bool {
	switch p.For {
	case catalog.Everyone:
		return true
	case catalog.Territory:
		return Slug(territory) != "" && Slug(territory) == Slug(to.Territory)
	case catalog.Named:
		return slices.Contains(p.Peers, to.Author)
	}
	return false
}
