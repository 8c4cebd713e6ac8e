package stick

import (
	"context"
	"errors"
	"iter"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Parcel is an item to be put on a stick.
type Parcel struct {
	Root cid.Cid
	For  []peer.ID // whose stick it is, at most MaxFor; nobody is everybody
	// Blocks names the blocks that are to travel, parents first, as a walk of the tree from its root finds them: what the
	// reader has is left out. It may be asked more than once and must say the same each time. Blocks named twice, and
	// blocks the stick has already, are not written again.
	Blocks iter.Seq2[Ref, error]
}

// Ref names a block and the bytes in it.
type Ref struct {
	Cid  cid.Cid
	Size int
}

// Written is what Put writes, or would.
type Written struct {
	Blocks int64 `json:"blocks"` // new on the stick
	Bytes  int64 `json:"bytes"`  // written for them, with what packs add
	Shared int64 `json:"shared"` // blocks that were there already
	Packs  int   `json:"packs"`  // new ones
}

// Measure tells what Put would write for these parcels, and reads no block. Parcels count in order: a block of two of
// them counts with the first.
func (w *Writer) Measure(ctx context.Context, parcels []Parcel) (Written, error) {
	return Written{}, errors.ErrUnsupported
}

// Put writes the blocks of parcels that no pack has into new packs, flushed one by one, and names the items; a
// parcel takes the place of an earlier one of the same root for the same readers. It reads from src in order, ahead, in
// several goroutines; src hashes what it gives, as a store does.
//
// Everything is measured before: ErrTooLarge, ErrNoSpace, ErrFull come before a byte is written. ErrChanged, src's
// errors and ctx end it half-way: whole packs stay for the next call, no parcel is named, and the Writer goes on.
// progress, which may be nil, is told the bytes written and those to write.
func (w *Writer) Put(ctx context.Context, src blockstore.Viewer, parcels []Parcel, progress func(done, total int64)) (Written, error) {
	return Written{}, errors.ErrUnsupported
}
