package store

import (
	"cmp"
	"context"
	"crypto/sha256"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"

	"savoirs/store/twosum"
)

// worthPairing is from which size a block is hashed with another: less saves nothing to speak of.
const worthPairing = 16 << 10

// pairable tells whether c names a block by its whole SHA-256.
func pairable(c cid.Cid) bool {
	p := c.Prefix()
	return p.MhType == multihash.SHA2_256 && p.MhLength == sha256.Size
}

// named tells whether a pairable c names the block with that sum.
func named(c cid.Cid, sum [sha256.Size]byte) bool {
	digest := c.Hash()[2:] // behind the code and the length, a byte each
	return string(digest) == string(sum[:])
}

// checkPair is checkBlock for two.
func checkPair(a, b blocks.Block) error {
	if err := cmp.Or(acceptable(a), acceptable(b)); err != nil {
		return err
	}
	if !pairable(a.Cid()) || !pairable(b.Cid()) || min(len(a.RawData()), len(b.RawData())) < worthPairing {
		return cmp.Or(checkBlock(a), checkBlock(b))
	}
	x, y := twosum.Sum(a.RawData(), b.RawData())
	if !named(a.Cid(), x) {
		return wrongHash(a)
	}
	if !named(b.Cid(), y) {
		return wrongHash(b)
	}
	return nil
}

// ViewPair calls f with the bytes of two blocks, nil for one that is not there; they are valid until f returns. It costs
// less than twice what View costs.
func (v blockView) ViewPair(_ context.Context, c, d cid.Cid, f func(x, y []byte) error) error {
	a, b := v.to.buffer(), v.to.buffer()
	defer v.to.buffers.Put(a)
	defer v.to.buffers.Put(b)
	x, y := v.to.readPair(a[:], b[:], c, d)
	for _, one := range []struct {
		c    cid.Cid
		data *[]byte
		buf  []byte
	}{{c, &x, a[:]}, {d, &y, b[:]}} {
		if *one.data != nil {
			continue
		}
		data, err := v.getInto(one.buf, one.c)
		switch {
		case err == nil && data == nil:
			data = []byte{} // it is there, and empty
		case err != nil && !ipld.IsNotFound(err):
			return err
		}
		*one.data = data
	}
	return f(x, y)
}

// readPair reads two blocks at the first place of each, and returns those it has read and found right.
func (sp *space) readPair(a, b []byte, c, d cid.Cid) (x, y []byte) {
	x, y = sp.readFirst(a, c), sp.readFirst(b, d)
	if x == nil || y == nil {
		return nil, nil
	}
	p, q := twosum.Sum(x, y)
	if !named(c, p) {
		x = nil
	}
	if !named(d, q) {
		y = nil
	}
	return x, y
}

// readFirst reads what may be a block that is worth pairing, nil when it is none.
func (sp *space) readFirst(buf []byte, c cid.Cid) []byte {
	if !c.Defined() || !pairable(c) {
		return nil
	}
	refs, err := sp.usable(string(c.Hash()))
	if err != nil || len(refs) == 0 || refs[0].size < worthPairing {
		return nil
	}
	data, err := sp.readInto(buf, refs[0])
	if err != nil {
		return nil
	}
	return data
}
