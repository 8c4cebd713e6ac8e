package p2p

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
)

// have is a set of blocks that need not be sent: a Bloom filter, which says of 1 in 120 others that they are in it too.
// Those are asked for by name afterwards. The salt makes these others different each time, so that nobody can make an
// item whose blocks are never sent.
//
// A block is in it when the bits i1+k*i2 mod 8*len(Bits) are set for k below haveProbes, i1 and i2 being the first two
// little-endian uint64 of sha256(Salt, binary CID), i2 made odd. (A. Kirsch, M. Mitzenmacher: Less Hashing, Same
// Performance, 2006; 10 bits a block and 7 probes give 0.8 %.)
type have struct {
	Salt []byte `cbor:"salt"` // 8 bytes
	Bits []byte `cbor:"bits"`
}

const (
	haveSalt   = 8
	haveBits   = 10 // for each block
	haveProbes = 7
	maxHave    = 256 << 10 // bytes: about 200,000 blocks
)

// newHave makes a set for n blocks.
func newHave(n int) *have {
	h := &have{Salt: make([]byte, haveSalt), Bits: make([]byte, max(8, (n*haveBits+7)/8))}
	rand.Read(h.Salt)
	return h
}

func (h *have) add(c cid.Cid) {
	h.probe(c, func(i uint64) bool { h.Bits[i/8] |= 1 << (i % 8); return true })
}

// has tells whether c is in the set; nothing is in none.
func (h *have) has(c cid.Cid) bool {
	if h == nil {
		return false
	}
	return h.probe(c, func(i uint64) bool { return h.Bits[i/8]&(1<<(i%8)) != 0 })
}

// probe visits the bits of c while visit returns true, and returns its last answer.
func (h *have) probe(c cid.Cid, visit func(i uint64) bool) bool {
	var room [haveSalt + maxCIDSize]byte
	sum := sha256.Sum256(append(append(room[:0], h.Salt...), c.KeyString()...))
	i1, i2 := binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])|1
	for k := range uint64(haveProbes) {
		if !visit((i1 + k*i2) % uint64(8*len(h.Bits))) {
			return false
		}
	}
	return true
}

// check refuses what no peer of ours makes.
func (h *have) check() error {
	if h != nil && (len(h.Salt) != haveSalt || len(h.Bits) == 0 || len(h.Bits) > maxHave) {
		return fmt.Errorf("%w: have-set of %d bytes with a salt of %d", errMalformed, len(h.Bits), len(h.Salt))
	}
	return nil
}

// haveOf makes the set of all blocks below root, by the nodes in blocks. It is nil when root is not there. When it would
// become too large, it is of the nodes alone, so that at least unchanged folders and files are not sent.
func haveOf(ctx context.Context, root cid.Cid, blocks blockstore.Blockstore) (*have, error) {
	all, nodes := cid.NewSet(), cid.NewSet()
	pending := []link{{cid: root}}
	for len(pending) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if inline(l.cid) || nodes.Has(l.cid) {
			continue
		}
		if leaf(l.cid) {
			if all.Len() <= maxHave*8/haveBits {
				all.Add(l.cid)
			}
			continue
		}
		b, err := blocks.Get(ctx, l.cid)
		if err != nil {
			continue // it will be sent
		}
		below, err := links(l, b.RawData())
		if err != nil || len(pending)+len(below) > maxPending || nodes.Len() >= maxNodes {
			return nil, nil // not one of ours
		}
		nodes.Add(l.cid)
		pending = append(pending, below...)
	}
	if all.Len()+nodes.Len() <= maxHave*8/haveBits {
		nodes.ForEach(func(c cid.Cid) error { all.Add(c); return nil })
	} else {
		all = nodes
	}
	if all.Len() == 0 || all.Len() > maxHave*8/haveBits {
		return nil, nil
	}
	h := newHave(all.Len())
	return h, all.ForEach(func(c cid.Cid) error { h.add(c); return nil })
}
