package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/p2p"
	"savoirs/store/catalog"
)

// The catalogue travels by heights: a node says up to which number
// it knows each author, the other answers with the entries beyond. Both ask on
// connecting, every few minutes, and at once when a head is heard.

const (
	catalogueCall  = "catalogue"
	catalogueBatch = 256
	resync         = 5 * time.Minute
)

// heightsQuery is what a node knows, and who it is.
type heightsQuery struct {
	Heights []catalog.Height
	Who     Profile
}

// heightsAnswer is what it lacks, at most catalogueBatch entries; More says
// that there is more.
type heightsAnswer struct {
	Entries []catalog.Sealed
	More    bool
	Who     Profile
}

// Heights of 100,000 authors would be some 8 MiB; a village has dozens.
var catalogueLimit = p2p.Limit{MaxRequest: 2 << 20, MaxAnswer: 2 << 20, Timeout: 30 * time.Second, PerPeer: 4}

func (n *Node) serveCatalogue() {
	p2p.Handle(n.mesh, catalogueCall, catalogueLimit, func(ctx context.Context, from peer.ID, q heightsQuery) (heightsAnswer, error) {
		n.profiles.set(from, q.Who)
		n.noticeAhead(from, q.Heights)
		entries, err := n.catalog.Beyond(q.Heights, catalogueBatch)
		return heightsAnswer{Entries: entries, More: len(entries) > 0, Who: n.profile()}, err
	})
}

// noticeAhead asks back a neighbour whose question shows that it knows more.
func (n *Node) noticeAhead(from peer.ID, heights []catalog.Height) {
	for _, h := range heights {
		if h.Seq > 0 && !n.choices.blocked(h.Author) && !n.knows(h.Author, h.Seq) {
			n.wantNews(news{from: from, author: h.Author, seq: h.Seq})
			return // one exchange brings all of it
		}
	}
}

// arrived is called by the mesh for each node that becomes connected.
func (n *Node) arrived(ctx context.Context, p peer.ID) {
	if err := n.syncWith(ctx, p); err != nil && ctx.Err() == nil {
		n.log.Debug("catalogue", "peer", p, "err", err)
	}
}

// followCatalogue asks for what was announced, and asks every neighbour from
// time to time: gossip may be lost.
func (n *Node) followCatalogue(ctx context.Context) error {
	tick := time.NewTicker(resync)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case news := <-n.news:
			n.getNews(ctx, news)
		case <-tick.C:
			for _, p := range n.mesh.Peers() {
				n.arrived(ctx, p.ID)
			}
		}
	}
}

// maxRounds bounds one exchange: 256 entries a round, the rest comes next time.
const maxRounds = 400

// syncWith takes from p the entries that lack here, verified one by one.
// A peer that sends nothing new or only what we refuse ends the exchange.
func (n *Node) syncWith(ctx context.Context, p peer.ID) error {
	for range maxRounds {
		a, err := p2p.Call[heightsQuery, heightsAnswer](ctx, n.mesh, p, catalogueCall, catalogueLimit,
			heightsQuery{Heights: n.catalog.Heights(), Who: n.profile()})
		if err != nil {
			return fmt.Errorf("ask %s for news: %w", p, err)
		}
		n.profiles.set(p, a.Who)
		fresh, err := n.take(ctx, p, a.Entries)
		if err != nil || fresh == 0 || !a.More {
			return err
		}
	}
	return nil
}

// take adds entries to the catalogue and returns how many were new. Entries
// that are refused are passed over: one author's fault must not hide the
// others' news.
func (n *Node) take(ctx context.Context, from peer.ID, entries []catalog.Sealed) (int, error) {
	if err := n.catalog.Adopt(n.key, entries); err != nil && !errors.Is(err, catalog.ErrGap) {
		n.log.Error("our own entries, heard from others", "err", err)
	}
	added, err := n.catalog.AddMany(ctx, entries)
	if err != nil {
		return 0, fmt.Errorf("keep the entries of %s: %w", from, err)
	}
	n.blameEntries(from, entries, added)
	fresh := 0
	for _, a := range added {
		switch {
		case a.New:
			fresh++
		case errors.Is(a.Err, catalog.ErrFork):
			fresh++ // a proof we did not have
			n.log.Warn("an author signed two entries with one number", "author", a.Entry.Author, "seq", a.Entry.Seq)
		case a.Err != nil:
			n.log.Debug("entry refused", "peer", from, "err", a.Err)
		}
	}
	return fresh, nil
}
