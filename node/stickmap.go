package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Map is the mesh as this node knows it.
type Map struct {
	Nodes []MapNode `json:"nodes"` // this one first
	Links []MapLink `json:"links"`
}

// MapNode is a node that this one has met or heard of.
type MapNode struct {
	Who
	Self      bool `json:"self"`
	Connected bool `json:"connected"` // now
	Blocked   bool `json:"blocked"`
	Items     int  `json:"items"` // published ones it says it holds
}

// MapLink is that two nodes are or were in reach of each other.
type MapLink struct {
	A    string    `json:"a"` // ids, A before B
	B    string    `json:"b"`
	Kind LinkKind  `json:"kind"`
	Last time.Time `json:"last,omitzero"` // when this node last knew, by its own clock; zero where it cannot tell
}

// LinkKind is how two nodes reach each other.
type LinkKind string

const (
	LinkNow   LinkKind = "now"   // connected
	LinkMet   LinkKind = "met"   // connected before
	LinkStick LinkKind = "stick" // one loaded what the other wrote
)

// MeshMap tells the nodes this one knows of and how they reach each other: now,
// before, or by a stick that somebody carried. Links between others are those
// that receipts tell of; nobody vouches for them.
func (n *Node) MeshMap(ctx context.Context) (Map, error) {
	m := mapping{n: n, at: map[[2]peer.ID]MapLink{}}
	for _, p := range n.mesh.Remembered() {
		m.link(n.id, p.ID, LinkMet, time.Time{})
	}
	for _, v := range n.visits.all() {
		m.link(n.id, v.Node, LinkStick, v.Last)
	}
	for _, id := range n.receipts.authors() {
		r, kept, err := n.receiptsOf(id)
		if err != nil {
			return Map{}, fmt.Errorf("draw the map: %w", err)
		}
		for _, l := range r.Lines {
			last := kept.read
			if id == n.id {
				last = time.Time{} // the visit has it
			}
			m.link(id, l.By, LinkStick, last)
		}
	}
	connected := map[string]bool{}
	for _, p := range n.neighbours() {
		connected[p.String()] = true
		m.link(n.id, p, LinkNow, time.Now())
	}
	holdings := n.latest()
	out := Map{Nodes: []MapNode{}, Links: m.links()}
	for _, who := range n.everybody() {
		id, err := peer.Decode(who.ID)
		if err != nil {
			continue
		}
		out.Nodes = append(out.Nodes, MapNode{
			Who: who, Self: id == n.id, Connected: connected[who.ID], Blocked: n.refused(id), Items: holdings[id].Held.Len(),
		})
	}
	slices.SortStableFunc(out.Nodes, func(a, b MapNode) int { return boolToInt(b.Self) - boolToInt(a.Self) })
	return out, ctx.Err()
}

// mapping gathers links, one between any two nodes: the kind noted last.
type mapping struct {
	n  *Node
	at map[[2]peer.ID]MapLink
}

func (m *mapping) link(a, b peer.ID, kind LinkKind, last time.Time) {
	if a == b {
		return
	}
	if a.String() > b.String() {
		a, b = b, a
	}
	old, ok := m.at[[2]peer.ID{a, b}]
	if ok && old.Kind == kind && old.Last.After(last) {
		last = old.Last
	}
	m.at[[2]peer.ID{a, b}] = MapLink{A: a.String(), B: b.String(), Kind: kind, Last: last}
}

func (m *mapping) links() []MapLink {
	links := []MapLink{}
	for _, l := range m.at {
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b MapLink) int { return strings.Compare(a.A+a.B, b.A+b.B) })
	return links
}
