package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipfs/go-cid"

	"savoirs/rag/extract"
	"savoirs/store"
)

// Damage is a range of a file that is not what it should be. It is never read
// nor served until it is repaired.
type Damage struct {
	store.Damage
	Ref   string `json:"ref"`
	Title string `json:"title"`
}

// Verification is what reading everything told.
type Verification struct {
	Items    int      `json:"items"`
	Bytes    int64    `json:"bytes"`
	Damage   []Damage `json:"damage"`
	Repaired int      `json:"repaired"` // damaged ranges that are right again

	// Archives are ZIM archives that lie here as they were added, and are not what their own sum says: the
	// copy that was added is a bad one.
	Archives []UnsoundArchive `json:"archives,omitempty"`
}

// UnsoundArchive is an archive of an item that does not agree with its own sum.
type UnsoundArchive struct {
	Ref   string `json:"ref"`
	Title string `json:"title"`
	Path  string `json:"path"` // in the item
}

// Verify reads every block of an item, or with an empty ref of all items,
// marks what is wrong and, with repair, fetches it again from neighbours if it
// was published: they are not asked for what is private. Damage that is left is
// in the result; an error means that not all could be read. Archives that are whole are compared with the sum
// they carry, which reads them a second time.
func (n *Node) Verify(ctx context.Context, ref string, repair bool, progress func(Progress)) (Verification, error) {
	items, err := n.items()
	if err != nil {
		return Verification{}, err
	}
	if ref != "" {
		it, _, err := n.findHere(ctx, ref)
		if err != nil {
			return Verification{}, fmt.Errorf("verify: %w", err)
		}
		items = []Item{it}
	}
	v := Verification{Damage: []Damage{}}
	for _, it := range items {
		if !it.Here {
			continue
		}
		if err := n.verifyItem(ctx, it, repair, progress, &v); err != nil {
			return v, fmt.Errorf("verify %q: %w", it.Title, err)
		}
	}
	return v, nil
}

func (n *Node) verifyItem(ctx context.Context, it Item, repair bool, progress func(Progress), v *Verification) error {
	defer n.working.take(it.Root)()
	root, err := cid.Decode(it.Root)
	if err != nil {
		return err
	}
	damage, err := n.store.Verify(ctx, root, stage(progress, "verify"))
	if err != nil {
		return err
	}
	v.Items++
	v.Bytes += it.Size
	if len(damage) > 0 && repair && it.Scope != ScopePrivate {
		if _, err := n.fetch(ctx, it, root, progress); err != nil {
			n.log.Warn("repair", "item", it.Title, "err", err)
		}
		found := len(damage)
		if damage, err = n.store.Verify(ctx, root, nil); err != nil {
			return err
		}
		v.Repaired += found - len(damage)
	}
	for _, d := range damage {
		v.Damage = append(v.Damage, Damage{Damage: d, Ref: it.Ref, Title: it.Title})
	}
	if len(damage) > 0 {
		return nil
	}
	return n.verifyArchives(ctx, it, root, progress, v)
}

// verifyArchives compares the archives of an item that is whole with their own sums.
func (n *Node) verifyArchives(ctx context.Context, it Item, root cid.Cid, progress func(Progress), v *Verification) error {
	files, err := n.store.FS(root)
	if err != nil {
		return err
	}
	documents, err := listDocuments(files)
	if err != nil {
		return err
	}
	for _, d := range documents {
		if !extract.IsLibrary(d.Path) {
			continue
		}
		err := verifyArchive(ctx, files, d.Path, stage(progress, "verify"))
		if errors.Is(err, extract.ErrCorrupt) {
			v.Archives = append(v.Archives, UnsoundArchive{Ref: it.Ref, Title: it.Title, Path: d.Path})
		} else if err != nil && !errors.Is(err, extract.ErrUnsupported) {
			return err
		}
	}
	return nil
}

func verifyArchive(ctx context.Context, files fs.FS, name string, progress func(done, total int64)) error {
	l, err := extract.OpenLibrary(files, name)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Verify(ctx, progress)
}
