package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"

	"savoirs/store"
	"savoirs/store/catalog"
)

// Accept lets an item out of the inbox: into the mesh space, where it is
// searched, served and counted as a copy, or into the private one when it came
// sealed for this node. Nothing that is here is replaced by it. Interrupted, it
// can be given again; an item that is here already is returned with Existed
// set. Of one that was refused before, the refusal is forgotten, so that it may
// come again: it is returned with Here unset.
//
// Errors: ErrNotFound, ErrShunned, store.ErrIncomplete while blocks are missing.
func (n *Node) Accept(ctx context.Context, ref string, progress func(Progress)) (Item, error) {
	w, root, err := n.findWaiting(ref)
	if errors.Is(err, ErrNotFound) {
		return n.acceptAgain(ctx, ref, progress)
	}
	if err != nil {
		return Item{}, fmt.Errorf("accept: %w", err)
	}
	it, err := n.accept(ctx, w, root, progress)
	if err != nil {
		return w.Item, fmt.Errorf("accept %q: %w", w.Title, err)
	}
	return it, nil
}

func (n *Node) accept(ctx context.Context, w Waiting, root cid.Cid, progress func(Progress)) (Item, error) {
	switch {
	case w.Standing == Shunned:
		return w.Item, ErrShunned
	case w.Unfinished:
		return w.Item, store.ErrIncomplete
	}
	n.fetching.yield(w.Root)
	defer n.working.take(w.Root)()
	held, err := n.admitted(root, w.Item)
	if err != nil {
		return w.Item, err
	}
	report, err := n.takeIn(ctx, held, progress)
	if err != nil {
		return w.Item, err
	}
	if err := n.dropWaitingPacks(w.Root); err != nil {
		return w.Item, err
	}
	item, err := n.counted(ctx, root)
	item.Skipped = report.Skipped
	return item, err
}

// admitted moves an item out of the inbox.
func (n *Node) admitted(root cid.Cid, item Item) (store.Item, error) {
	to := store.Mesh
	if it, err := n.store.Item(root); err == nil && it.Sealed {
		to = store.Private
	}
	held, err := n.store.Move(root, to)
	if err != nil {
		return held, err
	}
	return held, errors.Join(n.refusals.forget(item.Root), n.decline(item.Root, false))
}

// acceptAgain answers for what does not wait: it is here, perhaps unread because
// Accept was cut, or was refused.
func (n *Node) acceptAgain(ctx context.Context, ref string, progress func(Progress)) (Item, error) {
	for _, f := range n.Refusals() {
		if f.Root == ref || Slug(f.Title) != "" && Slug(f.Title) == Slug(ref) {
			it := Item{Ref: f.Root, Root: f.Root, Title: f.Title, Author: f.Author}
			return it, errors.Join(n.refusals.forget(f.Root), n.decline(f.Root, false))
		}
	}
	item, root, err := n.findHere(ctx, ref)
	if err != nil {
		return Item{}, fmt.Errorf("accept: %w", err)
	}
	defer n.working.take(item.Root)()
	item.Existed = true
	held, err := n.store.Item(root)
	if err != nil || held.Kept {
		return item, err
	}
	_, err = n.takeIn(ctx, held, progress)
	return item, err
}

// Refuse drops an item of the inbox and remembers that it was not wanted, and
// why in the person's words: no stick and no pledge brings it again until
// somebody here asks for it, by Accept or Pull. Who sent it learns why from the
// receipts. Interrupted, it can be given again; the start ends what a crash
// left. Errors: ErrNotFound.
func (n *Node) Refuse(_ context.Context, ref, why string) (Refusal, error) {
	w, root, err := n.findWaiting(ref)
	if f, before := n.refusals.of(ref); before && errors.Is(err, ErrNotFound) {
		f.Why = why
		return f, n.refusals.add(f)
	}
	if err != nil {
		return Refusal{}, fmt.Errorf("refuse: %w", err)
	}
	f, err := n.refuse(w, root, why)
	if err != nil {
		return f, fmt.Errorf("refuse %q: %w", w.Title, err)
	}
	return f, nil
}

// refuse makes the no durable first: what is left is dropped at the start.
func (n *Node) refuse(w Waiting, root cid.Cid, why string) (Refusal, error) {
	defer n.working.take(w.Root)()
	f := Refusal{Root: w.Root, Title: w.Title, Author: w.Author, Why: label(why, maxWhy), At: time.Now().UTC()}
	if err := n.refusals.add(f); err != nil {
		return f, err
	}
	if err := n.dropWaiting(root); err != nil {
		return f, err
	}
	return f, n.dropWaitingPacks(w.Root)
}

// dropWaiting removes an item of the inbox, whole or not. One that is not there
// is no error.
func (n *Node) dropWaiting(root cid.Cid) error {
	it, err := n.store.Item(root)
	switch {
	case err == nil && it.Space == store.Inbox:
		if err := n.store.Unpin(root); err != nil {
			return err
		}
		return n.store.Drop(root)
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	_, unfinished := n.store.Waiting()
	for _, u := range unfinished {
		if u.Root.Equals(root) {
			in, err := n.store.Receive(context.Background(), root, store.ReceiveOptions{Space: store.Inbox})
			if err != nil {
				return err
			}
			return errors.Join(in.Abandon(), in.Close())
		}
	}
	return nil
}

// dropWaitingPacks drops the packs of a dataset that wait.
func (n *Node) dropWaitingPacks(base string) error {
	whole, unfinished := n.store.Waiting()
	packs := map[catalog.Short]int{}
	for _, it := range append(whole, unfinished...) {
		if it.Kind == string(catalog.Pack) {
			packs[catalog.ShortOf(it.Root)] = 1
		}
	}
	if len(packs) == 0 {
		return nil
	}
	entries, err := n.entriesOf(packs)
	if err != nil {
		return err
	}
	var errs []error
	for _, of := range entries {
		for _, e := range of {
			if e.Base == base {
				errs = append(errs, n.dropWaiting(e.Root))
			}
		}
	}
	return errors.Join(errs...)
}
