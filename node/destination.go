package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// destination is a node that a stick is packed for, and what is known of what it has
// and wants.
type destination struct {
	id   peer.ID
	want stick.Want // zero when it is not known
	told bool       // its want list is known
	held catalog.Shorts
	done map[cid.Cid]bool     // items it said it has or does not want
	lack map[cid.Cid]bool     // blocks it said are missing
	more map[[8]byte]struct{} // blocks it must have got since its want list
}

// destinationOf gathers what is known of a node. held says which items that node and
// this one both hold.
func (n *Node) destinationOf(ctx context.Context, id peer.ID, holdings map[peer.ID]catalog.Known, here []cid.Cid) (*destination, error) {
	r := &destination{id: id, done: map[cid.Cid]bool{}, lack: map[cid.Cid]bool{}, more: map[[8]byte]struct{}{}}
	var err error
	if r.want, r.told, err = n.wantOf(id); err != nil {
		return nil, err
	}
	var newest catalog.Holding
	if h, err := catalog.SealedHolding(r.want.Holding).Open(); err == nil && h.Author == id {
		newest = h
	}
	if k, ok := holdings[id]; ok && k.Count >= newest.Count {
		newest = k.Holding
	}
	r.held = newest.Held
	for _, c := range r.want.Lacks {
		r.lack[c] = true
	}
	receipts, _, err := n.receiptsOf(id)
	if err != nil {
		return nil, err
	}
	for _, l := range receipts.Lines {
		switch l.State {
		case stick.Delivered, stick.Waiting, stick.Refused, stick.Repaired:
			r.done[l.Root] = !r.wants(l.Root)
		}
	}
	for _, root := range here {
		if !r.held.Has(catalog.ShortOf(root)) || r.want.Have.Has(root) {
			continue
		}
		err := n.store.BlocksOf(ctx, root, func(c cid.Cid, _ int64) error {
			r.more[digestOf(c)] = struct{}{}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// wants says whether the node asked for an item.
func (r *destination) wants(root cid.Cid) bool {
	return slices.ContainsFunc(r.want.Wanted, root.Equals)
}

// lacks says whether an item is for the node.
func (r *destination) lacks(root cid.Cid) bool {
	return !r.done[root] && !r.held.Has(catalog.ShortOf(root))
}

// uses says whether an item is of use to the node: a pack is with its dataset.
func (r *destination) uses(e catalog.Entry) bool {
	base, err := cid.Decode(e.Base)
	return e.Kind != catalog.Pack || err == nil && (r.held.Has(catalog.ShortOf(base)) || r.lacks(base))
}

// has says whether the node has a block, as far as it told.
func (r *destination) has(c cid.Cid) bool {
	if r.lack[c] {
		return false
	}
	if _, ok := r.more[digestOf(c)]; ok {
		return true
	}
	return r.want.Have.Has(c)
}

func (r *destination) heights() []catalog.Height {
	hs := make([]catalog.Height, 0, len(r.want.Heights))
	for _, h := range r.want.Heights {
		hs = append(hs, catalog.Height{Author: h.Author, Seq: h.Seq, Hash: h.Hash, Fork: h.Fork})
	}
	return hs
}

// digestOf is the end of a block's hash, which tells blocks apart as well as its
// whole does when nobody makes them to be alike.
func digestOf(c cid.Cid) [8]byte {
	h := c.Hash()
	return [8]byte(h[len(h)-8:])
}

// nodeCalled finds the one node of that id or that name among all that are known,
// connected or not. An id that nobody was heard of by is one all the same: its
// node may be new. Error: ErrWhom.
func (n *Node) nodeCalled(name string) (peer.ID, error) {
	if id, err := peer.Decode(name); err == nil {
		return id, nil
	}
	var found []peer.ID
	for _, who := range n.everybody() {
		id, err := peer.Decode(who.ID)
		if err == nil && id != n.id && (Slug(who.Name) == Slug(name) && Slug(name) != "" || len(name) >= minRootPrefix && strings.HasPrefix(who.ID, name)) {
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%q is %d nodes known here: %w", name, len(found), ErrWhom)
	}
	return found[0], nil
}

// everybody lists the nodes this one was told of, itself among them, in order.
func (n *Node) everybody() []Who {
	ids := map[peer.ID]bool{n.id: true}
	holdings := n.latest()
	for id := range holdings {
		ids[id] = true
	}
	for _, id := range slices.Concat(n.wants.authors(), n.receipts.authors()) {
		ids[id] = true
	}
	for id := range n.met() {
		ids[id] = true
	}
	var all []Who
	for id := range ids {
		who := n.who(id)
		if k, ok := holdings[id]; ok && who.Territory == "" {
			who.Territory = k.Territory
		}
		all = append(all, who)
	}
	slices.SortFunc(all, func(a, b Who) int { return strings.Compare(a.ID, b.ID) })
	return all
}
