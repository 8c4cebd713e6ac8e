package node

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
)

// maxTrusted bounds who is trusted.
const maxTrusted = 1000

// Trust lets the items of an author pass the inbox at once, now and after
// restarts; those that wait go where they would have gone, unread ones become
// searchable soon. who is the id of a node, or the name of one that is
// connected or offers items here. It is nobody else's business, and says
// nothing of those whom that author trusts. Twice is once. Errors: ErrWhom.
func (n *Node) Trust(who string) (Who, error) {
	p, err := n.whoIs(who)
	if err != nil {
		return Who{}, fmt.Errorf("trust: %w", err)
	}
	full := false
	if err := n.choices.change(func(c *savedChoices) {
		if full = len(c.Trusted) >= maxTrusted; !full && !slices.Contains(c.Trusted, p) {
			c.Trusted = append(c.Trusted, p)
		}
	}); err != nil {
		return Who{}, err
	}
	if full {
		return Who{}, fmt.Errorf("trust %s: more than %d: %w", p, maxTrusted, ErrWhom)
	}
	return n.who(p), n.passTrusted()
}

// Untrust takes a Trust back; what passed stays. One who was not trusted is no
// error. Errors: ErrWhom.
func (n *Node) Untrust(who string) (Who, error) {
	p, err := n.whoIs(who)
	if err != nil {
		return Who{}, fmt.Errorf("untrust: %w", err)
	}
	return n.who(p), n.choices.change(func(c *savedChoices) {
		c.Trusted = slices.DeleteFunc(c.Trusted, func(t peer.ID) bool { return t == p })
	})
}

// Trusted lists whom the people of this node trust, in the order they said so.
func (n *Node) Trusted() []Who {
	all := []Who{}
	for _, p := range n.choices.get().Trusted {
		all = append(all, n.who(p))
	}
	return all
}

// trusts says whether items of an author need no yes. A block is stronger.
func (n *Node) trusts(p peer.ID) bool {
	return slices.Contains(n.choices.get().Trusted, p) && !n.refused(p)
}

// whoIs finds the one node that a person means: by its id, by the name it gives
// itself while connected, or as the author of the one item of that reference.
func (n *Node) whoIs(who string) (peer.ID, error) {
	if p, err := peer.Decode(who); err == nil {
		return p, nil
	}
	if p, err := n.peerCalled(who); err == nil {
		return p, nil
	}
	items, err := n.items()
	if err != nil {
		return "", err
	}
	waiting, err := n.waiting()
	if err != nil {
		return "", err
	}
	for _, all := range [][]Item{waitingItems(waiting), items} {
		it, err := resolve(all, who)
		if err != nil {
			continue
		}
		if p, err := peer.Decode(it.Author); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%q: %w", who, ErrWhom)
}
