package node

import (
	"context"
	"fmt"

	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// Detail is all that is known of one item.
type Detail struct {
	Item
	Documents []Document     `json:"documents,omitempty"` // of an item that is here
	Libraries []Library      `json:"libraries,omitempty"` // archives of articles among them
	Card      string         `json:"card,omitempty"`
	Path      string         `json:"path,omitempty"` // folder any program can open
	Entry     *catalog.Entry `json:"entry,omitempty"`
	Packs     []PackOffer    `json:"packs,omitempty"` // of a dataset
}

// PackOffer is a pack that somebody offers of a dataset.
type PackOffer struct {
	Root     string `json:"root"`
	Author   string `json:"author"`
	Model    string `json:"model"`    // digest of the model of its vectors
	Passages int    `json:"passages"` //
	Size     int64  `json:"size"`     // bytes
	Here     bool   `json:"here"`
}

// packOffers lists the packs of a dataset.
func (n *Node) packOffers(base string) (offers []PackOffer, err error) {
	packs, err := n.packsOf(base)
	for _, e := range packs {
		s, err := rag.ParsePackStamp(e.Sketch)
		if err != nil {
			continue // of a later program
		}
		it, herr := n.store.Item(e.Root)
		here := herr == nil && it.Space != store.Inbox
		offers = append(offers, PackOffer{e.Root.String(), e.Author.String(), s.Model, s.Passages, e.Size, here})
	}
	return offers, err
}

// Show tells all that is known of an item, here or offered.
func (n *Node) Show(ctx context.Context, ref string) (Detail, error) {
	item, root, err := n.find(ctx, ref)
	if err != nil {
		return Detail{}, fmt.Errorf("show: %w", err)
	}
	one := []Item{item}
	n.countCopies(one)
	if err := n.countDeliveries(one); err != nil {
		return Detail{}, fmt.Errorf("show %q: %w", ref, err)
	}
	d := Detail{Item: one[0]}
	if d.Conflicts, err = n.withConflicts(ctx, item); err != nil {
		return d, fmt.Errorf("show %q: %w", ref, err)
	}
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return d, fmt.Errorf("show %q: %w", ref, err)
		}
		if e.Root == root && e.Author.String() == item.Author {
			d.Entry, d.Card = &e, e.Card
		}
	}
	if d.Packs, err = n.packOffers(item.Root); err != nil {
		return d, fmt.Errorf("show %q: %w", ref, err)
	}
	if !item.Here {
		return d, nil
	}
	fsys, err := n.store.FS(root)
	if err != nil {
		return d, fmt.Errorf("show %q: %w", ref, err)
	}
	if d.Documents, err = listDocuments(fsys); err != nil {
		return d, fmt.Errorf("show %q: %w", ref, err)
	}
	d.Libraries = libraries(fsys, d.Documents)
	if card, err := readCard(fsys); err == nil {
		d.Card = firstOf(d.Card, card.Description)
		d.Lang, d.Licence, d.Base = firstOf(d.Lang, card.Lang), firstOf(d.Licence, card.Licence), firstOf(d.Base, card.Base)
	}
	d.Path, err = n.store.Path(root)
	return d, err
}
