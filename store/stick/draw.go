package stick

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

// drawing goes through parcels and cuts what is new of them into packs. The same parcels on the same stick give the same
// packs, so that what was cut short goes on where it ended.
type drawing struct {
	w       *Writer
	full    func(*index) error // takes a pack that is drawn
	number  int                // of the pack that is being drawn
	pack    draft
	drawn   map[uint64]place // all new blocks, by the key of the table
	written Written
}

func (w *Writer) draw(full func(*index) error) *drawing {
	return &drawing{w: w, full: full, number: len(w.next.Packs), drawn: make(map[uint64]place)}
}

func (d *drawing) parcels(ctx context.Context, parcels []Parcel) ([]Item, error) {
	var items []Item
	for _, p := range parcels {
		it, err := d.parcel(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Root, err)
		}
		items = append(items, it)
	}
	return items, d.finish()
}

func (d *drawing) parcel(ctx context.Context, p Parcel) (Item, error) {
	if err := checkCid(p.Root); err != nil {
		return Item{}, err
	}
	it := Item{Root: p.Root, By: d.w.author, Count: d.w.manifest.Count + 1, For: Nodes(slices.Clone(p.For))}
	slices.Sort(it.For)
	for ref, err := range p.Blocks {
		switch {
		case err != nil:
			return Item{}, err
		case ctx.Err() != nil:
			return Item{}, ctx.Err()
		case ref.Size < 0 || ref.Size > MaxBlock:
			return Item{}, fmt.Errorf("%w: block %s of %d bytes", ErrMalformed, ref.Cid, ref.Size)
		}
		if err := checkCid(ref.Cid); err != nil {
			return Item{}, err
		}
		at, err := d.block(p.Root, ref)
		if err != nil {
			return Item{}, err
		}
		it.Runs = it.Runs.add(uint32(at.pack()), uint32(at.block()))
		it.Blocks, it.Bytes = it.Blocks+1, it.Bytes+int64(ref.Size)
	}
	return it, nil
}

// block tells where a block is or will be.
func (d *drawing) block(root cid.Cid, ref Ref) (place, error) {
	if at, ok := d.w.table.find(ref.Cid); ok {
		d.written.Shared++
		return at, nil
	}
	key := d.w.table.key(ref.Cid)
	if at, ok := d.drawn[key]; ok {
		return at, nil
	}
	if !d.pack.fits(root, ref, d.w.o.PackSize) {
		if err := d.finish(); err != nil {
			return 0, err
		}
	}
	at := placeOf(d.number, d.pack.add(root, ref), 0)
	d.drawn[key] = at
	d.written.Blocks++
	return at, nil
}

// finish hands over the pack that is drawn, if anything is in it.
func (d *drawing) finish() error {
	if d.pack.blocks == 0 {
		return nil
	}
	x, err := parseIndex(append(header(d.pack.roots), d.pack.body...))
	if err != nil {
		return err
	}
	d.written.Packs++
	d.written.Bytes += x.size() + int64(len(x.raw))
	d.pack, d.number = draft{}, d.number+1
	return d.full(x)
}

// draft is a pack that is being drawn.
type draft struct {
	roots  []cid.Cid // of the items whose blocks are in it
	head   int64     // bytes of the header
	body   []byte    // of the index, without the header
	size   int64     // of the sections
	blocks int
}

// maxRoots bounds the header of a pack.
const maxRoots = 1024

// fits tells whether the pack can take the block. One alone always fits.
func (p *draft) fits(root cid.Cid, ref Ref, packSize int64) bool {
	const more = maxCid + 16 // at most, in the header for a root, and before the data of a block
	switch {
	case p.blocks == 0:
		return true
	case p.blocks == MaxPackBlocks:
		return false
	case len(p.roots) == maxRoots && p.roots[maxRoots-1] != root:
		return false
	}
	return p.head+p.size+int64(ref.Size)+2*more <= packSize
}

// add returns the number of the block in the pack.
func (p *draft) add(root cid.Cid, ref Ref) int {
	if n := len(p.roots); n == 0 || p.roots[n-1] != root {
		p.roots = append(p.roots, root)
		p.head = int64(len(header(p.roots)))
	}
	before := len(p.body)
	p.body = binary.AppendUvarint(p.body, uint64(ref.Cid.ByteLen()+ref.Size))
	p.body = append(p.body, ref.Cid.Bytes()...)
	p.size += int64(len(p.body)-before) + int64(ref.Size)
	p.blocks++
	return p.blocks - 1
}
