package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

var (
	// ErrShunned says that an item is of an author who is blocked here, or banned
	// for a proved lie.
	ErrShunned = errors.New("its author is blocked or banned here")
	// ErrDeclined says that a person of this node refused an item before.
	ErrDeclined = errors.New("refused by a person of this node")
)

// InboxFullError says that an item does not fit into what the inbox may take of
// the disk, in bytes.
type InboxFullError struct{ Need, Have int64 }

func (e *InboxFullError) Error() string {
	return fmt.Sprintf("inbox is full: %d bytes needed, %d left of its share", e.Need, e.Have)
}

// inboxShare is which part of the free disk the inbox may fill.
const inboxShare = 4

// carried is an item that comes by hand.
type carried struct {
	root   cid.Cid
	author peer.ID // as the entry on the stick says, "" for none
	bearer peer.ID // who wrote the stick
	asked  bool    // a person of this node asked for it
	sealed bool    // it came for this node alone

	// What the stick says of it, in case no entry does.
	title, kind string
	size        int64
}

// admit says how an item that comes by hand is to be received, before a byte of
// it is: in the mesh space when its author is this node or trusted, when a
// person asked for it, or when it is a pack of a dataset that is here, a sealed
// one in the private space; else in the inbox, as far as its share of the disk
// goes. The entries that came with it
// must have been taken before.
//
// Errors: ErrShunned, ErrDeclined (a *DeclinedError with the person's words)
// unless asked for, *InboxFullError.
func (n *Node) admit(a carried) (store.ReceiveOptions, error) {
	o := store.ReceiveOptions{
		Space: store.Inbox, Title: label(a.title, 300), Kind: a.kind, Size: a.size,
		Bearer: a.bearer.String(), Came: time.Now(), Sealed: a.sealed,
	}
	if !catalog.Kind(o.Kind).Valid() {
		o.Kind = string(catalog.Dataset)
	}
	entries, err := n.entriesOf(map[catalog.Short]int{catalog.ShortOf(a.root): 1})
	if err != nil {
		return o, err
	}
	of := entries[a.root.String()]
	honest := slices.DeleteFunc(slices.Clone(of), func(e catalog.Entry) bool { return n.refused(e.Author) })
	if len(honest) == 0 && (len(of) > 0 || a.author != "" && n.refused(a.author)) {
		return o, fmt.Errorf("%q: %w", o.Title, ErrShunned)
	}
	passes := a.asked || a.sealed && n.trusts(a.author)
	if a.sealed {
		o.Origin = a.author.String()
	}
	for i, e := range honest {
		pass := e.Author == n.id || n.trusts(e.Author) || n.ofOurs(e)
		if i == 0 || pass {
			o.Title, o.Kind, o.Size, o.Origin = e.Title, string(e.Kind), e.Size, e.Author.String()
		}
		if pass {
			passes = true
			break
		}
	}
	if f, no := n.refusals.of(a.root.String()); no && !a.asked {
		return o, fmt.Errorf("%q: %w", o.Title, &DeclinedError{Why: f.Why})
	}
	if passes {
		if o.Space = store.Mesh; a.sealed {
			o.Space = store.Private
		}
		return o, nil
	}
	return o, n.inboxRoom(a.root, o.Size)
}

// DeclinedError is ErrDeclined with what the person said.
type DeclinedError struct{ Why string }

func (e *DeclinedError) Error() string { return fmt.Sprintf("%v: %s", ErrDeclined, e.Why) }
func (e *DeclinedError) Unwrap() error { return ErrDeclined }

// ofOurs says whether an entry is of a pack of a dataset that is published here.
// A pack is checked when it is used, whoever made it.
func (n *Node) ofOurs(e catalog.Entry) bool {
	base, err := cid.Decode(e.Base)
	if e.Kind != catalog.Pack || err != nil || n.bans.falsified(e.Author) {
		return false
	}
	it, err := n.store.Item(base)
	return err == nil && it.Space == store.Mesh && !it.Kept
}

// inboxRoom refuses an item of so many bytes when the inbox has not so many left.
func (n *Node) inboxRoom(root cid.Cid, size int64) error {
	free, err := n.store.Free()
	if err != nil {
		return err
	}
	var used, landed int64
	whole, unfinished := n.store.Waiting()
	for _, it := range whole {
		used, landed = used+it.Size, landed+it.Size
	}
	for _, it := range unfinished {
		landed += it.Have
		if !it.Root.Equals(root) {
			used += max(it.Size, it.Have)
		}
	}
	if have := max(0, (free+landed)/inboxShare-used); size > have {
		return &InboxFullError{Need: size, Have: have}
	}
	return nil
}

// arrive goes on with an item that came by hand and is whole: in the mesh space
// it is made searchable and told of, in the inbox it waits.
func (n *Node) arrive(ctx context.Context, it store.Item, progress func(Progress)) error {
	if it.Space == store.Inbox {
		return nil
	}
	_, err := n.takeIn(ctx, it, progress)
	return err
}

// takeIn makes an item that is new in the mesh or private space searchable, by a
// pack if one fits, and tells that it is here. Doing it again changes nothing.
func (n *Node) takeIn(ctx context.Context, it store.Item, progress func(Progress)) (rag.Report, error) {
	root := it.Root.String()
	if it.Space == store.Mesh {
		n.telling.changed.ring()
		n.published.ring()
	}
	if _, done := n.indexes[it.Space].Set(root); done {
		return rag.Report{}, nil
	}
	if it.Space == store.Mesh && it.Kind == string(catalog.Dataset) {
		if report, done := n.takePack(ctx, it, progress); done {
			return report, nil
		}
	}
	report, err := n.index(ctx, it, progress)
	if err != nil {
		return report, fmt.Errorf("index %q: %w", it.Title, err)
	}
	return report, nil
}

// passTrusted moves what waits of authors who are trusted now into the mesh
// space; the background makes it searchable.
func (n *Node) passTrusted() error {
	all, err := n.waiting()
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range all {
		root, err := cid.Decode(w.Root)
		if err != nil || w.Standing != Friend || w.Unfinished || w.Sealed {
			continue
		}
		_, err = n.admitted(root, w.Item)
		errs = append(errs, err)
	}
	n.embed.wanted.ring()
	return errors.Join(errs...)
}
