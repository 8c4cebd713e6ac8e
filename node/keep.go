package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/catalog"
)

// keeper fetches and drops items within the pledge, so that those that others
// want kept have as many copies as they want. It is the memory of one goroutine.
type keeper struct {
	n        *Node
	lacking  map[catalog.Short]time.Time // since when an item lacks copies
	failed   map[catalog.Short]failure
	searched time.Time // when the catalogue was last read for what was withdrawn
}

// failure is when to try an item again.
type failure struct {
	until time.Time
	pause time.Duration
}

// need is an item that a node we lend to wants copies of.
type need struct {
	catalog.Entry
	name   catalog.Short
	target int             // copies wanted
	copies int             // nodes that hold it whole
	coming int             // other nodes that are fetching it to keep it
	places map[string]bool // territories of these
	mayAct []catalog.Known // others that lend to a node that wants it, and have room left
}

// keepForOthers works until ctx ends: it looks at what others want kept, soon
// after that changed and from time to time.
func (n *Node) keepForOthers(ctx context.Context) error {
	k := &keeper{n: n, lacking: map[catalog.Short]time.Time{}, failed: map[catalog.Short]failure{}}
	look := time.NewTicker(n.pace())
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-n.telling.heard:
		}
		n.linger(ctx, n.pace()/15)
		for again := true; again && ctx.Err() == nil; {
			var err error
			if again, err = k.step(ctx); err != nil && ctx.Err() == nil {
				n.log.Info("keep items for others", "err", err)
			}
		}
	}
}

// step drops what need not or may not be kept, then fetches at most one item.
// It returns whether there may be more to do at once.
func (k *keeper) step(ctx context.Context) (bool, error) {
	pledge := k.n.choices.get().Pledge
	have, err := k.n.kept()
	if err != nil || pledge.Bytes == 0 && len(have.whole)+len(have.coming) == 0 {
		return false, err
	}
	needs, err := k.needs(pledge)
	if err != nil {
		return false, err
	}
	if have, err = k.shed(ctx, pledge, have, needs); err != nil {
		return false, err
	}
	next, ok := k.choose(pledge, have, needs)
	if !ok || !k.makeRoom(ctx, pledge, have, needs, next) {
		return false, nil
	}
	if err := k.n.keep(ctx, next.Entry); err != nil {
		k.backOff(next.name)
		return true, fmt.Errorf("keep %q: %w", next.Title, err)
	}
	delete(k.failed, next.name)
	return true, nil
}

// needs lists what nodes we lend to want kept and somebody offers, the rarest
// first: fewest copies, then most lacking.
func (k *keeper) needs(pledge savedPledge) ([]need, error) {
	known := slices.Collect(k.n.holdings.All())
	ours := catalog.Pledge{Bytes: pledge.Bytes, For: pledge.For, Peers: pledge.Peers}
	targets := map[catalog.Short]int{}
	wantedBy := map[catalog.Short][]catalog.Holding{}
	for _, other := range known {
		if other.Author == k.n.id || pledge.Bytes == 0 || !lends(ours, k.n.o.Territory, other.Holding) {
			continue
		}
		for _, w := range other.Wants {
			targets[w.Root] = max(targets[w.Root], w.Copies)
			wantedBy[w.Root] = append(wantedBy[w.Root], other.Holding)
		}
	}
	if len(targets) == 0 {
		return nil, nil
	}
	entries := map[catalog.Short]catalog.Entry{}
	for e, err := range k.n.catalog.OffersOf(targets) {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		name := catalog.ShortOf(e.Root)
		wants := slices.ContainsFunc(wantedBy[name], func(h catalog.Holding) bool { return h.Author == e.Author })
		if _, known := entries[name]; e.Size > 0 && (!known || wants) { // who wants it had better know its size
			entries[name] = e
		}
	}
	var needs []need
	for name, e := range entries {
		needs = append(needs, k.need(e, targets[name], known, wantedBy[name]))
	}
	slices.SortFunc(needs, func(a, b need) int {
		return cmp.Or(cmp.Compare(a.copies, b.copies), cmp.Compare(b.target-b.copies, a.target-a.copies), bytes.Compare(a.name[:], b.name[:]))
	})
	return needs, nil
}

// comingFor is how long a node is believed to be fetching what it said.
const comingFor = 24 * time.Hour

func (k *keeper) need(e catalog.Entry, target int, known []catalog.Known, wantedBy []catalog.Holding) need {
	d := need{Entry: e, name: catalog.ShortOf(e.Root), target: target, places: map[string]bool{}}
	if it, err := k.n.store.Item(e.Root); err == nil && isWhole(it) {
		d.copies++
	}
	for _, other := range known {
		switch {
		case other.Author == k.n.id:
		case other.Held.Has(d.name):
			d.copies++
			d.places[Slug(other.Territory)] = true
		case other.Coming.Has(d.name) && other.Age < comingFor:
			d.coming++
		case other.Pledge.Bytes-other.Pledge.Used >= e.Size && other.Age < comingFor &&
			slices.ContainsFunc(wantedBy, func(h catalog.Holding) bool {
				return h.Author != other.Author && lends(other.Pledge, other.Territory, h)
			}):
			d.mayAct = append(d.mayAct, other)
		}
	}
	return d
}

// choose finds the rarest item that lacks a copy, fits and is ours to fetch.
func (k *keeper) choose(pledge savedPledge, have kept, needs []need) (need, bool) {
	lacking := map[catalog.Short]time.Time{}
	defer func() { k.lacking = lacking }()
	declined := k.n.choices.get().Declined
	refused := func(d need) bool { _, no := k.n.refusals.of(d.Root.String()); return no }
	free, err := k.n.store.Free()
	if err != nil {
		return need{}, false
	}
	var chosen need
	found := false
	for _, d := range needs {
		if d.copies+d.coming >= d.target || k.isHere(d) {
			continue
		}
		since, known := k.lacking[d.name]
		if !known {
			since = time.Now()
		}
		lacking[d.name] = since
		switch {
		case found, slices.Contains(declined, d.Root.String()), refused(d), time.Now().Before(k.failed[d.name].until):
		case maxTransfer(d.Size) > free, !fits(pledge, have, needs, d), !k.ourTurn(d, since):
		default:
			chosen, found = d, true
		}
	}
	return chosen, found
}

// isHere says whether an item is here, or being pulled by a person.
func (k *keeper) isHere(d need) bool {
	if _, err := k.n.store.Item(d.Root); !errors.Is(err, store.ErrNotFound) {
		return true
	}
	unfinished, err := k.n.store.Unfinished()
	return err != nil || slices.ContainsFunc(unfinished, func(u store.Item) bool { return u.Root.Equals(d.Root) && !u.Kept })
}

// ourTurn says whether it falls to this node to fetch an item now. All nodes
// that may are put in order: those of territories without a copy first, then in
// an order of the item's own (rendezvous hashing). The first ones, as many as
// there lack copies, begin; each one after gives those before it some more time.
func (k *keeper) ourTurn(d need, since time.Time) bool {
	before, us := 0, d.precedence(k.n.id, k.n.o.Territory)
	for _, other := range d.mayAct {
		if bytes.Compare(d.precedence(other.Author, other.Territory), us) < 0 {
			before++
		}
	}
	late := max(0, before-(d.target-d.copies-d.coming)+1)
	return time.Since(since) >= time.Duration(min(late, 6))*5*k.n.pace()
}

// precedence orders nodes: the lowest goes first.
func (d need) precedence(id peer.ID, territory string) []byte {
	sum := sha256.Sum256(append([]byte(id), d.name[:]...))
	rank := byte(0)
	if d.places[Slug(territory)] {
		rank = 1
	}
	return append([]byte{rank}, sum[:]...)
}

func (k *keeper) backOff(item catalog.Short) {
	f := k.failed[item]
	f.pause = min(max(2*f.pause, k.n.pace()), 6*time.Hour)
	f.until = time.Now().Add(f.pause)
	k.failed[item] = f
}

// keep fetches an item for others. It stops when a person asks for the same item
// or changes the pledge.
func (n *Node) keep(ctx context.Context, e catalog.Entry) error {
	ctx, done := n.fetching.begin(ctx, e.Root.String())
	defer done()
	defer n.working.take(e.Root.String())()
	if _, err := n.store.Item(e.Root); err == nil {
		return nil // a person was faster
	}
	item := Item{Title: e.Title, Kind: string(e.Kind), Root: e.Root.String(), Author: e.Author.String(), Size: e.Size, Kept: true}
	coming := sync.OnceFunc(n.telling.changed.ring) // others need not begin the same
	held, err := n.fetch(ctx, item, e.Root, func(Progress) { coming() })
	if err != nil {
		return err
	}
	n.log.Info("kept for others", "item", held.Title, "size", held.Size)
	n.telling.changed.ring()
	return nil
}

// fetching is the item being fetched for others, if any.
type fetching struct {
	mu   sync.Mutex // guards all below
	root string
	stop context.CancelFunc
}

func (f *fetching) begin(ctx context.Context, root string) (context.Context, func()) {
	ctx, stop := context.WithCancel(ctx)
	f.mu.Lock()
	f.root, f.stop = root, stop
	f.mu.Unlock()
	return ctx, func() {
		stop()
		f.mu.Lock()
		f.root, f.stop = "", nil
		f.mu.Unlock()
	}
}

// yield stops the fetch of an item, or of any with an empty root.
func (f *fetching) yield(root string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil && (root == "" || root == f.root) {
		f.stop()
	}
}
