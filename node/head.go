package node

import (
	"context"
	"crypto/sha256"

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
	n.telling.changed.ring()
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
