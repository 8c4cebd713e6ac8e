package p2p

import (
	"errors"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/verifcid"
	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

// Limits on the shape of what is fetched. Real items stay far below: a folder of a million files is a few levels deep.
const (
	maxBlock   = 4 << 20 // bytes of one block
	maxFanOut  = 1 << 15 // links of one node
	maxDepth   = 128     // levels below the root
	maxNodes   = 1 << 18 // distinct nodes with links
	maxPending = 1 << 19 // links known and not yet looked at
	maxSize    = 1 << 44 // bytes that a link says hang below it
)

// ErrRefused means that the content itself breaks a rule (its shape, its size, how it is encoded): no other holder and no
// second attempt will help.
var ErrRefused = errors.New("content refused")

// checkCID refuses what cannot be verified, or not be walked: items are files and folders, made of raw and dag-pb blocks.
func checkCID(c cid.Cid) error {
	if !c.Defined() {
		return fmt.Errorf("%w: empty CID", ErrRefused)
	}
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRefused, c, err)
	}
	if k := c.Prefix().Codec; k != cid.Raw && k != cid.DagProtobuf {
		return fmt.Errorf("%w: %s: codec %#x", ErrRefused, c, k)
	}
	return nil
}

// inline tells whether the content of c is c itself (an identity hash), so that there is nothing to fetch.
func inline(c cid.Cid) bool { return c.Prefix().MhType == mh.IDENTITY }

// leaf tells whether a block of c cannot have links.
func leaf(c cid.Cid) bool { return c.Prefix().Codec == cid.Raw }

// link is a block of the DAG as its parent names it.
type link struct {
	cid   cid.Cid
	depth int   // levels below the root, or below what was asked for
	size  int64 // bytes of all below it, as the parent says; 0 when it says nothing
}

// estimate is how many bytes l probably brings. A node that says nothing may be anything.
func (l link) estimate() int64 {
	switch {
	case l.size > 0:
		return l.size
	case leaf(l.cid):
		return 256 << 10
	default:
		return 1 << 30
	}
}

// links reads the links of a verified block, in order, with what hangs below inline ones in their place.
func links(of link, data []byte) ([]link, error) {
	if leaf(of.cid) {
		return nil, nil
	}
	if of.depth >= maxDepth {
		return nil, fmt.Errorf("%w: more than %d levels", ErrRefused, maxDepth)
	}
	node, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRefused, of.cid, err)
	}
	if len(node.Links()) > maxFanOut {
		return nil, fmt.Errorf("%w: %s has %d links, at most %d", ErrRefused, of.cid, len(node.Links()), maxFanOut)
	}
	below := make([]link, 0, len(node.Links()))
	for _, n := range node.Links() {
		if err := checkCID(n.Cid); err != nil {
			return nil, err
		}
		l := link{cid: n.Cid, depth: of.depth + 1, size: int64(min(n.Size, maxSize))}
		if leaf(n.Cid) {
			l.size = min(l.size, maxBlock)
		}
		if !inline(n.Cid) {
			below = append(below, l)
			continue
		}
		decoded, err := mh.Decode(n.Cid.Hash())
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrRefused, n.Cid, err)
		}
		inner, err := links(l, decoded.Digest)
		if err != nil {
			return nil, err
		}
		below = append(below, inner...)
	}
	return below, nil
}
