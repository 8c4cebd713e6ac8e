package stick

import (
	"context"
	"errors"

	"github.com/ipfs/go-cid"
)

// Report is what Verify found.
type Report struct {
	Packs   int       `json:"packs"`            // read
	Blocks  int64     `json:"blocks"`           // right
	Bytes   int64     `json:"bytes"`            // read in all
	Entries int       `json:"entries"`          // in segments that are right
	Letters int       `json:"letters"`          // right
	Sealed  int       `json:"sealed"`           // right
	Damage  []Damage  `json:"damage,omitempty"` // what is not, at most MaxDamage
	Hurt    []cid.Cid `json:"hurt,omitempty"`   // the items that lack something by it
}

// MaxDamage is after how many damaged blocks and files Verify and Walk give a stick up.
const MaxDamage = 1024

// Verify reads everything the MANIFEST names and checks it: each block by its CID, each file by its hash, wants and
// receipts by their signatures. It needs no node. progress, which may be nil, is told the bytes read and those to read.
// What is wrong is in the report, not an error; ctx.Err() when it ended before.
func (s *Stick) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	return Report{}, errors.ErrUnsupported
}
