package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/stick"
)

// unloading takes the items of a stick, one after the other.
type unloading struct {
	n       *Node
	s       *stick.Stick
	out     *Loaded
	report  func(done, total int64)
	total   int64 // bytes on the stick of what is for this node
	done    int64
	lines   []stick.Receipt
	arrived []store.Item // new in reach, to be made searchable
}

// load is an item of a stick, and all that was put there of it for this node.
type load struct {
	root  cid.Cid
	parts []stick.Item
	asked bool
	size  int64 // on the stick

	// Of what came sealed.
	sealed []stick.Sealed
	author peer.ID
	file   cid.Cid // what receipts call it
	offering
	Arrival
}

// bearer is who put it on the stick.
func (l *load) bearer() peer.ID {
	if l.sealed != nil {
		return l.author
	}
	return l.parts[0].By
}

// all takes every item that is for this node.
func (u *unloading) all(ctx context.Context) error {
	loads, err := u.mine()
	if err != nil {
		return err
	}
	sealed, err := u.sealedFor(ctx)
	if err != nil {
		return err
	}
	for _, l := range append(loads, sealed...) {
		if err := u.one(ctx, l); err != nil {
			return fmt.Errorf("%q: %w", l.Title, err)
		}
		u.out.Items = append(u.out.Items, l.Arrival)
		u.out.Bytes += l.Bytes
		u.out.Blocks += l.Blocks
	}
	return nil
}

// mine lists what is for this node, in the order of the stick.
func (u *unloading) mine() ([]*load, error) {
	asked, err := u.n.asked()
	if err != nil {
		return nil, err
	}
	var loads []*load
	var roots []cid.Cid
	by, others := map[cid.Cid]*load{}, map[cid.Cid]bool{}
	for _, it := range u.s.Manifest().Items {
		if len(it.For) > 0 && !slices.Contains(it.For, u.n.id) && !asked[it.Root] {
			others[it.Root] = true
			continue
		}
		if by[it.Root] == nil {
			by[it.Root] = &load{root: it.Root, asked: asked[it.Root], Arrival: Arrival{Root: it.Root.String()}}
			loads, roots = append(loads, by[it.Root]), append(roots, it.Root)
		}
		by[it.Root].parts = append(by[it.Root].parts, it)
		by[it.Root].size += it.Bytes
		u.total += it.Bytes
	}
	for root := range others {
		if by[root] == nil {
			u.out.Others++
		}
	}
	offerings, err := u.n.offerings(roots)
	for _, l := range loads {
		l.offering = offerings[l.root]
		if e := l.offer; l.offered() {
			l.Title, l.Kind, l.Size, l.Author = e.Title, string(e.Kind), e.Size, u.n.who(e.Author)
		}
	}
	return loads, err
}

// one takes an item, unless it is here or may not come. What goes wrong with it
// alone is said of it, and is no error.
func (u *unloading) one(ctx context.Context, l *load) error {
	defer u.n.working.take(l.Root)()
	u.report(u.done, u.total)
	defer func() { u.done += l.size }()
	if stop, err := u.known(l); stop || err != nil {
		return err
	}
	o, err := u.n.admit(carried{root: l.root, author: l.author, bearer: l.bearer(), asked: l.asked, sealed: l.sealed != nil, title: l.Title, kind: l.Kind, size: l.Size})
	var full *InboxFullError
	var said *DeclinedError
	switch {
	case errors.Is(err, ErrShunned):
		l.State, l.Why = WasRefused, WhyBlocked
		return nil
	case errors.As(err, &said):
		l.State, l.Why = WasRefused, WhyDeclined
		u.note(l, stick.Refused, said.Why)
		return nil
	case errors.As(err, &full):
		l.State = NotLoadedForRoom
		return nil
	case err != nil:
		return err
	}
	u.n.fetching.yield(l.Root)
	in, err := u.n.store.Receive(ctx, l.root, o)
	if u.excused(l, err) {
		return nil
	}
	if err != nil {
		return err
	}
	return u.receive(ctx, l, in)
}

// known says whether an item need not or may not come: it is here, or its
// author offers it no more.
func (u *unloading) known(l *load) (bool, error) {
	it, err := u.n.store.Item(l.root)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return true, err
	case it.Bad > 0 && it.Space == store.Mesh && it.InPlace == "":
		return false, nil // to be repaired
	case it.Space == store.Inbox:
		l.State = Waits
		return true, nil
	default:
		l.State = AlreadyHere
		return true, nil
	}
	switch {
	case l.offering.refused && !l.offered():
		l.State, l.Why = WasRefused, WhyBlocked
	case l.was && !l.offered() && !l.asked:
		l.State, l.Why = WasRefused, WhyWithdrawn
	default:
		return false, nil
	}
	return true, nil
}

// excused says of an item that it cannot come now for a reason of its own.
func (u *unloading) excused(l *load, err error) bool {
	switch {
	case errors.Is(err, store.ErrNoSpace):
		l.State = NotLoadedForRoom
	case errors.Is(err, store.ErrBusy):
		l.State, l.Why = WasRefused, WhyBusy
	case errors.Is(err, store.ErrInPlace):
		l.State = AlreadyHere
	default:
		return false
	}
	return true
}

// receive copies the blocks that lack, then completes the item.
func (u *unloading) receive(ctx context.Context, l *load, in *store.Incoming) (err error) {
	defer func() { err = errors.Join(err, in.Close()) }()
	_, before := u.n.store.Item(l.root)
	have := func(c cid.Cid) bool { ok, err := in.Has(ctx, c); return ok && err == nil }
	var counting sync.Mutex // several batches are put at once
	put := func(ctx context.Context, bs []blocks.Block) error {
		if err := in.PutMany(ctx, bs); err != nil {
			return err
		}
		counting.Lock()
		defer counting.Unlock()
		for _, b := range bs {
			l.Bytes += int64(len(b.RawData()))
		}
		l.Blocks += len(bs)
		u.report(min(u.done+l.Bytes, u.total), u.total)
		return nil
	}
	wrong, err := u.unseal(ctx, l, put)
	if err != nil {
		return u.broken(ctx, l, in, err)
	}
	for _, p := range l.parts {
		walked, err := u.s.Walk(ctx, p, have, put)
		wrong += len(walked.Damage)
		if err != nil {
			return u.broken(ctx, l, in, err)
		}
	}
	it, err := in.Complete(ctx)
	if err != nil {
		if errors.Is(err, store.ErrIncomplete) {
			return u.partly(ctx, l, in, wrong)
		}
		return u.broken(ctx, l, in, err)
	}
	switch {
	case before == nil:
		l.State = RepairedByStick
		u.note(l, stick.Repaired, "")
	case it.Space == store.Inbox:
		l.State = Waits
		u.note(l, stick.Waiting, "")
	default:
		l.State = Delivered
		u.note(l, stick.Delivered, "")
		u.arrived = append(u.arrived, it)
	}
	return nil
}

// partly leaves an item to be gone on with, and asks for what it lacks. Nothing
// is left of one of which nothing came.
func (u *unloading) partly(ctx context.Context, l *load, in *store.Incoming, wrong int) error {
	lacks, err := in.Lacks(ctx, stick.MaxLacks)
	if err != nil {
		return err
	}
	l.State, l.Lacks = ArrivedPartly, len(lacks)
	state := stick.Incomplete
	if wrong > 0 {
		l.State, state = ArrivedDamaged, stick.Damaged
	}
	u.note(l, state, "")
	if l.Blocks == 0 && in.Have() == 0 && !l.asked {
		return in.Abandon()
	}
	return nil
}

// broken ends an item that cannot be completed. What has landed stays unless it
// is no item at all.
func (u *unloading) broken(ctx context.Context, l *load, in *store.Incoming, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, store.ErrHostile):
		l.State = ArrivedDamaged
		u.note(l, stick.Damaged, "")
		return in.Abandon()
	case u.excused(l, err):
		return nil
	case errors.Is(err, stick.ErrDamaged), errors.Is(err, stick.ErrHostile):
		return u.partly(ctx, l, in, 1)
	}
	return err
}

// note adds a line to the receipts.
func (u *unloading) note(l *load, state stick.ReceiptState, why string) {
	m := u.s.Manifest()
	named := l.root
	if l.sealed != nil {
		named = l.file // receipts travel in the open
	}
	u.lines = append(u.lines, stick.Receipt{
		Root: named, State: state, Why: label(why, 300), By: l.bearer(), Stick: m.Stick, Count: m.Count, Bytes: l.Bytes,
	})
}
