package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/ipfs/go-cid"

	"savoirs/store"
	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// parcel is an item that may go.
type parcel struct {
	root cid.Cid
	base string // of a pack: its dataset
	to   []int  // numbers of those who lack it
	PlannedItem
}

// lacked lists what is published, here, and lacked by somebody.
func (c *course) lacked(ctx context.Context) ([]parcel, error) {
	offers := map[cid.Cid]catalog.Entry{}
	for e, err := range c.n.catalog.Offers() {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		if _, twice := offers[e.Root]; (!twice || e.Author == c.n.id) && !c.n.refused(e.Author) {
			offers[e.Root] = e
		}
	}
	holdings := c.n.latest()
	var all []parcel
	for it, err := range c.n.store.Items() {
		if err != nil {
			return nil, fmt.Errorf("read the store: %w", err)
		}
		e, offered := offers[it.Root]
		if it.Space != store.Mesh || !offered {
			continue
		}
		d := parcel{root: it.Root, PlannedItem: PlannedItem{
			Title: e.Title, Kind: string(e.Kind), Root: it.Root.String(), Author: e.Author.String(), Size: it.Size, For: []Who{}, Copies: 1,
		}}
		if e.Kind == catalog.Pack {
			d.base = e.Base
		}
		for i, r := range c.to {
			if r.lacks(it.Root) && r.uses(e) {
				d.to, d.Wanted = append(d.to, i), d.Wanted || r.wants(it.Root)
				d.For = append(d.For, c.For[i].Who)
			}
		}
		for id, k := range holdings {
			if id != c.n.id && k.Held.Has(catalog.ShortOf(it.Root)) {
				d.Copies++
			}
		}
		if c.all || len(d.to) > stick.MaxFor {
			d.For = []Who{}
		} else if len(d.to) == 0 {
			continue
		}
		if !isWhole(it) {
			d.Why = WhyDamaged
		}
		all = append(all, d)
	}
	return byNeed(all), ctx.Err()
}

// byNeed puts what was asked for first, then what is rare, then what is small;
// a pack goes with its dataset, or alone to those who have that.
func byNeed(all []parcel) []parcel {
	slices.SortFunc(all, func(a, b parcel) int {
		if a.Wanted != b.Wanted {
			if a.Wanted {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Copies, b.Copies), cmp.Compare(a.Size, b.Size), bytes.Compare(a.root.Hash(), b.root.Hash()))
	})
	packs := map[string][]parcel{}
	var datasets, alone []parcel
	for _, d := range all {
		if d.base == "" {
			datasets = append(datasets, d)
		} else {
			packs[d.base] = append(packs[d.base], d)
		}
	}
	var out []parcel
	for _, d := range datasets {
		out = append(append(out, d), packs[d.Root]...)
		delete(packs, d.Root)
	}
	for _, d := range all {
		if _, left := packs[d.base]; left && d.base != "" {
			alone = append(alone, d)
		}
	}
	return append(out, alone...)
}

// choose fills the stick.
func (c *course) choose(ctx context.Context) error {
	all, err := c.lacked(ctx)
	if err != nil {
		return err
	}
	left := map[string]bool{}
	for _, d := range all {
		if d.Why == "" && d.base != "" && left[d.base] {
			d.Why = WhyNoRoom // of no use without its dataset
		}
		var m measure
		if d.Why == "" {
			if m, err = c.measure(ctx, d); err != nil {
				if !errors.Is(err, store.ErrDamaged) {
					return err
				}
				d.Why = WhyDamaged
			}
		}
		d.Bytes, d.Blocks = m.bytes, len(m.fresh)
		if d.Why == "" && c.Write+m.cost() > c.Room {
			d.Why = WhyNoRoom
		}
		if d.Why != "" {
			left[d.Root] = true
			c.Left = append(c.Left, d.PlannedItem)
			continue
		}
		c.take(ctx, d, m)
	}
	return nil
}

// measure is what an item would add to the stick.
type measure struct {
	fresh  [][8]byte // blocks to be written
	bytes  int64     // in them
	there  []int64   // for each reader of it, what it has already
	lacked []int64   // and lacks
}

func (m measure) cost() int64 { return m.bytes + int64(len(m.fresh))*blockCost }

func (c *course) measure(ctx context.Context, d parcel) (measure, error) {
	m := measure{there: make([]int64, len(d.to)), lacked: make([]int64, len(d.to))}
	err := c.n.store.BlocksOf(ctx, d.root, func(b cid.Cid, size int64) error {
		needed := c.all
		for i, r := range d.to {
			if c.to[r].has(b) {
				m.there[i] += size
			} else {
				m.lacked[i] += size
				needed = true
			}
		}
		if !needed || c.chosen[digestOf(b)] {
			return nil
		}
		if c.on != nil {
			if has, err := c.on.Has(ctx, b); has || err != nil {
				return err
			}
		}
		m.fresh, m.bytes = append(m.fresh, digestOf(b)), m.bytes+size
		return nil
	})
	return m, err
}

// take puts an item on the list.
func (c *course) take(ctx context.Context, d parcel, m measure) {
	for _, b := range m.fresh {
		c.chosen[b] = true
	}
	c.Write += m.cost()
	c.Blocks += len(m.fresh)
	for i, r := range d.to {
		to := &c.For[r]
		to.Items, to.New, to.There = to.Items+1, to.New+m.lacked[i], to.There+m.there[i]
	}
	c.Items = append(c.Items, d.PlannedItem)
	c.Largest = min(max(c.Largest, c.Write), stick.MaxPack)
	p := stick.Parcel{Root: d.root, Blocks: c.blocks(ctx, d)}
	if len(d.For) > 0 {
		for _, r := range d.to {
			p.For = append(p.For, c.to[r].id)
		}
	}
	c.parcels = append(c.parcels, p)
}

// blocks names the blocks of an item that its to lack.
func (c *course) blocks(ctx context.Context, d parcel) iter.Seq2[stick.Ref, error] {
	return func(yield func(stick.Ref, error) bool) {
		ended := errors.New("ended")
		err := c.n.store.BlocksOf(ctx, d.root, func(b cid.Cid, size int64) error {
			needed := c.all || slices.ContainsFunc(d.to, func(r int) bool { return !c.to[r].has(b) })
			if needed && !yield(stick.Ref{Cid: b, Size: int(size)}, nil) {
				return ended
			}
			return nil
		})
		if err != nil && !errors.Is(err, ended) {
			yield(stick.Ref{}, err)
		}
	}
}
