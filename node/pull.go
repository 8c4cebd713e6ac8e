package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store"
	"savoirs/store/catalog"
)

// Pull fetches an offered item from whoever holds it, verified block by block
// and durable as it lands, and indexes it. Interrupted, it resumes where it
// stopped, also after a restart: call it again. An item that is here already
// is returned as it is, and one that was kept for others becomes this node's
// own; one with damaged ranges is repaired, unless it is
// private: nobody else has it, and to ask would tell that we do. Errors:
// ErrNotFound, p2p.ErrNoProvider, p2p.ErrIncomplete, store.ErrNoSpace.
func (n *Node) Pull(ctx context.Context, ref string, progress func(Progress)) (Item, error) {
	item, root, release, err := n.claim(ctx, ref)
	if err != nil {
		return Item{}, fmt.Errorf("pull: %w", err)
	}
	defer release()
	taken := item.Here && item.Kept // it was kept for others; now it is looked at here too
	if err := errors.Join(n.own(item, root), n.refusals.forget(item.Root)); err != nil {
		return item, fmt.Errorf("pull %q: %w", item.Title, err)
	}
	item.Kept = false
	if item.Here && !taken && (item.Bad == 0 || item.Scope == ScopePrivate) {
		item.Existed = true
		return item, nil
	}
	held, err := n.fetch(ctx, item, root, progress)
	if err == nil && held.Space == store.Inbox { // it waited, and is asked for now
		held, err = n.store.Move(root, store.Mesh)
	}
	if err != nil {
		return item, fmt.Errorf("pull %q: %w", item.Title, err)
	}
	report, err := n.takeIn(ctx, held, progress)
	if err != nil {
		return item, fmt.Errorf("pull %q: %w", item.Title, err)
	}
	item, err = n.itemByRoot(ctx, root)
	item.Skipped, item.Existed = report.Skipped, taken
	return item, err
}

// fetch brings the blocks that lack and completes the item.
func (n *Node) fetch(ctx context.Context, item Item, root cid.Cid, progress func(Progress)) (store.Item, error) {
	in, err := n.store.Receive(ctx, root, store.ReceiveOptions{
		Space: store.Mesh, Title: item.Title, Kind: item.Kind, Origin: item.Author, Kept: item.Kept, Size: item.Size,
	})
	if err != nil {
		return store.Item{}, err
	}
	former, err := n.former(root)
	if err != nil {
		return store.Item{}, errors.Join(err, in.Close())
	}
	landed := in.Have()
	report := stage(progress, "fetch")
	report(landed, item.Size)
	err = n.mesh.Fetch(ctx, root, in, p2p.FetchOptions{
		From: holders(item), MaxBytes: maxTransfer(item.Size), Former: former,
		Progress: func(bytes int64) { report(min(landed+bytes, item.Size), item.Size) },
	})
	if err != nil {
		return store.Item{}, errors.Join(err, in.Close())
	}
	held, err := in.Complete(ctx)
	if err != nil {
		return store.Item{}, errors.Join(err, in.Close())
	}
	return held, nil
}

// former is the item that an offer of root replaces, when it is published and
// here, so that holders may be told what of it need not come again.
func (n *Node) former(root cid.Cid) (cid.Cid, error) {
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return cid.Undef, fmt.Errorf("read the catalogue: %w", err)
		}
		if e.Verb != catalog.Revise || !e.Root.Equals(root) {
			continue
		}
		if it, err := n.store.Item(e.Replaces); err == nil && it.Space == store.Mesh {
			return it.Root, nil
		}
	}
	return cid.Undef, nil
}

// holders are who most likely has the item: its author.
func holders(item Item) []peer.ID {
	if p, err := peer.Decode(item.Author); err == nil {
		return []peer.ID{p}
	}
	return nil
}

// maxTransfer bounds what a fetch of an item of size bytes may receive: the
// tree above the leaves is below 1 % for any sane chunking, small items pay
// for their directories.
func maxTransfer(size int64) int64 { return size + size/16 + 16<<20 }
