package stick

import (
	"fmt"

	"github.com/ipfs/go-cid"
)

// Damage is something on a stick that is not what the MANIFEST says. It wraps ErrDamaged, or ErrHostile.
type Damage struct {
	File  string    `json:"file"`            // below savoirs/
	At    int64     `json:"at"`              // where in it, -1 for all of it
	Block *cid.Cid  `json:"block,omitempty"` // which block, if it is one
	What  string    `json:"what"`            // in words
	Items []cid.Cid `json:"items,omitempty"` // some of the items that lack something by it, at most 100
	Err   error     `json:"-"`

	pack, first, blocks int // what is lost: from block first of a pack on, so many
}

const maxNamedItems = 100 // by one Damage

func (d Damage) Error() string {
	s := fmt.Sprintf("%s: %v: %s", d.File, d.Err, d.What)
	if d.At >= 0 {
		s += fmt.Sprintf(" at %d", d.At)
	}
	if d.Block != nil {
		s += fmt.Sprintf(", block %s", *d.Block)
	}
	return s
}

// Unwrap is ErrDamaged or ErrHostile.
func (d Damage) Unwrap() error { return d.Err }

// hits tells whether the damage takes a block of a run.
func (d Damage) hits(r Run) bool {
	return d.pack == int(r.Pack) && d.first < int(r.First)+int(r.Blocks) && int(r.First) < d.first+d.blocks
}

// blame names the items that each damage hurts, and returns all of them, each once.
func blame(m Manifest, damage []Damage) []cid.Cid {
	of := make(map[int][]int) // pack to damages
	for i, d := range damage {
		if d.blocks > 0 {
			of[d.pack] = append(of[d.pack], i)
		}
	}
	var hurt []cid.Cid
	seen := make(map[cid.Cid]bool)
	for _, it := range m.Items {
		hit := make(map[int]bool)
		for _, r := range it.Runs {
			for _, i := range of[int(r.Pack)] {
				if !hit[i] && damage[i].hits(r) {
					hit[i] = true
					if d := &damage[i]; len(d.Items) < maxNamedItems {
						d.Items = append(d.Items, it.Root)
					}
				}
			}
		}
		if len(hit) > 0 && !seen[it.Root] {
			seen[it.Root] = true
			hurt = append(hurt, it.Root)
		}
	}
	return hurt
}
