package stick

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sort"

	"github.com/ipfs/go-cid"
)

// table tells where blocks are: 16 bytes a block, in order. It goes by 64 bits of a hash that nobody outside can foresee,
// so that one in 2^64 of other blocks is taken for one of these.
type table struct {
	seed maphash.Seed
	at   []entry
}

type entry struct {
	key uint64
	at  place
}

// place is a block of a pack: pack (15 bits), number in it (18), where its section begins (30).
type place uint64

func newTable(blocks int) *table {
	return &table{seed: maphash.MakeSeed(), at: make([]entry, 0, blocks)}
}

func placeOf(pack, block int, off uint32) place {
	return place(pack)<<48 | place(block)<<30 | place(off)
}

func (p place) pack() int  { return int(p >> 48) }
func (p place) block() int { return int(p >> 30 & (MaxPackBlocks - 1)) }
func (p place) off() int64 { return int64(p & (MaxPack - 1)) }

func (t *table) key(c cid.Cid) uint64 { return maphash.Bytes(t.seed, c.Hash()) }

// find gives the first place of a block.
func (t *table) find(c cid.Cid) (place, bool) {
	k := t.key(c)
	i := sort.Search(len(t.at), func(i int) bool { return t.at[i].key >= k })
	if i == len(t.at) || t.at[i].key != k {
		return 0, false
	}
	return t.at[i].at, true
}

// append takes the blocks of a pack, which are found after the next call of sort.
func (t *table) append(pack int, x *index) {
	for i := range x.len() {
		t.at = append(t.at, entry{t.key(x.cid(i)), placeOf(pack, i, x.off[i])})
	}
}

func (t *table) sort() { slices.SortFunc(t.at, entry.compare) }

func (e entry) compare(f entry) int {
	return cmp.Or(cmp.Compare(e.key, f.key), cmp.Compare(e.at, f.at))
}

// add takes the blocks of a pack into their order.
func (t *table) add(pack int, x *index) {
	n := len(t.at)
	t.append(pack, x)
	more := slices.Clone(t.at[n:])
	slices.SortFunc(more, entry.compare)
	for to := len(t.at) - 1; len(more) > 0; to-- { // merged from the end, where there is room
		last := len(more) - 1
		if n > 0 && t.at[n-1].compare(more[last]) > 0 {
			t.at[to] = t.at[n-1]
			n--
		} else {
			t.at[to], more = more[last], more[:last]
		}
	}
}

// renumber gives packs other numbers; those without one go.
func (t *table) renumber(number map[int]int) {
	t.at = slices.DeleteFunc(t.at, func(e entry) bool {
		_, ok := number[e.at.pack()]
		return !ok
	})
	for i, e := range t.at {
		t.at[i].at = placeOf(number[e.at.pack()], e.at.block(), uint32(e.at.off()))
	}
}
