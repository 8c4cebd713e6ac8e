package catalog

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// room returns whose holdings must go for one of this size to be kept, and whether it then can be.
// What no longer counts goes first, then, for a node met, those only heard of, the longest ago first;
// last, those met an hour ago or more. A node only heard of takes nobody's room.
func (h *Holdings) room(id peer.ID, size int, met bool) (gone []peer.ID, ok bool) {
	all, strange := cost(size), 0
	if !met {
		strange = all
	}
	fits := func() bool { return all <= h.o.Room && (met || strange <= h.o.Room/2) }
	h.mu.RLock()
	defer h.mu.RUnlock()
	for other, k := range h.known {
		if other == id {
			continue
		}
		all += cost(k.size)
		if !k.met {
			strange += cost(k.size)
		}
	}
	if fits() {
		return nil, true
	}
	for _, other := range h.spare(met) {
		if fits() {
			break
		}
		if other == id {
			continue
		}
		k := h.known[other]
		gone = append(gone, other)
		all -= cost(k.size)
		if !k.met {
			strange -= cost(k.size)
		}
	}
	return gone, fits()
}

// spare lists whose holdings may give way, in this order. The caller holds mu.
func (h *Holdings) spare(met bool) []peer.ID {
	const (
		stale = iota
		heardOf
		metLongAgo
		needed
	)
	rank := func(id peer.ID) int {
		k := h.known[id]
		age, _ := h.age(k.heard)
		switch {
		case id == h.o.Self:
			return needed
		case age >= HoldingLife:
			return stale
		case met && !k.met:
			return heardOf
		case met && age > time.Hour:
			return metLongAgo
		}
		return needed
	}
	var ids []peer.ID
	for id := range h.known {
		if rank(id) < needed {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b peer.ID) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), h.known[a].heard.Compare(h.known[b].heard), cmp.Compare(a, b))
	})
	return ids
}
