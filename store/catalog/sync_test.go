package catalog

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
)

// pull brings to what from has and to lacks, and returns how often something came: by questions and
// answers, or with a limit by heights alone.
func pull(t testing.TB, to, from *Catalog, limit int) int {
	t.Helper()
	if limit == 0 {
		return follow(t, to, from).taken
	}
	for n := 0; ; n++ {
		if n == 100 {
			t.Fatal("the exchange does not end")
		}
		entries, err := from.Beyond(to.Heights(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return n
		}
		if _, err := to.AddMany(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
}

// settle pulls every way until a whole round moves nothing.
func settle(t testing.TB, limit int, all ...*Catalog) {
	t.Helper()
	for moved := 1; moved > 0; {
		moved = 0
		for _, to := range all {
			for _, from := range all {
				if to != from {
					moved += pull(t, to, from, limit)
				}
			}
		}
	}
}

func sameState(t testing.TB, all ...*Catalog) {
	t.Helper()
	for _, c := range all[1:] {
		if all[0].Digest() != c.Digest() {
			t.Error("digests differ")
		}
		if diff := cmp.Diff(all[0].Heights(), c.Heights()); diff != "" {
			t.Errorf("heights differ: %s", diff)
		}
		if diff := cmp.Diff(titles(t, all[0].Offers()), titles(t, c.Offers())); diff != "" {
			t.Errorf("offers differ: %s", diff)
		}
	}
}

func TestTwoCataloguesBecomeEqualByHeights(t *testing.T) {
	a, b := open(t, Options{}), open(t, Options{})
	x, y, z := newWriter(t, "x"), newWriter(t, "y"), newWriter(t, "z")
	shared := z.chain(t, nil, "shared", 9)
	add(t, a, x.chain(t, nil, "of a", 20)...)
	add(t, b, y.chain(t, nil, "of b", 7)...)
	add(t, a, shared[:2]...)
	add(t, b, shared...)
	settle(t, 5, a, b)
	sameState(t, a, b)
	if got := len(titles(t, a.Entries())); got != 36 {
		t.Errorf("%d entries", got)
	}
}

func TestHeightsTravelAsJSON(t *testing.T) {
	a, b := open(t, Options{}), open(t, Options{})
	add(t, a, newWriter(t, "x").chain(t, nil, "x", 3)...)
	text, err := json.Marshal(a.Heights())
	if err != nil {
		t.Fatal(err)
	}
	var heights []Height
	if err := json.Unmarshal(text, &heights); err != nil {
		t.Fatal(err)
	}
	pull(t, b, a, 0)
	if got, err := b.Beyond(heights, 0); len(got) != 0 || err != nil {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

func TestAnAnswerIsBoundedInNumberAndSize(t *testing.T) {
	c := open(t, Options{})
	w := newWriter(t, "x")
	add(t, c, w.chain(t, nil, "x", 300)...)
	for limit, want := range map[int]int{1: 1, 10: 10, 0: 256, 256: 256, 1000: 256, -1: 256} {
		if got, err := c.Beyond(nil, limit); len(got) != want || err != nil {
			t.Errorf("limit %d: %d entries, %v", limit, len(got), err)
		}
	}
	big := newWriter(t, "big")
	for range 100 {
		e := offer("big")
		e.Sketch, e.Card = make([]byte, 8192), string(make([]byte, 0))
		for len(e.Card) < 7000 {
			e.Card += "carte "
		}
		if _, _, err := c.Append(big.key, e); err != nil {
			t.Fatal(err)
		}
	}
	size := 0
	got, err := c.Beyond([]Height{{Author: w.id, Enough: true}}, 0)
	for _, s := range got {
		size += len(s)
	}
	if err != nil || size > 1<<20 || size < 1<<20-MaxSealed {
		t.Errorf("%d entries of %d bytes, %v", len(got), size, err)
	}
	other := open(t, Options{})
	pull(t, other, c, 0)
	sameState(t, c, other)
}

func TestAForkIsProvedToBothHalvesAndPassedOnToAThird(t *testing.T) {
	w := newWriter(t, "x")
	for _, test := range []struct{ fork, ours, theirs int }{
		{1, 1, 1}, {1, 3, 2}, {3, 3, 3}, {3, 9, 4}, {2, 150, 140}, {100, 230, 101}, {2, 2, 300},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			a, b, third := open(t, Options{}), open(t, Options{}), open(t, Options{})
			trunk := w.chain(t, nil, "trunk", test.fork-1)
			var at Sealed
			if len(trunk) > 0 {
				at = trunk[len(trunk)-1]
				add(t, a, trunk...)
				add(t, b, trunk...)
			}
			add(t, a, w.chain(t, at, "ours", test.ours-test.fork+1)...)
			add(t, b, w.chain(t, at, "theirs", test.theirs-test.fork+1)...)
			settle(t, 0, a, b)
			pull(t, third, a, 0)
			sameState(t, a, b, third)
			for _, c := range []*Catalog{a, b, third} {
				checkProof(t, reopen(t, c), w, uint64(test.fork))
			}
		})
	}
}

func TestTheProofOfAForkComesFirst(t *testing.T) {
	w, busy := newWriter(t, "x"), newWriter(t, "busy")
	c := open(t, Options{})
	chain := w.chain(t, nil, "x", 4)
	add(t, c, busy.chain(t, nil, "busy", 300)...)
	add(t, c, chain...)
	c.Add(t.Context(), w.chain(t, chain[2], "other", 1)[0])
	got, err := c.Beyond(nil, 2)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	other := open(t, Options{})
	if _, err := other.AddMany(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	checkProof(t, other, w, 4)
}

func TestThreeCataloguesWithForksAtSeveralNumbersBecomeEqual(t *testing.T) {
	w, honest := newWriter(t, "x"), newWriter(t, "honest")
	trunk := w.chain(t, nil, "trunk", 9)
	branch := w.chain(t, trunk[2], "branch", 9)
	twig := w.chain(t, branch[2], "twig", 9)
	a, b, c := open(t, Options{}), open(t, Options{}), open(t, Options{})
	add(t, a, trunk...)
	add(t, b, append(trunk[:3:3], branch...)...)
	add(t, c, append(append(trunk[:3:3], branch[:3]...), twig...)...)
	add(t, c, honest.chain(t, nil, "honest", 30)...)
	pull(t, b, c, 0) // these two first find the higher fork
	settle(t, 7, a, b, c)
	sameState(t, a, b, c)
	for _, c := range []*Catalog{a, b, c} {
		checkProof(t, c, w, 4)
	}
}

func TestAnExchangeEndsThoughTheOtherRefuses(t *testing.T) {
	w, forked, spam, honest := newWriter(t, "x"), newWriter(t, "forked"), newWriter(t, "spam"), newWriter(t, "zz")
	from := open(t, Options{Trusted: trustAll})
	add(t, from, w.chain(t, nil, "x", 300)...)
	add(t, from, spam.chain(t, nil, "spam", 300)...)
	add(t, from, honest.chain(t, nil, "honest", 2)...)
	from.AddMany(t.Context(), []Sealed{forked.chain(t, nil, "a", 1)[0], forked.chain(t, nil, "b", 1)[0]})
	to := open(t, Options{Quota: 3, Blocked: func(id peer.ID) bool { return id == spam.id || id == forked.id }})
	pull(t, to, from, 0)
	for _, h := range to.Heights() {
		if want := map[peer.ID]uint64{w.id: 3, honest.id: 2}[h.Author]; h.Seq != want {
			t.Errorf("height %+v, want %d", h, want)
		}
	}
}

func TestHeightsFromAStrangerCannotConfuseAnAnswer(t *testing.T) {
	w := newWriter(t, "x")
	c := open(t, Options{})
	chain := w.chain(t, nil, "x", 4)
	add(t, c, chain...)
	c.Add(t.Context(), w.chain(t, chain[2], "other", 1)[0])
	for _, h := range []Height{
		{}, {Author: w.id, Seq: 1 << 63}, {Author: w.id, Seq: ^uint64(0)}, {Author: w.id, Seq: ^uint64(0), Fork: 1},
		{Author: w.id, Seq: 2, Hash: []byte("x")}, {Author: w.id, Seq: 3, Fork: ^uint64(0)}, {Author: w.id, Fork: 1, Enough: true},
		{Author: "nobody", Seq: 5},
	} {
		if got, err := c.Beyond([]Height{h, h}, 0); err != nil || len(got) > 5 {
			t.Errorf("%+v: %d entries, %v", h, len(got), err)
		}
	}
}
