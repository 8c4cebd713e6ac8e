package node

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
)

// heard is called by the mesh with a head and the neighbour that passed it on;
// false means invalid. The entry is fetched beside, so that gossip flows. A
// head with a known number and another hash is news too: of a fork.
func (n *Node) heard(_ context.Context, from peer.ID, data []byte) bool {
	var h head
	if err := cbor.Unmarshal(data, &h); err != nil || !h.valid() {
		n.blameHead(from, h, data)
		return false
	}
	height := catalog.Height{Author: peer.ID(h.Author), Seq: h.Seq, Hash: h.Hash}
	if n.catalog.Lacks(height) {
		n.wantNews(from, told{Height: height, gossip: true})
	}
	return true
}

// told is what a neighbour told of: by gossip, and then all others hear of it
// too, or by asking us.
type told struct {
	catalog.Height
	gossip bool
	failed int // of those asked, in the order of elsewhere
}

// wantNews has a neighbour asked for what it told of; it never blocks.
func (n *Node) wantNews(from peer.ID, about ...told) {
	n.coming.expect(about)
	taken, asked := n.news.add(from, about)
	n.coming.end(about[taken:])
	if asked {
		return // whoever asks it now will ask for this too
	}
	select {
	case n.tellers <- from:
	default: // the next exchange brings it
		n.coming.end(n.news.drop(from))
	}
}

// newsTime bounds one question for news: an entry or some, not a catalogue.
const newsTime = 10 * time.Second

// getNews asks a neighbour for all that it told of, in one question for what
// has gathered: a slow one holds up nobody's news but its own. What it does not
// give is asked elsewhere. What came by no gossip is passed on in exchanges.
func (n *Node) getNews(ctx context.Context, from peer.ID) {
	for {
		about := n.news.next(from)
		if len(about) == 0 {
			return
		}
		if !slices.ContainsFunc(about, func(h told) bool { return h.failed < 2 }) {
			select { // it may not have heard of it yet
			case <-time.After(againTime):
			case <-ctx.Done():
			}
		}
		if err := n.ask(ctx, from, about); err != nil && ctx.Err() == nil {
			n.log.Debug("news", "peer", from, "err", err)
		}
		for _, h := range about {
			switch lacks := n.catalog.Lacks(h.Height); {
			case lacks:
				n.elsewhere(from, h)
			case !h.gossip:
				n.hurry(from)
			}
		}
		n.coming.end(about)
	}
}

// maxFailed is how many are asked for a piece of news before it is left to the
// next exchange. It is never asked of all neighbours: an author may announce
// what does not exist.
const maxFailed = 5

// againTime is left before news is asked of a neighbour who did not tell of it.
const againTime = 300 * time.Millisecond

// elsewhere has news that from did not give asked of its author, then of other
// neighbours.
func (n *Node) elsewhere(from peer.ID, h told) {
	h.failed++
	if h.failed == 1 && h.Author != from && h.Author != n.id {
		n.wantNews(h.Author, h)
		return
	}
	others := slices.DeleteFunc(n.neighbours(), func(p peer.ID) bool { return p == from })
	if h.failed < maxFailed && len(others) > 0 {
		n.wantNews(others[rand.IntN(len(others))], h)
	}
}

// ask takes from p what it holds of some authors.
func (n *Node) ask(ctx context.Context, p peer.ID, about []told) error {
	ctx, cancel := context.WithTimeout(ctx, newsTime)
	defer cancel()
	var ids []peer.ID
	for _, h := range about {
		if !slices.Contains(ids, h.Author) && n.catalog.Lacks(h.Height) {
			ids = append(ids, h.Author)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return n.catalog.FollowAuthors(ctx, n.other(p, nil), ids...)
}

// maxNews bounds what is remembered of one neighbour's news.
const maxNews = 256

// news is what neighbours told of and we lack, by who told it. A neighbour is
// in it from being told of until next finds nothing more.
type news struct {
	mu sync.Mutex // guards of
	of map[peer.ID][]told
}

// add returns how many there was room for, and whether that neighbour is being
// asked already.
func (w *news) add(from peer.ID, about []told) (taken int, asked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = map[peer.ID][]told{}
	}
	before, asked := w.of[from]
	taken = min(len(about), maxNews-len(before))
	w.of[from] = append(before, about[:taken]...)
	return taken, asked
}

// next takes what a neighbour told of.
func (w *news) next(from peer.ID) []told {
	w.mu.Lock()
	defer w.mu.Unlock()
	about := w.of[from]
	if len(about) == 0 {
		delete(w.of, from)
		return nil
	}
	w.of[from] = nil
	return about
}

// drop forgets what a neighbour told of and returns it.
func (w *news) drop(from peer.ID) []told {
	w.mu.Lock()
	defer w.mu.Unlock()
	about := w.of[from]
	delete(w.of, from)
	return about
}

// asks reports whether that neighbour is being asked.
func (w *news) asks(p peer.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, asked := w.of[p]
	return asked
}
