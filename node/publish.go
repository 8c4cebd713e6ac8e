package node

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/ipfs/go-cid"

	"savoirs/store"
	"savoirs/store/catalog"
)

// PublishOptions are what the author says of an item; empty fields are taken
// from its card.
type PublishOptions struct {
	Title   string `json:"title,omitempty"`
	Lang    string `json:"lang,omitempty"`
	Licence string `json:"licence,omitempty"`
	DryRun  bool   `json:"dry_run,omitempty"` // only show what would leave
	NoPack  bool   `json:"no_pack,omitempty"` // publish no passages and vectors beside a dataset
	Revises string `json:"revises,omitempty"` // reference of a published item, of whatever author, that this is a revision of
}

// Publication is what left, or with DryRun would leave, this machine.
type Publication struct {
	Item      Item       `json:"item"`
	Documents []Document `json:"documents"`
	DryRun    bool       `json:"dry_run"`
	Told      int        `json:"told"` // neighbours connected when it was announced
}

// Document is a file of an item.
type Document struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// Publish moves an item to the mesh space and seals an entry about it: from
// then on anyone on the mesh may read it and keep it. The entry is durable
// before anyone hears of it. Publishing again what is published changes
// nothing. An earlier item of ours with the same title is replaced. With Revises
// it says that it revises another's item: that author's own line goes on
// untouched, and who has both decides. Errors: ErrNotFound, ErrNotHere, and
// ErrPrivate when what it revises is not published.
func (n *Node) Publish(ctx context.Context, ref string, o PublishOptions) (Publication, error) {
	item, root, release, err := n.claim(ctx, ref)
	if err != nil {
		return Publication{}, fmt.Errorf("publish: %w", err)
	}
	defer release()
	if err := mustBeHere(item); err != nil {
		return Publication{}, fmt.Errorf("publish: %w", err)
	}
	fsys, err := n.store.FS(root)
	if err != nil {
		return Publication{}, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	card, err := readCard(fsys)
	if err != nil {
		return Publication{}, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	p := Publication{Item: item, DryRun: o.DryRun}
	if p.Documents, err = listDocuments(fsys); err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	p.Item.Title = firstOf(o.Title, item.Title)
	p.Item.Lang = firstOf(o.Lang, card.Lang)
	p.Item.Licence = firstOf(o.Licence, card.Licence)
	revised, err := n.revised(ctx, root, o.Revises)
	if err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	if o.DryRun || item.Mine && !revised.Defined() {
		return p, nil
	}
	if err := n.own(item, root); err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	if err := n.refusePack(item.Root, o.NoPack); err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	held, err := n.store.Move(root, store.Mesh)
	if err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	sketch, err := n.sketch(ctx, held)
	if err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	if err := n.seal(catalog.Entry{
		Kind: catalog.Kind(item.Kind), Title: p.Item.Title, Root: root, Size: item.Size, Files: item.Files,
		Lang: p.Item.Lang, Licence: p.Item.Licence, Base: card.Base, Card: card.Description, Sketch: sketch, Replaces: revised,
	}); err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	if err := n.moveIndex(ctx, held); err != nil {
		return p, fmt.Errorf("publish %q: %w", item.Title, err)
	}
	if err := n.offerPacks(ctx); err != nil { // the background tries again
		n.log.Warn("publish packs", "err", err)
	}
	p.Told = n.announceHead(ctx)
	p.Item, err = n.itemByRoot(ctx, root)
	return p, err
}

// maxCardText bounds the description in an entry, which is at most 16 KiB.
const maxCardText = 2000

// revised is the root of the published item that ref names, Undef for none.
func (n *Node) revised(ctx context.Context, root cid.Cid, ref string) (cid.Cid, error) {
	if ref == "" {
		return cid.Undef, nil
	}
	old, replaces, err := n.find(ctx, ref)
	switch {
	case err != nil:
		return cid.Undef, err
	case old.Author == "":
		return cid.Undef, fmt.Errorf("%q: %w", old.Ref, ErrPrivate)
	case replaces.Equals(root):
		return cid.Undef, nil
	}
	return replaces, nil
}

// seal publishes or revises: an item of ours with the same title and kind is
// replaced by the new one, or withdrawn when e says that it replaces another.
// Texts are cut to what an entry may hold.
func (n *Node) seal(e catalog.Entry) error {
	e.Verb, e.Territory = catalog.Publish, label(n.o.Territory, 100)
	e.Title, e.Licence, e.Lang, e.Base = label(e.Title, 300), label(e.Licence, 100), label(e.Lang, 35), label(e.Base, 200)
	e.Card = shorten(printable(e.Card), maxCardText)
	ofAnother := e.Replaces.Defined()
	var left []catalog.Entry
	for old, err := range n.catalog.Offers() {
		if err != nil {
			return err
		}
		if old.Author == n.id && old.Kind == e.Kind && Slug(old.Title) == Slug(e.Title) && !old.Root.Equals(e.Root) {
			if !ofAnother {
				e.Replaces = old.Root
			} else if !old.Root.Equals(e.Replaces) {
				left = append(left, old)
			}
		}
	}
	if e.Replaces.Defined() {
		e.Verb = catalog.Revise
	}
	if _, _, err := n.catalog.Append(n.key, e); err != nil {
		return err
	}
	for _, old := range left {
		if _, _, err := n.catalog.Append(n.key, catalog.Entry{
			Kind: old.Kind, Verb: catalog.Withdraw, Title: old.Title, Root: old.Root, Territory: e.Territory,
		}); err != nil {
			return err
		}
	}
	return nil
}

// moveIndex brings the passages of a published item to the index of the mesh
// space, vectors included.
func (n *Node) moveIndex(ctx context.Context, it store.Item) error {
	set := it.Root.String()
	if _, ok := n.indexes[store.Private].Set(set); !ok {
		_, err := n.index(ctx, it, nil)
		return err
	}
	defer n.embed.wanted.ring()
	return n.indexes[store.Private].Move(set, n.indexes[store.Mesh])
}

// withdraw says that we no longer offer root; what others hold stays theirs.
func (n *Node) withdraw(ctx context.Context, item Item, root cid.Cid) error {
	_, _, err := n.catalog.Append(n.key, catalog.Entry{
		Kind: catalog.Kind(item.Kind), Verb: catalog.Withdraw, Title: label(item.Title, 300), Root: root, Territory: label(n.o.Territory, 100),
	})
	if err != nil {
		return fmt.Errorf("withdraw %q: %w", item.Title, err)
	}
	n.announceHead(ctx)
	return nil
}

func listDocuments(fsys fs.FS) ([]Document, error) {
	var docs []Document
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			docs = append(docs, Document{Path: path, Size: info.Size()})
		}
		return err
	})
	return docs, err
}

// shorten cuts s to at most n bytes at the end of a character.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
