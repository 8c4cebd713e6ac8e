package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/catalog"
)

// What comes by hand of authors nobody here trusts waits in the inbox, a space
// of its own in the store, until a person says yes or no. Until then nothing of
// it is listed, searched, served, told or counted as a copy.

// ScopeInbox is the scope of an item that waits for a person.
const ScopeInbox = string(store.Inbox)

// Standing is what this node knows of an author.
type Standing string

const (
	Unsigned Standing = "unsigned" // nobody signed a word about the item
	Unknown  Standing = "unknown"
	Met      Standing = "met"     // it was a neighbour, or something of its is here
	Friend   Standing = "trusted" // by a person of this node
	Self     Standing = "self"
	Forked   Standing = "forked"  // it signed two entries with one number
	Shunned  Standing = "refused" // blocked by a person, or banned for a proved lie
)

// Waiting is an item of the inbox.
type Waiting struct {
	Item               // Author is empty when nobody signed a word about it
	Standing Standing  `json:"standing"`
	By       Who       `json:"by"`                 // the author
	Bearer   Who       `json:"bearer"`             // who wrote the stick
	Came     time.Time `json:"came,omitzero"`      // by this node's clock
	Sealed   bool      `json:"sealed,omitempty"`   // it came for this node alone, and becomes private
	Replaces string    `json:"replaces,omitempty"` // root that its author says it replaces
	Replaced string    `json:"replaced,omitempty"` // title of that, if it is known here
}

// Inbox lists what waits for a person, the latest last. Those not whole yet are
// among them; packs are not: they share the fate of their dataset.
func (n *Node) Inbox(context.Context) ([]Waiting, error) {
	all, err := n.waiting()
	if err != nil {
		return nil, fmt.Errorf("read the inbox: %w", err)
	}
	for i := range all {
		if all[i].Conflicts, err = n.conflicts(all[i].Item); err != nil {
			return nil, fmt.Errorf("read the inbox: %w", err)
		}
	}
	return all, nil
}

// waiting is Inbox without the conflicts.
func (n *Node) waiting() ([]Waiting, error) {
	whole, unfinished := n.store.Waiting()
	names := map[catalog.Short]int{}
	for _, it := range slices.Concat(whole, unfinished) {
		names[catalog.ShortOf(it.Root)] = 1
	}
	if len(names) == 0 {
		return []Waiting{}, nil
	}
	entries, err := n.entriesOf(names)
	if err != nil {
		return nil, err
	}
	titles, err := n.titles(entries)
	if err != nil {
		return nil, err
	}
	all := []Waiting{}
	for i, it := range slices.Concat(whole, unfinished) {
		if it.Kind == string(catalog.Pack) {
			continue
		}
		w := n.wait(it, entries[it.Root.String()])
		w.Unfinished = i >= len(whole)
		w.Replaced = titles[w.Replaces]
		all = append(all, w)
	}
	nameWaiting(all)
	slices.SortStableFunc(all, func(a, b Waiting) int { return a.Came.Compare(b.Came) })
	return all, nil
}

// nameWaiting gives each the shortest reference that names it in the inbox.
func nameWaiting(all []Waiting) {
	items := waitingItems(all)
	name(items)
	for i := range all {
		all[i].Ref = items[i].Ref
	}
}

func waitingItems(all []Waiting) []Item {
	items := make([]Item, len(all))
	for i, w := range all {
		items[i] = w.Item
	}
	return items
}

// wait is the view of an item of the inbox, by the first of the entries about it
// that its card names, or any.
func (n *Node) wait(it store.Item, entries []catalog.Entry) Waiting {
	w := Waiting{
		Item: Item{
			Title: it.Title, Kind: it.Kind, Root: it.Root.String(), Scope: ScopeInbox, Origin: it.Origin,
			Size: it.Size, Files: it.Files, Bad: it.Bad, Have: it.Have,
		},
		Standing: Unsigned, Came: it.Came, Sealed: it.Sealed,
	}
	if bearer, err := peer.Decode(it.Bearer); err == nil {
		w.Bearer = n.who(bearer)
	}
	if len(entries) == 0 {
		if author, err := peer.Decode(it.Origin); err == nil && n.refused(author) {
			w.Author, w.By, w.Standing = it.Origin, n.who(author), Shunned
		}
		return w
	}
	e := entries[max(0, slices.IndexFunc(entries, func(e catalog.Entry) bool { return e.Author.String() == it.Origin }))]
	n.describe(&w.Item, e)
	w.Standing, w.By = n.standing(e.Author), n.who(e.Author)
	if e.Verb == catalog.Revise {
		w.Replaces = e.Replaces.String()
	}
	return w
}

// standing is what this node knows of an author.
func (n *Node) standing(p peer.ID) Standing {
	switch {
	case p == n.id:
		return Self
	case n.refused(p):
		return Shunned
	case slices.ContainsFunc(n.catalog.Forks(), func(f catalog.Fork) bool { return f.Author == p }):
		return Forked
	case n.trusts(p):
		return Friend
	case n.profiles.of(p) != Profile{}:
		return Met
	}
	for it, err := range n.store.Items() {
		if err == nil && it.Origin == p.String() {
			return Met
		}
	}
	return Unknown
}

// entriesOf is what is on offer of these items, by root, of authors who are not
// refused last.
func (n *Node) entriesOf(names map[catalog.Short]int) (map[string][]catalog.Entry, error) {
	entries := map[string][]catalog.Entry{}
	for e, err := range n.catalog.OffersOf(names) {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		root := e.Root.String()
		entries[root] = append(entries[root], e)
	}
	return entries, nil
}

// titles names the roots that these entries replace, as far as they are on offer
// or here.
func (n *Node) titles(entries map[string][]catalog.Entry) (map[string]string, error) {
	replaced := map[catalog.Short]int{}
	titles := map[string]string{}
	for _, of := range entries {
		for _, e := range of {
			if e.Verb != catalog.Revise {
				continue
			}
			replaced[catalog.ShortOf(e.Replaces)] = 1
			if it, err := n.store.Item(e.Replaces); err == nil {
				titles[e.Replaces.String()] = it.Title
			}
		}
	}
	if len(replaced) == 0 {
		return titles, nil
	}
	for e, err := range n.catalog.OffersOf(replaced) {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		titles[e.Root.String()] = e.Title
	}
	return titles, nil
}

// findWaiting resolves a reference to an item of the inbox.
func (n *Node) findWaiting(ref string) (Waiting, cid.Cid, error) {
	all, err := n.waiting()
	if err != nil {
		return Waiting{}, cid.Undef, err
	}
	it, err := resolve(waitingItems(all), ref)
	if err != nil {
		return Waiting{}, cid.Undef, err
	}
	root, err := cid.Decode(it.Root)
	i := slices.IndexFunc(all, func(w Waiting) bool { return w.Root == it.Root })
	return all[i], root, err
}

// waits says whether an item is in the inbox, whole.
func (n *Node) waits(root cid.Cid) bool {
	it, err := n.store.Item(root)
	return err == nil && it.Space == store.Inbox
}

// settleInbox ends, at the start, what a crash left of a refusal, and drops
// packs whose dataset does not wait.
func (n *Node) settleInbox() error {
	whole, _ := n.store.Waiting()
	var errs []error
	for _, it := range whole {
		if _, no := n.refusals.of(it.Root.String()); no {
			errs = append(errs, n.store.Drop(it.Root))
			continue
		}
		if it.Kind != string(catalog.Pack) {
			continue
		}
		entries, err := n.entriesOf(map[catalog.Short]int{catalog.ShortOf(it.Root): 1})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !slices.ContainsFunc(entries[it.Root.String()], func(e catalog.Entry) bool {
			base, err := cid.Decode(e.Base)
			return err == nil && n.waits(base)
		}) {
			errs = append(errs, n.store.Drop(it.Root))
		}
	}
	return errors.Join(errs...)
}
