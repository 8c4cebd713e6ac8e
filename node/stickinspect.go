package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// InspectStick tells what is on the drive dir. It needs no node. Of the packs
// nothing is read. Errors: those of stick.Open.
func InspectStick(dir string) (StickInfo, error) {
	s, err := stick.Open(dir)
	if err != nil {
		return StickInfo{}, fmt.Errorf("inspect the stick: %w", err)
	}
	defer s.Close()
	i, err := inspect(dir, s)
	if err != nil {
		return i, fmt.Errorf("inspect the stick: %w", err)
	}
	return i, nil
}

func inspect(dir string, s *stick.Stick) (i StickInfo, err error) {
	m := s.Manifest()
	i = StickInfo{
		Dir: dir, Stick: m.Stick.String(), Count: m.Count, Items: []StickItem{},
		Packs: len(m.Packs), Sealed: len(m.Sealed), Wants: []Who{}, Receipts: []Who{},
	}
	if i.FileSystem, i.Free, err = roomOn(dir); err != nil {
		return i, err
	}
	for _, p := range m.Packs {
		i.Bytes, i.Blocks = i.Bytes+p.Size, i.Blocks+p.Blocks
	}
	names := map[peer.ID]Who{}
	who := func(id peer.ID) Who {
		if w, ok := names[id]; ok {
			return w
		}
		return Who{ID: id.String()}
	}
	for w, err := range s.Wants() {
		if err != nil {
			i.Damage = append(i.Damage, err.Error())
			continue
		}
		names[w.Author] = Who{ID: w.Author.String(), Name: label(w.Name, 80), Territory: label(w.Territory, 80)}
	}
	for _, l := range m.Letters {
		switch l.Kind {
		case stick.HoldingLetter:
			i.Holdings++
		case stick.WantLetter:
			i.Wants = append(i.Wants, who(l.Node))
		case stick.ReceiptsLetter:
			i.Receipts = append(i.Receipts, who(l.Node))
		}
	}
	offers, damage := offersOn(s, m.Items)
	i.By, i.Damage = who(m.Author), append(i.Damage, damage...)
	for _, seg := range m.Segments {
		i.Entries += seg.Entries
	}
	for _, it := range m.Items {
		one := StickItem{Root: it.Root.String(), Bytes: it.Bytes, Blocks: it.Blocks, For: []Who{}, By: who(it.By)}
		if e, ok := offers[it.Root]; ok {
			one.Title, one.Kind, one.Size, one.Author = e.Title, string(e.Kind), e.Size, who(e.Author)
		}
		for _, id := range it.For {
			one.For = append(one.For, who(id))
		}
		i.Items = append(i.Items, one)
	}
	return i, nil
}

// offersOn finds the entries on a stick that name its items. Only their
// signatures are checked.
func offersOn(s *stick.Stick, items []stick.Item) (offers map[cid.Cid]catalog.Entry, damage []string) {
	offers = map[cid.Cid]catalog.Entry{}
	asked := map[cid.Cid]bool{}
	for _, it := range items {
		asked[it.Root] = true
	}
	for b, err := range s.Entries() {
		if err != nil {
			damage = append(damage, err.Error())
			continue
		}
		e, err := catalog.Sealed(b).Open()
		if err == nil && e.Verb != catalog.Withdraw && asked[e.Root] {
			offers[e.Root] = e
		}
	}
	return offers, damage
}

// VerifyStick reads everything on the drive dir and checks it: blocks by their
// hashes, statements by their signatures. It needs no node. Progress is in
// bytes, stage verify. What is wrong is in the report.
func VerifyStick(ctx context.Context, dir string, progress func(Progress)) (StickReport, error) {
	s, err := stick.Open(dir)
	if err != nil {
		return StickReport{}, fmt.Errorf("verify the stick: %w", err)
	}
	defer s.Close()
	r := StickReport{}
	if r.StickInfo, err = inspect(dir, s); err != nil {
		return r, fmt.Errorf("verify the stick: %w", err)
	}
	found, err := s.Verify(ctx, stage(progress, "verify"))
	if err != nil {
		return r, fmt.Errorf("verify the stick: %w", err)
	}
	r.Damage, r.Checked = nil, found.Bytes
	for _, d := range found.Damage {
		r.Damage = append(r.Damage, d.Error())
	}
	for b, err := range s.Entries() {
		if err == nil {
			_, err = catalog.Sealed(b).Open()
		}
		if err != nil && !errors.Is(err, stick.ErrDamaged) {
			r.Damage = append(r.Damage, err.Error())
		}
	}
	for _, l := range s.Manifest().Letters {
		if l.Kind != stick.HoldingLetter {
			continue
		}
		b, err := s.Letter(l)
		if err != nil {
			continue // found already
		}
		if h, err := catalog.SealedHolding(b).Open(); err != nil || h.Author != l.Node {
			r.Damage = append(r.Damage, fmt.Sprintf("holding of %s: %v", l.Node, err))
		}
	}
	r.Right = len(r.Damage) == 0
	return r, ctx.Err()
}
