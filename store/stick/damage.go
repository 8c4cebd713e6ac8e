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
	Items []cid.Cid `json:"items,omitempty"` // which items lack something by it
	Err   error     `json:"-"`
}

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
