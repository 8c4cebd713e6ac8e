package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/boxo/blockstore"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/stick"
)

// PlanStick tells what PackStick would write to the drive dir, and writes
// nothing there. Errors: ErrWhom for a destination that nobody is, ErrForWhom
// when there is none, those of stick.Open but stick.ErrNoStick.
func (n *Node) PlanStick(ctx context.Context, dir string, o PackOptions) (Plan, error) {
	if _, err := n.stateWant(ctx); err != nil {
		return Plan{}, fmt.Errorf("plan the stick: %w", err)
	}
	c, err := n.plan(ctx, dir, o)
	if err != nil {
		return Plan{}, fmt.Errorf("plan the stick: %w", err)
	}
	return c.Plan, nil
}

// PackStick writes to the drive dir what others lack: the items that the plan
// names, the entries beyond what readers have, and the newest holdings, want
// lists and receipts of everybody known. Until the end the stick stays what it
// was, and packing again goes on. Progress is in bytes, stage pack.
//
// Errors: those of PlanStick; *stick.SpaceError before the first byte when no
// item fits that should go, or later; stick.ErrBusy, stick.ErrReadOnly.
func (n *Node) PackStick(ctx context.Context, dir string, o PackOptions, progress func(Progress)) (Packed, error) {
	p, err := n.packStick(ctx, dir, o, progress)
	if err != nil {
		return p, fmt.Errorf("pack the stick: %w", err)
	}
	return p, nil
}

func (n *Node) packStick(ctx context.Context, dir string, o PackOptions, progress func(Progress)) (Packed, error) {
	if err := n.note(); err != nil {
		return Packed{}, err
	}
	if _, err := n.stateWant(ctx); err != nil {
		return Packed{}, err
	}
	c, err := n.plan(ctx, dir, o)
	if err != nil {
		return Packed{}, err
	}
	if len(c.Items) == 0 {
		if i := slices.IndexFunc(c.Left, func(l PlannedItem) bool { return l.Why == WhyNoRoom }); i >= 0 {
			small := &stick.SpaceError{Err: stick.ErrNoSpace, Need: c.Left[i].Bytes, Have: c.Room}
			if o.Max > 0 && c.Room == o.Max {
				small.Err = stick.ErrTooLarge
			}
			return Packed{Plan: c.Plan}, small
		}
	}
	w, err := stick.OpenWriter(ctx, dir, stick.Options{Key: n.key, Anew: o.Anew})
	if err != nil {
		return Packed{Plan: c.Plan}, err
	}
	defer w.Close()
	for _, root := range c.gone {
		w.Forget(root)
	}
	src, ok := n.store.Blocks(store.Mesh).(blockstore.Viewer)
	if !ok {
		return Packed{}, errors.New("the store lends no blocks") // it always does
	}
	written, err := w.Put(ctx, src, c.parcels, stage(progress, "pack"))
	if err != nil {
		return Packed{Plan: c.Plan}, err
	}
	if err := c.putSecrets(ctx, w); err != nil {
		return Packed{Plan: c.Plan}, err
	}
	if err := c.putNews(w); err != nil {
		return Packed{Plan: c.Plan}, err
	}
	m, err := w.Commit(ctx)
	if err != nil {
		return Packed{Plan: c.Plan}, err
	}
	if _, err := n.visits.seen(m, n.id); err != nil {
		n.log.Warn("stick packed and not noted", "err", err)
	}
	return Packed{Plan: c.Plan, Stick: m.Stick.String(), Count: m.Count, Written: written.Bytes}, nil
}

// putNews puts the entries and letters.
func (c *course) putNews(w *stick.Writer) error {
	var broken error
	entries := func(yield func([]byte) bool) {
		for e, err := range c.n.catalog.Since(c.heights) {
			if err != nil {
				broken = fmt.Errorf("read the catalogue: %w", err)
				return
			}
			if !c.entries[begins(e)] && !yield(e) {
				return
			}
		}
	}
	if c.Entries > 0 {
		if err := w.PutEntries(entries); err != nil {
			return err
		}
	}
	if broken != nil {
		return broken
	}
	heads, err := json.Marshal(c.n.catalog.Heights())
	if err != nil {
		return err
	}
	if err := c.put(w, stick.HeadsLetter, c.n.id, heads); err != nil {
		return err
	}
	return c.n.everyLetter(func(kind stick.LetterKind, node peer.ID, b []byte) error { return c.put(w, kind, node, b) })
}

// put puts a letter, unless that very one is on the stick.
func (c *course) put(w *stick.Writer, kind stick.LetterKind, node peer.ID, b []byte) error {
	if c.letters[letterOn{kind, node}] == sha256.Sum256(b) {
		return nil
	}
	if err := w.PutLetter(kind, node, b); err != nil && !errors.Is(err, stick.ErrFull) {
		return err
	}
	return nil // others had better be there
}
