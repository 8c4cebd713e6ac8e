package p2p

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"testing"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
)

func numbered(t testing.TB, n uint64) cid.Cid {
	t.Helper()
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum(binary.LittleEndian.AppendUint64(nil, n))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAHaveSetHasWhatWasAddedAndLittleElse(t *testing.T) {
	const n = 5000
	h := newHave(n)
	for i := range uint64(n) {
		h.add(numbered(t, i))
	}
	wrong := 0
	for i := range uint64(n) {
		if !h.has(numbered(t, i)) {
			t.Fatal("a member is missing")
		}
		if h.has(numbered(t, n+i)) {
			wrong++
		}
	}
	if wrong > n/50 {
		t.Errorf("%d of %d others are members too, expected 0.8 %%", wrong, n)
	}
	if len(h.Bits) > n*haveBits/8+8 {
		t.Errorf("%d bytes", len(h.Bits))
	}
	if (*have)(nil).has(numbered(t, 1)) {
		t.Error("something is in no set")
	}
}

func TestTheHaveSetOfAnItemIsOfItsBlocksAlone(t *testing.T) {
	store := newMemory()
	root := addFile(t, store, random(1, 1<<20), 16<<10, 32)
	aside := raw(t, store, []byte("of another item"))
	h, err := haveOf(t.Context(), root, store)
	if err != nil {
		t.Fatal(err)
	}
	order, _ := dag(t, store, root)
	for _, b := range order {
		if !h.has(b.Cid()) {
			t.Fatalf("%s is missing", b.Cid())
		}
	}
	if h.has(aside) { // with other salts it would be by chance 1 time in 120
		if h, err = haveOf(t.Context(), root, store); err != nil || h.has(aside) {
			t.Error("a block of another item is told of", err)
		}
	}
	if h, err := haveOf(t.Context(), root, newMemory()); h != nil || err != nil {
		t.Errorf("of an item that is not here: %v, %v", h, err)
	}
}

// everything is a have-set that claims every block.
func everything() *have {
	h := &have{Salt: make([]byte, haveSalt), Bits: make([]byte, 64)}
	rand.Read(h.Salt)
	for i := range h.Bits {
		h.Bits[i] = 0xff
	}
	return h
}

func TestWhatAHaveSetClaimsByMistakeIsAskedForByName(t *testing.T) {
	a, _, root, size := holder(t, 1<<20)
	b, into := open(t, Options{}), newMemory()
	connect(t, b, a)
	f := newFetch(b, root, into, FetchOptions{})
	f.walk.have = everything()
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if whole(t, into, root); into.kept.Load() != size {
		t.Errorf("kept %d bytes of %d", into.kept.Load(), size)
	}
}

func TestAHaveSetThatClaimsEverythingGetsOnlyWhatIsNamed(t *testing.T) {
	m, _, root, _ := holder(t, 1<<20)
	r := reader{m: m, tree: newTree(request{Root: root, Want: []cid.Cid{root}, Have: everything()})}
	defer r.close()
	b, ok := r.next(context.Background())
	if !ok || !b.cid.Equals(root) {
		t.Fatalf("first came %v", b)
	}
	b.free()
	if b, ok := r.next(context.Background()); ok {
		b.free()
		t.Errorf("then came %s", b.cid)
	}
}
