package node

import (
	"fmt"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
)

// A line is where an author stands with an item: what is on offer, and what it
// goes back to by that author's own words. Another's words never lengthen it, so
// that nobody can tie two strangers' items together.
type line struct {
	catalog.Entry
	from map[string]bool // KeyString of the offered root, of the author's former ones and of another's it began with
}

// parts says whether two lines are revisions of one item by different hands.
func (a *line) parts(b *line) bool {
	if a.Author == b.Author || a.Root.Equals(b.Root) {
		return false
	}
	for root := range a.from {
		if b.from[root] {
			return true
		}
	}
	return false
}

// lineages remembers which lines part, as long as the catalogue stays the same.
type lineages struct {
	mu     sync.Mutex // guards all below
	known  bool
	of     catalog.Digest
	rivals map[lineKey][]parting
}

type lineKey struct {
	author peer.ID
	root   string // KeyString
}

// parting is two lines that part, the one that was asked for first.
type parting struct{ this, other *line }

// maxRivals bounds the revisions by other hands that are looked at for one item.
const maxRivals = 50

// partings lists the revisions by other hands of what an author offers.
func (n *Node) partings(author peer.ID, root cid.Cid) ([]parting, error) {
	l := &n.lineages
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := n.catalog.Digest(); !l.known || l.of != now {
		rivals, err := n.findPartings()
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		l.known, l.of, l.rivals = true, now, rivals
	}
	return l.rivals[lineKey{author, root.KeyString()}], nil
}

func (n *Node) findPartings() (map[lineKey][]parting, error) {
	lines, err := n.lines()
	if err != nil {
		return nil, err
	}
	through := map[string][]*line{}
	for _, l := range lines {
		for root := range l.from {
			through[root] = append(through[root], l)
		}
	}
	rivals := map[lineKey][]parting{}
	for _, l := range lines {
		key := lineKey{l.Author, l.Root.KeyString()}
		seen := map[*line]bool{}
		for root := range l.from {
			for _, other := range through[root] {
				if !seen[other] && l.parts(other) && len(rivals[key]) < maxRivals {
					seen[other] = true
					rivals[key] = append(rivals[key], parting{l, other})
				}
			}
		}
	}
	return rivals, nil
}

// lines are those of everything on offer that somebody's revision touches.
func (n *Node) lines() ([]*line, error) {
	former := map[lineKey][]cid.Cid{} // what an author's own revisions replaced
	touched := map[string]bool{}
	for e, err := range n.catalog.Entries() {
		if err != nil {
			return nil, err
		}
		if e.Verb == catalog.Revise && e.Kind != catalog.Pack && !e.Root.Equals(e.Replaces) {
			key := lineKey{e.Author, e.Root.KeyString()}
			former[key] = append(former[key], e.Replaces)
			touched[e.Replaces.KeyString()], touched[e.Root.KeyString()] = true, true
		}
	}
	var lines []*line
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return nil, err
		}
		if e.Kind == catalog.Pack || !touched[e.Root.KeyString()] {
			continue
		}
		l := &line{Entry: e, from: map[string]bool{}}
		l.Sketch, l.Card = nil, ""
		for todo := []cid.Cid{e.Root}; len(todo) > 0; {
			root := todo[len(todo)-1].KeyString()
			todo = todo[:len(todo)-1]
			if !l.from[root] {
				l.from[root] = true
				todo = append(todo, former[lineKey{e.Author, root}]...)
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}
