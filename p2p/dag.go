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

// links reads the links of a verified block, in order, with what hangs below inline ones in their place.
func links(c cid.Cid, data []byte, depth int) ([]cid.Cid, error) {
	if leaf(c) {
		return nil, nil
	}
	if depth >= maxDepth {
		return nil, fmt.Errorf("%w: more than %d levels", ErrRefused, maxDepth)
	}
	node, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRefused, c, err)
	}
	if len(node.Links()) > maxFanOut {
		return nil, fmt.Errorf("%w: %s has %d links, at most %d", ErrRefused, c, len(node.Links()), maxFanOut)
	}
	below := make([]cid.Cid, 0, len(node.Links()))
	for _, l := range node.Links() {
		if err := checkCID(l.Cid); err != nil {
			return nil, err
		}
		if !inline(l.Cid) {
			below = append(below, l.Cid)
			continue
		}
		decoded, err := mh.Decode(l.Cid.Hash())
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrRefused, l.Cid, err)
		}
		inner, err := links(l.Cid, decoded.Digest, depth+1)
		if err != nil {
			return nil, err
		}
		below = append(below, inner...)
	}
	return below, nil
}
