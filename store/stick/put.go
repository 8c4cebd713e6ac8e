package stick

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Parcel is an item to be put on a stick.
type Parcel struct {
	Root cid.Cid
	For  []peer.ID // whose stick it is, at most MaxFor; nobody is everybody
	// Blocks names the blocks that are to travel, parents first, as a walk of the tree from its root finds them: what the
	// reader has is left out. It is asked more than once and must say the same each time. Blocks that the stick has
	// already are not written again. ErrChanged when it does not say the same.
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
	d := w.draw(func(*index) error { return nil })
	if _, err := d.parcels(ctx, parcels); err != nil {
		return Written{}, fmt.Errorf("measure: %w", err)
	}
	return d.written, nil
}

// Put writes the blocks of parcels that no pack has into new packs, flushed one by one, and names the items; a
// parcel takes the place of an earlier one of the same root for the same readers. It reads from src in order, ahead, in
// several goroutines; src hashes what it gives, as a store does.
//
// Everything is measured before: ErrTooLarge, ErrNoSpace, ErrFull come before a byte is written. ErrChanged, src's
// errors and ctx end it half-way: whole packs stay for the next call, no parcel is named, and the Writer goes on.
// progress, which may be nil, is told the bytes written and those to write.
func (w *Writer) Put(ctx context.Context, src blockstore.Viewer, parcels []Parcel, progress func(done, total int64)) (Written, error) {
	done, err := w.put(ctx, src, parcels, progress)
	if err != nil {
		return done, fmt.Errorf("put on the stick: %w", driveError(err))
	}
	return done, nil
}

func (w *Writer) put(ctx context.Context, src blockstore.Viewer, parcels []Parcel, progress func(done, total int64)) (Written, error) {
	plan, err := w.Measure(ctx, parcels)
	if err != nil {
		return Written{}, err
	}
	if err := w.room(plan, parcels); err != nil {
		return Written{}, err
	}
	var written int64
	tell := func(n int64) {
		if written += n; progress != nil {
			progress(written, plan.Bytes)
		}
	}
	d := w.draw(func(x *index) error { return w.lay(ctx, src, x, tell) })
	items, err := d.parcels(ctx, parcels)
	if err != nil {
		return d.written, err
	}
	if d.written != plan {
		return d.written, fmt.Errorf("%w: the list of blocks to put", ErrChanged)
	}
	for _, it := range items {
		w.next.Items = slices.DeleteFunc(w.next.Items, func(is Item) bool { return is.Root == it.Root && slices.Equal(is.For, it.For) })
		w.next.Items = append(w.next.Items, it)
	}
	return d.written, nil
}

// room refuses what does not fit.
func (w *Writer) room(plan Written, parcels []Parcel) error {
	for _, p := range parcels {
		if len(p.For) > MaxFor {
			return fmt.Errorf("%w: %s for %d nodes", ErrFull, p.Root, len(p.For))
		}
	}
	blocks := int64(len(w.table.at)) + plan.Blocks
	switch {
	case len(w.next.Items)+len(parcels) > MaxItems:
		return fmt.Errorf("%w: more than %d items", ErrFull, MaxItems)
	case len(w.next.Packs)+plan.Packs > MaxPacks || blocks > MaxBlocks:
		return fmt.Errorf("%w: %d packs, %d blocks", ErrFull, len(w.next.Packs)+plan.Packs, blocks)
	case plan.Packs == 0:
		return nil
	}
	return w.need(plan.Bytes, 2*plan.Packs)
}
