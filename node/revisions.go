package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"savoirs/store"
)

// Decision is what became of two or more revisions of one item.
type Decision struct {
	Item     Item       `json:"item"`     // the one that was named
	Declined []Conflict `json:"declined"` // dropped from this machine, or not taken any more
	Stay     []Conflict `json:"stay"`     // those that are here all the same: ours, pinned, the last copy known, or all of a fork
}

// ErrNoConflict says that nobody else revised an item.
var ErrNoConflict = errors.New("no revision by another hand is known")

// KeepRevision decides for one of several revisions by different hands: it is
// accepted if it waits, and the others are declined on this node. Those that
// wait are refused, with why; those that are here are dropped, but for ours, those
// pinned and those of which no other copy is known. Others keep what they have.
// Cut by a crash or repeated it goes on, and it can be decided otherwise later.
//
// Errors: ErrNotFound, ErrNotHere, ErrNoConflict, and those of Accept.
func (n *Node) KeepRevision(ctx context.Context, ref, why string, progress func(Progress)) (Decision, error) {
	d, others, err := n.decide(ctx, ref, false, progress)
	if err != nil {
		return d, fmt.Errorf("keep: %w", err)
	}
	for _, c := range others {
		stays, err := n.declineRevision(ctx, c, why)
		if err != nil {
			return d, fmt.Errorf("decline %q of %s: %w", c.Title, c.Author, err)
		}
		if c.Verdict = KeptThis; stays {
			d.Stay = append(d.Stay, c)
		} else {
			d.Declined = append(d.Declined, c)
		}
	}
	return d, nil
}

// KeepBoth decides that the revisions of an item by different hands go on side by
// side: all are kept, now and when either author revises again, and told apart by
// their authors. It is accepted if it waits; others that wait do so until they
// are accepted. Errors as for KeepRevision.
func (n *Node) KeepBoth(ctx context.Context, ref string, progress func(Progress)) (Decision, error) {
	d, others, err := n.decide(ctx, ref, true, progress)
	if err != nil {
		return d, fmt.Errorf("keep both: %w", err)
	}
	for _, c := range others {
		c.Verdict = KeptBoth
		d.Stay = append(d.Stay, c)
	}
	return d, nil
}

// decide makes the decision durable and accepts the one it is about.
func (n *Node) decide(ctx context.Context, ref string, both bool, progress func(Progress)) (Decision, []Conflict, error) {
	d := Decision{Declined: []Conflict{}, Stay: []Conflict{}}
	w, root, err := n.findWaiting(ref)
	waits := err == nil
	if d.Item = w.Item; errors.Is(err, ErrNotFound) {
		d.Item, _, err = n.findHere(ctx, ref)
	}
	if err != nil {
		return d, nil, err
	}
	others, err := n.conflicts(d.Item)
	if err != nil {
		return d, nil, err
	}
	if len(others) == 0 {
		return d, nil, fmt.Errorf("%q: %w", d.Item.Ref, ErrNoConflict)
	}
	if waits && w.Standing == Shunned {
		return d, nil, fmt.Errorf("%q: %w", w.Title, ErrShunned)
	}
	var all []savedVerdict
	for _, c := range others {
		all = append(all, savedVerdict{Kept: d.Item.Root, Other: c.Root, Both: both})
	}
	if err := n.judge(all); err != nil {
		return d, nil, err
	}
	if waits {
		if d.Item, err = n.accept(ctx, w, root, progress); err != nil {
			return d, nil, err
		}
	}
	return d, others, nil
}

// declineRevision removes a revision from this machine, and tells whether it
// stays all the same.
func (n *Node) declineRevision(ctx context.Context, c Conflict, why string) (stays bool, err error) {
	root, err := cid.Decode(c.Root)
	if err != nil {
		return false, err
	}
	switch c.Scope {
	case ScopeInbox:
		w, _, err := n.findWaiting(c.Root)
		if err != nil {
			return false, err
		}
		_, err = n.refuse(w, root, why)
		return false, err
	case ScopeOffer:
		return false, n.decline(c.Root, true)
	}
	if c.Mine || c.Pinned || c.Scope == ScopePrivate || !c.isCopyElsewhere() {
		return true, nil
	}
	n.fetching.yield(c.Root)
	defer n.working.take(c.Root)()
	if err := errors.Join(n.decline(c.Root, true), n.want(c.Root, 0), n.dropPacks(ctx, c.Root)); err != nil {
		return false, err
	}
	if err := n.store.Drop(root); err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	n.telling.changed.ring()
	return false, n.indexes[store.Mesh].Drop(c.Root)
}
