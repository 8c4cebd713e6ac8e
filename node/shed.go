package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store"
	"savoirs/store/catalog"
)

// fits says whether an item can be kept within the pledge, if need be in place
// of others that would still have more copies than it.
func fits(pledge savedPledge, have kept, needs []need, d need) bool {
	room := pledge.Bytes - have.without(d.Root).used()
	for _, it := range replaceable(have, needs, d) {
		room += it.Size
	}
	return d.Size <= room
}

// without is k but for what has arrived of an item.
func (k kept) without(root cid.Cid) kept {
	k.coming = slices.DeleteFunc(slices.Clone(k.coming), func(it store.Item) bool { return it.Root.Equals(root) })
	return k
}

// replaceable lists what may give way to d, the most copied first: without us it
// would have at least as many copies as d will have with us, so that no two
// items take turns.
func replaceable(have kept, needs []need, d need) []store.Item {
	var out []store.Item
	for _, it := range mostCopied(have.whole, needs) {
		if copiesOf(it, needs) >= d.copies+2 {
			out = append(out, it)
		}
	}
	return out
}

// copiesOf is the copies of a kept item as far as needs tell. What nobody wants
// any more has more than enough.
func copiesOf(it store.Item, needs []need) int {
	for _, d := range needs {
		if d.Root.Equals(it.Root) {
			return d.copies
		}
	}
	return catalog.MaxCopies + 2
}

func mostCopied(items []store.Item, needs []need) []store.Item {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b store.Item) int { return cmp.Compare(copiesOf(b, needs), copiesOf(a, needs)) })
	return items
}

// makeRoom drops what must give way to d and says whether d now fits.
func (k *keeper) makeRoom(ctx context.Context, pledge savedPledge, have kept, needs []need, d need) bool {
	room := pledge.Bytes - have.without(d.Root).used()
	for _, it := range replaceable(have, needs, d) {
		if d.Size <= room {
			break
		}
		if k.drop(ctx, it) {
			room += it.Size
		}
	}
	return d.Size <= room
}

// shed drops what is kept for others without need: what its author withdrew,
// unfinished items that nobody lacks any more, and, beyond the pledge or with the
// disk at its floor, the most copied first, what another node surely has. It
// returns what is left.
func (k *keeper) shed(ctx context.Context, pledge savedPledge, have kept, needs []need) (kept, error) {
	for _, it := range have.coming {
		lacks := slices.ContainsFunc(needs, func(d need) bool { return d.Root.Equals(it.Root) && d.copies < d.target })
		if lacks && have.used() <= pledge.Bytes {
			continue
		}
		if err := k.n.abandon(ctx, it.Root); err != nil {
			return have, fmt.Errorf("abandon %q: %w", it.Title, err)
		}
		have = have.without(it.Root)
	}
	withdrawn, err := k.withdrawn(have, needs)
	if err != nil {
		return have, err
	}
	left := kept{coming: have.coming}
	over := have.used() - pledge.Bytes
	if free, err := k.n.store.Free(); err == nil && free == 0 {
		over = max(over, 1) // one at a time: the person who lends goes first
	}
	for _, it := range mostCopied(have.whole, needs) {
		gone := withdrawn[catalog.ShortOf(it.Root)] && k.n.dropKept(it.Root) == nil
		if gone = gone || over > 0 && k.drop(ctx, it); gone {
			over -= it.Size
			continue
		}
		left.whole = append(left.whole, it)
	}
	return left, nil
}

// withdrawn is which of the kept items their authors took back. The catalogue is
// read for it now and then only.
func (k *keeper) withdrawn(have kept, needs []need) (map[catalog.Short]bool, error) {
	if time.Since(k.searched) < 10*k.n.pace() {
		return nil, nil
	}
	authors := map[catalog.Short]peer.ID{}
	for _, it := range have.whole {
		if author, err := peer.Decode(it.Origin); err == nil && copiesOf(it, needs) > catalog.MaxCopies {
			authors[catalog.ShortOf(it.Root)] = author
		}
	}
	if len(authors) == 0 {
		return nil, nil
	}
	k.searched = time.Now()
	return k.n.catalog.Withdrawn(authors)
}

// drop lets a kept item go if another node has it now, and says whether it did.
func (k *keeper) drop(ctx context.Context, it store.Item) bool {
	n := k.n
	n.leaving.add(it.Root)
	defer n.leaving.remove(it.Root)
	if !n.heldElsewhere(ctx, it.Root) {
		n.log.Debug("kept, as nobody else has it now", "item", it.Title)
		return false
	}
	if err := n.dropKept(it.Root); err != nil {
		n.log.Warn("drop an item kept for others", "item", it.Title, "err", err)
		return false
	}
	return true
}

// errMine says that an item is not kept for others only.
var errMine = errors.New("not kept for others")

// dropKept removes an item that is kept for others and that no person pinned or
// took since.
func (n *Node) dropKept(root cid.Cid) error {
	defer n.working.take(root.String())()
	it, err := n.store.Item(root)
	if err != nil {
		return err
	}
	if !it.Kept || it.Pinned {
		return fmt.Errorf("drop %q: %w", it.Title, errMine)
	}
	if err := n.store.Drop(root); err != nil {
		return err
	}
	n.log.Info("no longer kept for others", "item", it.Title, "size", it.Size)
	n.telling.changed.ring()
	return nil
}

// abandon forgets what has landed of an item that was being fetched for others.
func (n *Node) abandon(ctx context.Context, root cid.Cid) error {
	defer n.working.take(root.String())()
	k, err := n.kept()
	if err != nil || !slices.ContainsFunc(k.coming, func(it store.Item) bool { return it.Root.Equals(root) }) {
		return err // a person took it meanwhile
	}
	in, err := n.store.Receive(ctx, root, store.ReceiveOptions{Space: store.Mesh})
	if err != nil {
		return err
	}
	defer n.telling.changed.ring()
	return errors.Join(in.Abandon(), in.Close())
}

// Before an item is dropped another node must say that it holds it, now and
// whole, and is not dropping it itself. As a node says no from before it asks
// until it has dropped, two that rely on each other both keep the item, and of
// several that drop it the one relied on last does not.

const keepingCall = "keeping"

var keepingLimit = p2p.Limit{MaxRequest: 1 << 10, MaxAnswer: 1 << 10, Timeout: 5 * time.Second, PerPeer: 4}

type keepingQuery struct {
	Root cid.Cid `cbor:"root"`
}

type keepingAnswer struct {
	Keeps bool `cbor:"keeps"`
}

func (n *Node) serveKeeping() {
	p2p.Handle(n.mesh, keepingCall, keepingLimit, func(_ context.Context, _ peer.ID, q keepingQuery) (keepingAnswer, error) {
		if !q.Root.Defined() {
			return keepingAnswer{}, nil
		}
		it, err := n.store.Item(q.Root)
		return keepingAnswer{Keeps: err == nil && n.holdsWhole(it)}, nil
	})
}

// holdsWhole says whether this node is one that holds a published item: whole,
// undamaged, and not about to drop it.
func (n *Node) holdsWhole(it store.Item) bool { return isWhole(it) && !n.leaving.has(it.Root) }

// isWhole says whether an item counts as a copy of a published one.
func isWhole(it store.Item) bool { return it.Space == store.Mesh && it.Bad == 0 }

// heldElsewhere asks those who should hold an item until one says that it does.
func (n *Node) heldElsewhere(ctx context.Context, root cid.Cid) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	name, connected := catalog.ShortOf(root), map[peer.ID]bool{}
	for _, p := range n.neighbours() {
		connected[p] = true
	}
	var near, far []peer.ID
	for h := range n.holdings.All() {
		switch {
		case h.Author == n.id || !h.Held.Has(name):
		case connected[h.Author]:
			near = append(near, h.Author)
			delete(connected, h.Author)
		default:
			far = append(far, h.Author)
		}
	}
	for p := range connected { // it may have come since it last told
		far = append(far, p)
	}
	const most = 16
	for i, p := range slices.Concat(near, far) {
		if i == most || ctx.Err() != nil {
			break
		}
		a, err := p2p.Call[keepingQuery, keepingAnswer](ctx, n.mesh, p, keepingCall, keepingLimit, keepingQuery{Root: root})
		if err == nil && a.Keeps {
			return true
		}
	}
	return false
}

// roots is a set that several goroutines use.
type roots struct {
	mu  sync.Mutex // guards all
	all map[cid.Cid]bool
}

func (r *roots) add(c cid.Cid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[cid.Cid]bool{}
	}
	r.all[c] = true
}

func (r *roots) remove(c cid.Cid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, c)
}

func (r *roots) has(c cid.Cid) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[c]
}
