package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// maxPack bounds a pack by the size of its dataset: documents may be compressed,
// and a passage costs half its text again as a vector.
func maxPack(dataset int64) int64 { return 64<<20 + 16*dataset }

// packPatience bounds the wait for a pack: without it the node does the work.
const packPatience = 10 * time.Minute

// takePack makes a dataset that is here searchable by a pack that somebody
// offers, and tells whether it did. An author whose pack is false is remembered.
func (n *Node) takePack(ctx context.Context, it store.Item, progress func(Progress)) (rag.Report, bool) {
	packs, err := n.fittingPacks(ctx, it)
	if err != nil {
		n.log.Warn("look for a pack", "item", it.Title, "err", err)
	}
	for _, e := range packs {
		report, err := n.usePack(ctx, it, e, progress)
		if err == nil {
			n.log.Info("pack used", "item", it.Title, "author", e.Author, "passages", report.Passages)
			n.embed.wanted.ring()
			return report, true
		}
		n.log.Info("pack not used", "item", it.Title, "author", e.Author, "err", err)
		if lie, ok := errors.AsType[*rag.PackError](err); ok {
			n.blamePack(lie)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return rag.Report{}, false
}

// fittingPacks lists the packs of a dataset that this node can use, that of the
// author of the dataset first. With no model here any vectors will do: nothing
// is searched by them yet, and the passages are as good.
func (n *Node) fittingPacks(ctx context.Context, it store.Item) ([]catalog.Entry, error) {
	model := ""
	if e, _, err := n.engine.Embedder(ctx, n.embedModel()); err == nil {
		model = e.Model()
	}
	packs, err := n.packsOf(it.Root.String())
	packs = slices.DeleteFunc(packs, func(e catalog.Entry) bool {
		s, err := rag.ParsePackStamp(e.Sketch)
		return err != nil || s.Splitter != rag.SplitterVersion || s.Base != e.Base || model != "" && s.Model != model ||
			e.Author == n.id || e.Size > maxPack(it.Size) || n.refused(e.Author) || n.bans.falsified(e.Author)
	})
	slices.SortStableFunc(packs, func(a, b catalog.Entry) int {
		switch it.Origin {
		case a.Author.String():
			return -1
		case b.Author.String():
			return 1
		}
		return 0
	})
	return packs[:min(len(packs), maxPacksTried)], err
}

// maxPacksTried is how many packs of a dataset are fetched, one after the other.
const maxPacksTried = 3

// usePack fetches a pack and indexes a dataset by it.
func (n *Node) usePack(ctx context.Context, it store.Item, e catalog.Entry, progress func(Progress)) (rag.Report, error) {
	held, err := n.store.Item(e.Root)
	if err == nil && held.Space == store.Inbox {
		held, err = n.store.Move(e.Root, store.Mesh)
	}
	if errors.Is(err, store.ErrNotFound) {
		waiting, cancel := context.WithTimeout(ctx, packPatience)
		defer cancel()
		held, err = n.fetch(waiting, Item{Title: e.Title, Kind: string(catalog.Pack), Root: e.Root.String(), Author: e.Author.String(), Size: e.Size}, e.Root, progress)
	}
	if err != nil {
		return rag.Report{}, fmt.Errorf("fetch the pack of %q: %w", it.Title, err)
	}
	n.telling.changed.ring()
	pack, err := n.store.FS(held.Root)
	if err != nil {
		return rag.Report{}, err
	}
	docs, err := n.store.FS(it.Root)
	if err != nil {
		return rag.Report{}, err
	}
	stage(progress, "index")(0, 0)
	return n.indexes[it.Space].AddPack(ctx, it.Root.String(), it.Title, docs, pack, rag.PackOrigin{Root: e.Root.String(), Author: e.Author.String()})
}

// takePacks looks for packs of what has few of its vectors, and was not tried of
// late.
func (n *Node) takePacks(ctx context.Context, tried map[string]time.Time) error {
	for it, err := range n.store.Items() {
		if err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
		root := it.Root.String()
		set, ok := n.indexes[it.Space].Set(root)
		if it.Space != store.Mesh || !ok || 2*set.Embedded > set.Passages || set.Passages == 0 {
			continue
		}
		packs, err := n.packsOf(root)
		if err != nil {
			return err
		}
		key := fmt.Sprint(root, len(packs)) // another pack is another chance
		if len(packs) == 0 || time.Since(tried[key]) < packAgain {
			continue
		}
		tried[key] = time.Now()
		release := n.working.take(root)
		n.takePack(ctx, it, nil)
		release()
	}
	return nil
}

// packAgain is when a dataset is given another try with the same packs.
const packAgain = time.Hour

// blamePack holds a false pack against its author and drops it. It proves no
// lie: a machine that computes wrongly does the same. So the author is not
// banned, but no other pack of it is used.
func (n *Node) blamePack(lie *rag.PackError) {
	author, err := peer.Decode(lie.Origin.Author)
	if err != nil {
		return
	}
	f := p2p.NewFault(p2p.FalsePack, "pack", lie.Error(), nil)
	f.Peer, f.Asked = author, lie.Origin.Root
	n.faulted(*f)
	n.log.Warn("false pack", "author", author, "what", lie.What)
	for it, err := range n.store.Items() {
		if err != nil {
			return
		}
		if it.Root.String() == lie.Origin.Root && it.Kind == string(catalog.Pack) {
			if err := n.store.Drop(it.Root); err != nil {
				n.log.Warn("drop a false pack", "err", err)
			}
			return
		}
	}
}
