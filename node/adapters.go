package node

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/ipfs/go-cid"

	"savoirs/rag/engine"
	"savoirs/store/catalog"
)

// Check tells whether an adapter fits a base model that is here.
type Check struct {
	Ref       string `json:"ref"`
	OK        bool   `json:"ok"`
	Digest    string `json:"digest"`         // of the adapter's file
	Base      string `json:"base,omitempty"` // model here that it would be put on
	Installed bool   `json:"installed"`
	Doubt     string `json:"doubt,omitempty"` // why the engine may still refuse it
}

// ImportAdapter takes a GGUF adapter, or a folder with one and its card, into
// the private space. It is not installed: UseModel does that.
func (n *Node) ImportAdapter(ctx context.Context, path string, o ImportOptions, progress func(Progress)) (Item, error) {
	item, err := n.importItem(ctx, path, catalog.Adapter, o, progress)
	if err != nil {
		return Item{}, fmt.Errorf("import %s: %w", path, err)
	}
	return item, nil
}

// CheckAdapter tells what installing an adapter would say, without installing:
// its error is why it would be refused.
func (n *Node) CheckAdapter(ctx context.Context, ref string) (Check, error) {
	item, _, err := n.findHere(ctx, ref)
	if err != nil {
		return Check{}, fmt.Errorf("check: %w", err)
	}
	r, fsys, err := n.recipe(ctx, item)
	if err != nil {
		return Check{}, fmt.Errorf("check %q: %w", ref, err)
	}
	c, err := n.engine.Check(ctx, fsys, r)
	if err != nil {
		return Check{}, fmt.Errorf("check %q: %w", ref, err)
	}
	if c.Refused != nil {
		return Check{}, fmt.Errorf("check %q: %w", ref, c.Refused)
	}
	return Check{Ref: item.Ref, OK: true, Digest: c.Digest, Base: c.Base.Name, Installed: c.Installed, Doubt: c.Doubt}, nil
}

// recipe reads the card of a model or an adapter that is here.
func (n *Node) recipe(ctx context.Context, item Item) (engine.Recipe, fs.FS, error) {
	if !isModel(item.Kind) {
		return engine.Recipe{}, nil, fmt.Errorf("%q: %w", item.Title, ErrNotModel)
	}
	root, err := cid.Decode(item.Root)
	if err != nil {
		return engine.Recipe{}, nil, err
	}
	fsys, err := n.store.FS(root)
	if err != nil {
		return engine.Recipe{}, nil, err
	}
	card, err := readCard(fsys)
	if err != nil {
		return engine.Recipe{}, nil, err
	}
	r, err := card.recipe(fsys, item.Title, item.Kind == string(catalog.Adapter))
	return r, fsys, err
}
