package node

import (
	"context"
	"errors"
	"time"
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
	Last time.Time `json:"last,omitzero"` // when this node last knew, by its own clock
}

// LinkKind is how two nodes reach each other.
type LinkKind string

const (
	LinkNow   LinkKind = "now"   // connected
	LinkMet   LinkKind = "met"   // connected before
	LinkStick LinkKind = "stick" // one loaded what the other wrote
)

// MeshMap tells the nodes this one knows of and how they reach each other.
func (n *Node) MeshMap(ctx context.Context) (Map, error) { return Map{}, errors.ErrUnsupported }
