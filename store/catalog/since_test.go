package catalog

import "testing"

func TestSinceIsAllThatBeyondGives(t *testing.T) {
	from, to := open(t, Options{}), open(t, Options{})
	for _, name := range []string{"a", "b"} {
		if _, err := from.AddMany(t.Context(), newWriter(t, name).chain(t, nil, name, 300)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := to.AddMany(t.Context(), newWriter(t, "a").chain(t, nil, "a", 100)); err != nil {
		t.Fatal(err)
	}
	forker := newWriter(t, "f")
	if _, err := from.AddMany(t.Context(), append(forker.chain(t, nil, "x", 1), forker.chain(t, nil, "y", 1)...)); err != nil {
		t.Fatal(err)
	}
	var all []Sealed
	for s, err := range from.Since(to.Heights()) {
		if err != nil {
			t.Fatal(err)
		}
		if to.Has(s) || !from.Has(s) {
			t.Fatal("Has says the contrary")
		}
		all = append(all, s)
	}
	if len(all) != 200+300+2 {
		t.Errorf("%d entries", len(all))
	}
	if _, err := to.AddMany(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	sameState(t, from, to)
}

func TestLowerIsAboveNobody(t *testing.T) {
	a, b := newWriter(t, "a").id, newWriter(t, "b").id
	got := Lower([]Height{{Author: a, Seq: 5, Enough: true}, {Author: b, Seq: 1}}, []Height{{Author: a, Seq: 3, Hash: []byte("x")}})
	if len(got) != 1 || got[0].Author != a || got[0].Seq != 3 || string(got[0].Hash) != "x" || got[0].Enough {
		t.Errorf("%+v", got)
	}
}
