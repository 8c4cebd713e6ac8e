package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/store"
	"savoirs/store/catalog"
)

// defaultAsked is how many other nodes a question is put to; docs/decisions/0020-asking-others.md has what more would bring.
const defaultAsked = 5

// elsewhere is a dataset that others have and this node has not.
type elsewhere struct {
	entry  catalog.Entry
	place  rag.Place
	holder peer.ID
}

// candidate is a node that may be asked, and for what.
type candidate struct {
	peer    peer.ID
	sets    map[string]catalog.Entry
	promise float64
}

// elsewhereNow lists the datasets of the catalogue that are not here, each with the connected holder that is nearest, or
// its author if none is.
func (n *Node) elsewhereNow() ([]elsewhere, error) {
	connected := n.mesh.Peers()
	slices.SortFunc(connected, func(a, b p2p.Peer) int { return cmp.Or(cmp.Compare(a.RTT, b.RTT), cmp.Compare(a.ID, b.ID)) })
	holds := map[peer.ID]catalog.Shorts{}
	for k := range n.holdings.All() {
		holds[k.Author] = k.Held
	}
	var all []elsewhere
	seen := map[cid.Cid]bool{}
	for e, err := range n.catalog.Offers() {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		if e.Kind != catalog.Dataset || e.Author == n.id || seen[e.Root] || n.refused(e.Author) {
			continue
		}
		if it, err := n.store.Item(e.Root); err == nil && !it.Kept && it.Space != store.Inbox {
			continue
		}
		seen[e.Root] = true
		w := elsewhere{entry: e, place: rag.Place{Set: e.Root.String()}, holder: e.Author}
		short := catalog.ShortOf(e.Root)
		for _, p := range connected {
			if p.Savoirs && (p.ID == e.Author || holds[p.ID].Has(short)) {
				w.holder = p.ID
				break
			}
		}
		if n.refused(w.holder) {
			continue
		}
		if s, err := rag.ParseSketch(e.Sketch); err == nil {
			w.place.Sketch = bounded(s, e)
		}
		w.place.Codes = n.known.of(w.place.Set)
		all = append(all, w)
	}
	return all, nil
}

// leastPassage is how many bytes of content a passage takes at least: who claims more passages tells of a library that is
// not there, to outweigh others.
const leastPassage = 20

func bounded(s *rag.Sketch, e catalog.Entry) *rag.Sketch {
	if int64(s.Passages()) > e.Size/leastPassage+int64(e.Files) {
		return nil
	}
	return s
}

// whom chooses the nodes to ask, the most promising first, and what is known of the words elsewhere.
func (n *Node) whom(q rag.Query, here rag.Counts) ([]candidate, map[string]rag.Counts, error) {
	sets, err := n.elsewhereNow()
	if err != nil || len(sets) == 0 {
		return nil, nil, err
	}
	places := make([]rag.Place, len(sets))
	for i, s := range sets {
		places[i] = s.place
	}
	route, err := n.router.Weigh(q, here, places)
	if err != nil {
		return nil, nil, err
	}
	near := map[peer.ID]bool{}
	for _, p := range n.neighbours() {
		near[p] = true
	}
	by := map[peer.ID]*candidate{}
	counts := map[string]rag.Counts{}
	for i, s := range sets {
		counts[s.place.Set] = route.Counts[i]
		promise := route.Promise[i]
		if !near[s.holder] {
			promise -= farAway
		}
		c := by[s.holder]
		if c == nil {
			c = &candidate{peer: s.holder, sets: map[string]catalog.Entry{}, promise: promise}
			by[s.holder] = c
		}
		c.promise = max(c.promise, promise)
		if len(c.sets) < maxSetsAsked {
			c.sets[s.place.Set] = s.entry
		}
	}
	all := make([]candidate, 0, len(by))
	for _, c := range by {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.promise, a.promise), cmp.Compare(a.peer, b.peer))
	})
	return all, counts, nil
}

// farAway puts authors that are not connected behind those that are: they may not be reached.
const farAway = 100

// codes keeps the sign codes of datasets that others hold, by root. The zero value is empty.
type codes struct {
	mu    sync.Mutex // guards what follows
	by    map[string]*rag.Signs
	bytes int
}

// maxCodesKept bounds the memory they take, in bytes: some 150,000 passages of e5-small.
const maxCodesKept = 8 << 20

func (c *codes) of(set string) *rag.Signs {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[set]
}

func (c *codes) put(set string, k rag.Signs) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*rag.Signs{}
	}
	if old := c.by[set]; old != nil {
		c.bytes -= len(old.Codes)
	}
	for other, old := range c.by {
		if c.bytes+len(k.Codes) <= maxCodesKept {
			break
		}
		c.bytes -= len(old.Codes)
		delete(c.by, other)
	}
	c.by[set] = &k
	c.bytes += len(k.Codes)
}

// goodLink is the round trip below which sign codes are worth their bytes.
const goodLink = 60 * time.Millisecond

// keepSigns learns sign codes after a question was put to others, so that the next one is put to better ones: a node
// that asks nobody costs nobody anything.
func (n *Node) keepSigns(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.curious:
		}
		if err := n.questions.wait(ctx); err != nil {
			return nil
		}
		if _, err := n.LearnCodes(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("learn sign codes", "err", err)
		}
	}
}

// LearnCodes asks the neighbours on good links for the sign codes of datasets that are not here, which sharpen the choice
// of whom to ask. What is known already is not asked again, and an answer that does not come is no error: it is asked next
// time. It returns of how many datasets that are not here the codes are known now.
func (n *Node) LearnCodes(ctx context.Context) (known int, err error) {
	e, err := n.embedder(ctx)
	if err != nil {
		return 0, nil // without a model they tell nothing
	}
	sets, err := n.elsewhereNow()
	if err != nil {
		return 0, err
	}
	links := map[peer.ID]time.Duration{}
	for _, p := range n.mesh.Peers() {
		if p.Savoirs {
			links[p.ID] = p.RTT
		}
	}
	var asking errgroup.Group
	asking.SetLimit(4)
	for _, s := range sets {
		if k := s.place.Codes; k != nil && k.Model == e.Model() || ctx.Err() != nil {
			continue
		}
		if sk := s.place.Sketch; sk == nil || sk.Model != e.Model() || sk.Passages() > rag.MaxCodes {
			continue
		}
		rtt, connected := links[s.holder]
		if !connected {
			continue
		}
		asking.Go(func() error {
			if rtt >= goodLink { // when it came; both may have been busy
				if now, err := n.mesh.RoundTrip(ctx, s.holder); err != nil || now >= goodLink {
					return nil
				}
			}
			k, err := p2p.Call[codesQuestion, rag.Signs](ctx, n.mesh, s.holder, codesCall, codesLimit, codesQuestion{Root: s.place.Set, Model: e.Model()})
			if err == nil {
				err = k.Check()
			}
			if err != nil {
				n.log.Debug("sign codes", "peer", s.holder, "set", s.place.Set, "err", err)
				return nil
			}
			n.known.put(s.place.Set, k)
			return nil
		})
	}
	asking.Wait() // none fails
	for _, s := range sets {
		if n.known.of(s.place.Set) != nil {
			known++
		}
	}
	return known, nil
}
