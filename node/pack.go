package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ipfs/go-cid"

	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// A published dataset may have a pack: its passages and vectors, so that others
// need not make them. It is an item of its own, of kind pack, whose entry names
// the dataset as its base and carries the stamp of the pack as its sketch.

// offerPacks publishes the packs of our datasets whose vectors are complete.
func (n *Node) offerPacks(ctx context.Context) error {
	var ours []catalog.Entry
	packed := map[string][]rag.PackStamp{} // by base
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		switch {
		case e.Author != n.id:
		case e.Kind == catalog.Dataset:
			ours = append(ours, e)
		case e.Kind == catalog.Pack:
			if s, err := rag.ParsePackStamp(e.Sketch); err == nil {
				packed[e.Base] = append(packed[e.Base], s)
			}
		}
	}
	refused := n.choices.get().NoPacks
	var errs []error
	for _, e := range ours {
		root := e.Root.String()
		set, ok := n.indexes[store.Mesh].Set(root)
		done := slices.ContainsFunc(packed[root], func(s rag.PackStamp) bool {
			return s.Model == set.Model && s.Splitter == rag.SplitterVersion
		})
		if !ok || done || set.Passages == 0 || set.Embedded < set.Passages || slices.Contains(refused, root) {
			continue
		}
		errs = append(errs, n.offerPack(ctx, e))
	}
	return errors.Join(errs...)
}

// offerPack makes and publishes the pack of a dataset of ours.
func (n *Node) offerPack(ctx context.Context, e catalog.Entry) error {
	dir, err := os.MkdirTemp(n.o.Dir, "import-*")
	if err != nil {
		return fmt.Errorf("make the pack of %q: %w", e.Title, err)
	}
	defer os.RemoveAll(dir)
	stamp, err := n.indexes[store.Mesh].WritePack(ctx, e.Root.String(), dir)
	if errors.Is(err, rag.ErrNotEmbedded) || errors.Is(err, rag.ErrNotFound) {
		return nil // it changed meanwhile
	}
	if err != nil {
		return err
	}
	it, err := n.store.Add(ctx, dir, store.AddOptions{Title: e.Title, Kind: string(catalog.Pack), Space: store.Mesh})
	if err != nil {
		return fmt.Errorf("make the pack of %q: %w", e.Title, err)
	}
	sketch, err := json.Marshal(stamp)
	if err != nil {
		return err
	}
	if err := n.seal(catalog.Entry{
		Kind: catalog.Pack, Title: e.Title, Root: it.Root, Size: it.Size, Files: it.Files,
		Lang: e.Lang, Licence: e.Licence, Base: e.Root.String(), Sketch: sketch,
	}); err != nil {
		return fmt.Errorf("publish the pack of %q: %w", e.Title, err)
	}
	n.telling.changed.ring()
	n.announceHead(ctx)
	n.log.Info("pack published", "item", e.Title, "passages", stamp.Passages, "size", it.Size)
	return n.dropOldPacks()
}

// dropOldPacks drops the packs that nobody offers any more.
func (n *Node) dropOldPacks() error {
	offered := map[string]bool{}
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		offered[e.Root.String()] = true
	}
	var old []cid.Cid
	for it, err := range n.store.Items() {
		if err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
		if it.Kind == string(catalog.Pack) && !it.Pinned && !it.Kept && !offered[it.Root.String()] {
			old = append(old, it.Root)
		}
	}
	for _, root := range old {
		if err := n.store.Drop(root); err != nil {
			return fmt.Errorf("drop an old pack: %w", err)
		}
	}
	return nil
}

// dropPacks drops the packs of a dataset, withdrawing ours.
func (n *Node) dropPacks(ctx context.Context, base string) error {
	packs, err := n.packsOf(base)
	if err != nil {
		return err
	}
	for _, e := range packs {
		if e.Author == n.id {
			if err := n.withdraw(ctx, Item{Title: e.Title, Kind: string(catalog.Pack)}, e.Root); err != nil {
				return err
			}
		}
		if err := n.store.Drop(e.Root); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("drop the pack of %q: %w", e.Title, err)
		}
	}
	return nil
}

// packsOf lists the packs offered of a dataset.
func (n *Node) packsOf(base string) ([]catalog.Entry, error) {
	var packs []catalog.Entry
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		if e.Kind == catalog.Pack && e.Base == base {
			packs = append(packs, e)
		}
	}
	return packs, nil
}

// refusePack remembers that a dataset of ours is to have no pack, or may have
// one.
func (n *Node) refusePack(root string, no bool) error {
	if slices.Contains(n.choices.get().NoPacks, root) == no {
		return nil
	}
	return n.choices.change(func(c *savedChoices) {
		c.NoPacks = slices.DeleteFunc(c.NoPacks, func(r string) bool { return r == root })
		if no {
			c.NoPacks = append(c.NoPacks, root)
		}
	})
}
