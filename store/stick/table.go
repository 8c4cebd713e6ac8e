package stick

import (
	"hash/maphash"

	"github.com/ipfs/go-cid"
)

// table tells where blocks are: some 20 bytes a block. It goes by 64 bits of a hash that nobody outside can foresee, so
// that one in 2^64 of other blocks is taken for one of these.
type table struct {
	seed maphash.Seed
	at   map[uint64]place
}

// place is a block of a pack: pack (15 bits), number in it (18), where its section begins (30).
type place uint64

func newTable(blocks int) *table {
	return &table{seed: maphash.MakeSeed(), at: make(map[uint64]place, blocks)}
}

func placeOf(pack, block int, off uint32) place {
	return place(pack)<<48 | place(block)<<30 | place(off)
}

func (p place) pack() int  { return int(p >> 48) }
func (p place) block() int { return int(p >> 30 & (MaxPackBlocks - 1)) }
func (p place) off() int64 { return int64(p & (MaxPack - 1)) }

func (t *table) key(c cid.Cid) uint64 { return maphash.Bytes(t.seed, c.Hash()) }

func (t *table) find(c cid.Cid) (place, bool) {
	p, ok := t.at[t.key(c)]
	return p, ok
}

// add takes the blocks of a pack. The first place of a block counts.
func (t *table) add(pack int, x *index) {
	for i := range x.len() {
		k := t.key(x.cid(i))
		if _, ok := t.at[k]; !ok {
			t.at[k] = placeOf(pack, i, x.off[i])
		}
	}
}

// renumber gives packs other numbers; those without one go.
func (t *table) renumber(number map[int]int) {
	for k, at := range t.at {
		if n, ok := number[at.pack()]; ok {
			t.at[k] = placeOf(n, at.block(), uint32(at.off()))
		} else {
			delete(t.at, k)
		}
	}
}
