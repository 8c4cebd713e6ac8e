package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"

	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// Scopes of an Item: who may get it.
const (
	ScopePrivate = "private" // this node only
	ScopeMesh    = "mesh"    // published, here
	ScopeOffer   = "offer"   // published by another node, not here
)

// Item is what a person sees of an item, wherever it is.
type Item struct {
	Ref        string     `json:"ref"` // shortest reference that names it alone
	Title      string     `json:"title"`
	Kind       string     `json:"kind"`
	Root       string     `json:"root"`
	Scope      string     `json:"scope"`
	Author     string     `json:"author,omitempty"` // peer id of who published it
	Territory  string     `json:"territory,omitempty"`
	Seq        uint64     `json:"seq,omitempty"` // number of the author's entry
	Lang       string     `json:"lang,omitempty"`
	Licence    string     `json:"licence,omitempty"`
	Base       string     `json:"base,omitempty"` // of an adapter: digest of its base model
	Origin     string     `json:"origin,omitempty"`
	Size       int64      `json:"size"` // bytes of content
	Files      int        `json:"files"`
	Here       bool       `json:"here"` // whole on this machine
	Mine       bool       `json:"mine"` // published by this node
	Pinned     bool       `json:"pinned"`
	Kept       bool       `json:"kept,omitempty"` // here for others, by a pledge; not searched
	InPlace    bool       `json:"in_place"`
	Existed    bool       `json:"existed,omitempty"` // of an add or pull: was here before
	Unfinished bool       `json:"unfinished,omitempty"`
	Have       int64      `json:"have,omitempty"`  // bytes of an unfinished item that are here
	Bad        int        `json:"bad,omitempty"`   // damaged ranges
	Texts      int        `json:"texts,omitempty"` // documents read, an archive's articles each
	Passages   int        `json:"passages,omitempty"`
	Embedded   int        `json:"embedded,omitempty"`
	Skipped    []rag.Skip `json:"skipped,omitempty"`   // of an add or pull: documents not indexed
	Delivered  []Delivery `json:"delivered,omitempty"` // of one this node published, where it is listed or shown: what came of it by stick
	Conflicts  []Conflict `json:"conflicts,omitempty"` // revisions by other hands, of one that is here, where it is listed or shown
	Spread                // of a published one, where it is listed, shown or pinned
}

// List returns every item of this machine and every offer of the catalogue,
// the ones here first, in order of title within each. Packs are left out: Show
// tells those of a dataset.
func (n *Node) List(ctx context.Context) ([]Item, error) {
	items, err := n.items()
	if err == nil {
		items = slices.DeleteFunc(items, func(it Item) bool { return it.Kind == string(catalog.Pack) })
		n.countCopies(items)
		err = errors.Join(n.countDeliveries(items), n.noteConflicts(items))
	}
	return items, err
}

// items is List without copies and conflicts.
func (n *Node) items() ([]Item, error) {
	offers := map[string]catalog.Entry{} // by root
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		if old, ok := offers[e.Root.String()]; !ok || (e.Author == n.id && old.Author != n.id) {
			offers[e.Root.String()] = e
		}
	}
	items := []Item{}
	seen := map[string]bool{}
	for it, err := range n.store.Items() {
		if err != nil {
			return nil, fmt.Errorf("read the store: %w", err)
		}
		item := n.held(it)
		if e, ok := offers[item.Root]; ok && it.Space == store.Mesh {
			n.describe(&item, e)
		}
		seen[item.Root] = true
		items = append(items, item)
	}
	unfinished, err := n.store.Unfinished()
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	have := map[string]store.Item{}
	for _, u := range unfinished {
		have[u.Root.String()] = u
	}
	for root, e := range offers {
		if seen[root] {
			continue
		}
		item := Item{Title: e.Title, Kind: string(e.Kind), Root: root, Scope: ScopeOffer, Size: e.Size, Files: e.Files}
		if u, ok := have[root]; ok {
			item.Unfinished, item.Have, item.Kept = true, u.Have, u.Kept
		}
		n.describe(&item, e)
		items = append(items, item)
	}
	sortItems(items)
	name(items)
	return items, nil
}

// held is the view of an item of the store.
func (n *Node) held(it store.Item) Item {
	item := Item{
		Title: it.Title, Kind: it.Kind, Root: it.Root.String(), Scope: string(it.Space), Origin: it.Origin,
		Size: it.Size, Files: it.Files, Here: true, Pinned: it.Pinned, Kept: it.Kept, InPlace: it.InPlace != "", Bad: it.Bad,
	}
	if set, ok := n.indexes[it.Space].Set(item.Root); ok {
		item.Texts, item.Passages, item.Embedded = set.Documents, set.Passages, set.Embedded
		if len(set.Langs) == 1 {
			item.Lang = set.Langs[0]
		}
	}
	return item
}

// describe adds what the author said of the item.
func (n *Node) describe(item *Item, e catalog.Entry) {
	item.Title, item.Author, item.Territory, item.Seq = e.Title, e.Author.String(), e.Territory, e.Seq
	item.Lang, item.Licence, item.Base, item.Mine = e.Lang, e.Licence, e.Base, e.Author == n.id
}

// find resolves a reference to an item here or offered.
func (n *Node) find(ctx context.Context, ref string) (Item, cid.Cid, error) {
	items, err := n.items()
	if err != nil {
		return Item{}, cid.Undef, err
	}
	it, err := resolve(items, ref)
	if err != nil {
		return Item{}, cid.Undef, err
	}
	root, err := cid.Decode(it.Root)
	return it, root, err
}

// findHere is find for items that must be on this machine.
func (n *Node) findHere(ctx context.Context, ref string) (Item, cid.Cid, error) {
	it, root, err := n.find(ctx, ref)
	if err == nil {
		err = mustBeHere(it)
	}
	return it, root, err
}

// ErrNotHere says that an item is offered, but not on this machine. It wraps
// ErrNotFound.
var ErrNotHere = fmt.Errorf("offered but not here: %w", ErrNotFound)

func mustBeHere(it Item) error {
	if it.Here {
		return nil
	}
	return fmt.Errorf("%q: %w", it.Ref, ErrNotHere)
}

// counted is an item by its root, with its copies.
func (n *Node) counted(ctx context.Context, root cid.Cid) (Item, error) {
	item, err := n.itemByRoot(ctx, root)
	one := []Item{item}
	if err == nil {
		n.countCopies(one)
	}
	return one[0], err
}

// claim resolves a reference and makes the caller the only one to change the
// item until it calls release; a fetch of it for others ends. The item is as it stands then, not as it was
// while another gesture worked on it.
func (n *Node) claim(ctx context.Context, ref string) (it Item, root cid.Cid, release func(), err error) {
	it, root, err = n.find(ctx, ref)
	if err != nil {
		return it, root, nil, err
	}
	n.fetching.yield(it.Root)
	release = n.working.take(it.Root)
	if it, _, err = n.find(ctx, it.Root); err != nil {
		release()
		return it, root, nil, err
	}
	return it, root, release, nil
}

// sortItems puts what is here first, then by title and root.
func sortItems(items []Item) {
	slices.SortFunc(items, func(a, b Item) int {
		if a.Here != b.Here {
			if a.Here {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(Slug(a.Title), Slug(b.Title)), cmp.Compare(a.Root, b.Root))
	})
}
