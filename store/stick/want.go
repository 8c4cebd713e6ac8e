package stick

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

// Limits of a Want.
const (
	MaxHave    = 1 << 22 // blocks
	MaxWanted  = 4096    // roots
	MaxLacks   = 4096    // blocks
	MaxHeights = 16384   // authors

	maxWantSaid = 4 << 20 // of what is signed
	maxName     = 200     // of a name, a territory
	// MaxWant is how many bytes a sealed want has at most.
	MaxWant = maxWantSaid + 1<<10 + MaxHave*prefixSize
)

// Want says what a node has and what it wants, so that a stick can be packed for it. Of each node only the one with the
// highest count means anything.
type Want struct {
	V         int       `cbor:"v"`                   // version of the format, 1
	Author    peer.ID   `cbor:"author"`              // who signed it
	Count     uint64    `cbor:"count"`               // the author's own, from 1; gaps mean nothing
	Name      string    `cbor:"name,omitempty"`      // of the node
	Territory string    `cbor:"territory,omitempty"` // of the node
	Holding   []byte    `cbor:"holding,omitempty"`   // its sealed holding
	Heights   []Height  `cbor:"heights,omitempty"`   // how far its catalogue goes, in order of authors
	Wanted    []cid.Cid `cbor:"wanted,omitempty"`    // roots, the most wanted first
	Lacks     []cid.Cid `cbor:"lacks,omitempty"`     // blocks missing from items that arrived incomplete
	Extra     []byte    `cbor:"extra,omitempty"`     // what later programs say

	HaveSum    Sum  `cbor:"have"`   // SHA-256 of Have
	HaveBlocks int  `cbor:"blocks"` // in Have
	Have       Have `cbor:"-"`      // the blocks it has; of an opened Want, the bytes that were opened
}

// Height is how far a catalogue goes with one author.
type Height struct {
	_      struct{} `cbor:",toarray"`
	Author peer.ID
	Seq    uint64
	Hash   []byte // of that entry
	Fork   uint64 // number of the lowest fork proved, 0 for none
}

// Have is a set of blocks: the first 8 bytes of the digest of each, in order, each once.
type Have []byte

const prefixSize = 8

// prefixOf is the beginning of the digest in a CID, big endian.
func prefixOf(c cid.Cid) (uint64, bool) {
	mh, err := multihash.Decode(c.Hash())
	if err != nil || len(mh.Digest) < prefixSize {
		return 0, false
	}
	return binary.BigEndian.Uint64(mh.Digest), true
}

// NewHave makes the set of these blocks. Those that carry their own bytes (identity CIDs) are left out.
func NewHave(blocks iter.Seq[cid.Cid]) Have {
	var all []uint64
	for c := range blocks {
		if p, ok := prefixOf(c); ok {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	h := make(Have, 0, len(all)*prefixSize)
	for _, p := range all {
		h = binary.BigEndian.AppendUint64(h, p)
	}
	return h
}

// Len is how many blocks are in the set.
func (h Have) Len() int { return len(h) / prefixSize }

// Has tells whether a block is in the set. It is wrong about one in 2^64 / Len of the others.
func (h Have) Has(c cid.Cid) bool {
	p, ok := prefixOf(c)
	i := sort.Search(h.Len(), func(i int) bool { return h.at(i) >= p })
	return ok && i < h.Len() && h.at(i) == p
}

func (h Have) at(i int) uint64 { return binary.BigEndian.Uint64(h[i*prefixSize:]) }

func (h Have) check() error {
	if len(h)%prefixSize != 0 || h.Len() > MaxHave {
		return fmt.Errorf("%w: %d bytes of blocks", ErrMalformed, len(h))
	}
	for i := 1; i < h.Len(); i++ {
		if h.at(i-1) >= h.at(i) {
			return fmt.Errorf("%w: blocks out of order", ErrMalformed)
		}
	}
	return nil
}

// SealWant signs w: an envelope, and Have behind it, vouched for by HaveSum, which SealWant sets, as it sets V and
// Author. ErrMalformed when w breaks a limit.
func SealWant(key crypto.PrivKey, w Want) ([]byte, error) {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("seal want: %w", err)
	}
	w.V, w.Author, w.HaveSum, w.HaveBlocks = 1, id, sha256.Sum256(w.Have), w.Have.Len()
	b, err := wantKind.seal(key, w)
	if err != nil {
		return nil, fmt.Errorf("seal want: %w", err)
	}
	b = append(b, w.Have...)
	if _, err := OpenWant(b); err != nil {
		return nil, fmt.Errorf("seal want: %w", err)
	}
	return b, nil
}

// OpenWant verifies a sealed want and returns what it says. Its Have is a part of b. Errors are ErrMalformed and
// ErrBadSignature.
func OpenWant(b []byte) (Want, error) {
	_, size, err := wantKind.split(b)
	if err != nil {
		return Want{}, err
	}
	var w Want
	if err := wantKind.open(b[:size], &w, func() peer.ID { return w.Author }); err != nil {
		return Want{}, err
	}
	w.Have = Have(b[size:])
	return w, w.check()
}

func (w Want) check() error {
	switch {
	case w.V != 1 || w.Count == 0:
		return fmt.Errorf("%w: want of version %d, count %d", ErrMalformed, w.V, w.Count)
	case len(w.Author) != idSize || len(w.Name) > maxName || len(w.Territory) > maxName || int64(len(w.Holding)) > HoldingLetter.most():
		return fmt.Errorf("%w: want of %q", ErrMalformed, w.Name)
	case len(w.Wanted) > MaxWanted || len(w.Lacks) > MaxLacks || len(w.Heights) > MaxHeights:
		return fmt.Errorf("%w: want of %d items, %d blocks, %d heights", ErrMalformed, len(w.Wanted), len(w.Lacks), len(w.Heights))
	case w.HaveBlocks != w.Have.Len() || w.HaveSum != sha256.Sum256(w.Have):
		return fmt.Errorf("%w: another list of blocks than was signed", ErrMalformed)
	}
	for _, c := range slices.Concat(w.Wanted, w.Lacks) {
		if !c.Defined() || c.ByteLen() > maxCid {
			return fmt.Errorf("%w: want of %s", ErrMalformed, c)
		}
	}
	for _, h := range w.Heights {
		if len(h.Author) != idSize || len(h.Hash) > sha256.Size {
			return fmt.Errorf("%w: height of %s", ErrMalformed, h.Author)
		}
	}
	return w.Have.check()
}
