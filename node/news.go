package node

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A head is the gossip message "my newest entry has this number". Its author
// signs it, so that nobody can send the mesh after entries that do not exist.
type head struct {
	Author []byte // peer id
	Seq    uint64
	Hash   []byte // of the sealed entry
	Sig    []byte // over signedPart
}

// signedPart is what the author signs: a domain of its own, then the CBOR of
// the head without its signature.
func (h head) signedPart() ([]byte, error) {
	h.Sig = nil
	b, err := cbor.Marshal(h)
	sum := sha256.Sum256(b)
	return append([]byte("savoirs-head:"), sum[:]...), err
}

// valid says whether the author signed it.
func (h head) valid() bool {
	author := peer.ID(h.Author)
	if h.Seq == 0 || len(h.Hash) != sha256.Size || author.Validate() != nil {
		return false
	}
	key, err := author.ExtractPublicKey()
	if err != nil {
		return false
	}
	b, err := h.signedPart()
	if err != nil {
		return false
	}
	ok, err := key.Verify(b, h.Sig)
	return err == nil && ok
}

// announceHead tells the mesh about our newest entry and returns how many
// neighbours are connected to hear it. Those who do not hear it ask by heights.
func (n *Node) announceHead(ctx context.Context) int {
	if b, err := n.newestHead(); err != nil {
		n.log.Warn("announce", "err", err)
	} else if b != nil {
		if err := n.mesh.Announce(ctx, b); err != nil {
			n.log.Debug("announce", "err", err)
		}
	}
	n.published.ring()
	return len(n.mesh.Peers())
}

// newestHead is the signed head of our own chain, nil when it is empty.
func (n *Node) newestHead() ([]byte, error) {
	s, ok := n.catalog.Head(n.id)
	if !ok {
		return nil, nil
	}
	e, err := s.Open()
	if err != nil {
		return nil, err
	}
	hash := s.Hash()
	h := head{Author: []byte(n.id), Seq: e.Seq, Hash: hash[:]}
	b, err := h.signedPart()
	if err != nil {
		return nil, err
	}
	if h.Sig, err = n.key.Sign(b); err != nil {
		return nil, err
	}
	return cbor.Marshal(h)
}

// news is an entry that a neighbour told us of.
type news struct {
	from   peer.ID
	author peer.ID
	seq    uint64
}

// heard is called by the mesh with a head and the neighbour that passed it on;
// false means invalid. The entry is fetched beside, so that gossip flows.
func (n *Node) heard(_ context.Context, from peer.ID, data []byte) bool {
	var h head
	if err := cbor.Unmarshal(data, &h); err != nil || !h.valid() {
		n.blameHead(from, h, data)
		return false
	}
	author := peer.ID(h.Author)
	if n.choices.blocked(author) || n.knows(author, h.Seq) {
		return true
	}
	n.wantNews(news{from: from, author: author, seq: h.Seq})
	return true
}

// wantNews has an entry fetched; it never blocks.
func (n *Node) wantNews(w news) {
	select {
	case n.news <- w:
	default: // the next exchange by heights brings it
	}
}

func (n *Node) knows(author peer.ID, seq uint64) bool {
	s, ok := n.catalog.Head(author)
	if !ok {
		return false
	}
	e, err := s.Open()
	return err == nil && e.Seq >= seq
}

// getNews asks for an entry: the neighbour that told of it, who may be fetching
// it itself at this moment, then its author.
func (n *Node) getNews(ctx context.Context, w news) {
	pause := time.NewTicker(200 * time.Millisecond)
	defer pause.Stop()
	for range 5 {
		for _, p := range []peer.ID{w.from, w.author} {
			if p == n.id || n.knows(w.author, w.seq) {
				continue
			}
			n.arrived(ctx, p)
		}
		if n.knows(w.author, w.seq) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}
