package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ipfs/go-cid"
	"golang.org/x/sys/unix"

	"savoirs/p2p"
	"savoirs/store"
	"savoirs/store/stick"
)

// LoadStick takes from the drive dir everybody's news and the items that are for
// this node or for whoever comes; of those for others, what a person here asked
// for. An item goes where one from elsewhere goes: published when its author is
// trusted or a person asked for it, else to the inbox. What is here is not
// copied again; interrupted, it goes on where it stopped when it is called
// again. Last, this node's receipts and want list are put on the stick if it
// can be written. What an old stick says again changes nothing.
//
// Nobody is blamed for what is wrong with a stick: who carries it made little of
// it. Items that do not fit here are named and the others loaded. Progress is in
// bytes of content, stage load, then index.
//
// Errors: those of stick.Open, p2p.ErrBlocked when a person blocked who wrote it.
func (n *Node) LoadStick(ctx context.Context, dir string, progress func(Progress)) (Loaded, error) {
	out, err := n.loadStick(ctx, dir, progress)
	if err != nil {
		return out, fmt.Errorf("load the stick: %w", err)
	}
	return out, nil
}

func (n *Node) loadStick(ctx context.Context, dir string, progress func(Progress)) (Loaded, error) {
	out := Loaded{Items: []Arrival{}, Receipts: []Receipt{}}
	s, err := stick.Open(dir)
	if err != nil {
		return out, err
	}
	defer s.Close()
	m := s.Manifest()
	out.Stick, out.Count = m.Stick.String(), m.Count
	if n.refused(m.Author) {
		return out, fmt.Errorf("written by %s: %w", m.Author, p2p.ErrBlocked)
	}
	if out.Older, err = n.visits.seen(m, n.id); err != nil {
		return out, err
	}
	if err := n.takeNews(ctx, s, &out); err != nil {
		return out, err
	}
	letters, err := n.takeLetters(s)
	if err != nil {
		return out, err
	}
	out.By, out.Holdings, out.Wants = n.who(m.Author), letters.holdings, letters.wants
	for why, count := range letters.refused {
		out.refuse(why, count)
	}
	l := unloading{n: n, s: s, out: &out, report: stage(progress, "load")}
	loadErr := l.all(ctx)
	if err := errors.Join(loadErr, n.note(l.lines...)); err != nil {
		return out, err
	}
	n.giveBack(ctx, dir, &out)
	if err := n.readOf(letters, &out); err != nil {
		return out, err
	}
	for _, it := range l.arrived {
		release := n.working.take(it.Root.String())
		err := n.arrive(ctx, it, progress)
		release()
		if err != nil {
			if ctx.Err() != nil {
				return out, ctx.Err()
			}
			n.log.Warn("index what came by stick", "item", it.Title, "err", err) // the background tries again
		}
	}
	return out, nil
}

// readOf tells what was read for the first time of this node's own items.
func (n *Node) readOf(letters tookLetters, out *Loaded) error {
	if len(letters.receipts) == 0 {
		return nil
	}
	items, err := n.items()
	if err != nil {
		return err
	}
	known := byRoot(items)
	for at, lines := range letters.receipts {
		for _, line := range lines {
			if r := n.receipt(at, line, known); r.Mine {
				_, kept, _ := n.receipts.of(at)
				r.Read = kept.read
				out.Receipts = append(out.Receipts, r)
			}
		}
	}
	slices.SortStableFunc(out.Receipts, byTitle)
	return nil
}

// giveBack puts this node's want list and receipts, and what it knows of
// others', on the stick. A stick that cannot be written is as good: they are
// kept here, and go with the next one.
func (n *Node) giveBack(ctx context.Context, dir string, out *Loaded) {
	err := n.writeLetters(ctx, dir)
	out.Written = err == nil
	switch {
	case err == nil:
	case errors.Is(err, stick.ErrReadOnly), errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		out.WhyNot = "read_only"
	case errors.Is(err, stick.ErrNoSpace), errors.Is(err, unix.ENOSPC):
		out.WhyNot = "full"
	case errors.Is(err, stick.ErrBusy):
		out.WhyNot = "in_use"
	default:
		out.WhyNot = "error"
		n.log.Warn("receipts not put on the stick", "err", err)
	}
}

// wanted is what a person here asked for and is not whole.
func (n *Node) asked() (map[cid.Cid]bool, error) {
	unfinished, err := n.store.Unfinished()
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	asked := map[cid.Cid]bool{}
	for _, u := range unfinished {
		asked[u.Root] = u.Space == store.Mesh && !u.Kept
	}
	return asked, nil
}
