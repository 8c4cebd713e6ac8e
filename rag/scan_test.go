package rag

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	index "github.com/blevesearch/bleve_index_api"
	"github.com/google/go-cmp/cmp"
)

// alike are two indexes of passages that share many words, and a function that draws such a word.
func alike(t *testing.T, random *rand.Rand) (xs []*Index, word func() string) {
	stems := strings.Fields("maison marin marché jardin cyclone igname rivière lambi moulin tambour fontaine citerne")
	endings := []string{"", "s", "age", "ier", "ette"}
	drawn := rand.NewZipf(random, 1.2, 2, uint64(len(stems)*len(endings)-1))
	word = func() string {
		n := int(drawn.Uint64())
		return stems[n%len(stems)] + endings[n/len(stems)]
	}
	for i := range 2 {
		files := fstest.MapFS{}
		for n := range 400 {
			text := []string{"le conseil de la commune"}
			for range 3 + random.IntN(40) {
				text = append(text, word())
			}
			files[fmt.Sprintf("%03d.txt", n)] = &fstest.MapFile{Data: []byte(strings.Join(text, " "))}
		}
		x, err := Open(Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.Close() })
		if _, err := x.Add(context.Background(), fmt.Sprint("set", i), "", files, nil); err != nil {
			t.Fatal(err)
		}
		xs = append(xs, x)
	}
	return xs, word
}

// A search for more passages than there are passes over none.
func TestPassagesPassedOverWouldNotHaveBeenAmongTheBest(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	xs, word := alike(t, random)
	for range 60 {
		text := word()
		for range random.IntN(7) {
			text += " " + word()
		}
		q, err := newQuestion(Query{Text: text, Lang: "fr"})
		if err != nil {
			t.Fatal(err)
		}
		all, err := lexicalSearch(t.Context(), xs, q, 10_000, func() ([]passageKey, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		byKey := map[passageKey]lexicalHit{}
		for _, h := range all {
			byKey[h.key()] = h
		}
		var also []passageKey
		for range 10 {
			i := random.IntN(2)
			also = append(also, passageKey{i, fmt.Sprint("set", i), random.IntN(400)})
		}
		best, err := lexicalSearch(t.Context(), xs, q, 10, func() ([]passageKey, error) { return also, nil })
		if err != nil {
			t.Fatal(err)
		}
		first := min(10, len(all))
		if diff := cmp.Diff(all[:first], best[:first], cmp.AllowUnexported(lexicalHit{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		have := map[passageKey]bool{}
		for _, h := range best {
			have[h.key()] = true
			if diff := cmp.Diff(byKey[h.key()], h, cmp.AllowUnexported(lexicalHit{})); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
		for _, k := range also {
			if _, ok := byKey[k]; ok && !have[k] {
				t.Errorf("%q: %v was wanted and is missing", text, k)
			}
		}
	}
}

func TestTwoHalvesFindWhatOneWalkFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	xs, word := alike(t, random)
	advanced, err := xs[0].lexical.bleve.Advanced()
	if err != nil {
		t.Fatal(err)
	}
	r, err := advanced.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 40 {
		q, err := newQuestion(Query{Text: word() + " " + word() + " " + word() + " commune", Lang: "fr"})
		if err != nil {
			t.Fatal(err)
		}
		scans, err := q.weighed(t.Context(), xs[:1], []index.IndexReader{r}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := scans[0]
		s.reader, s.offered, s.to = r, func(string) bool { return true }, done
		for range 10 {
			s.wanted = append(s.wanted, uint64(random.IntN(400)))
		}
		slices.Sort(s.wanted)
		s.wanted = slices.Compact(s.wanted)
		one, two := newTopHits(10), newTopHits(10)
		asked, err := s.part(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.halves(t.Context(), two)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asked, again, cmp.AllowUnexported(lexicalHit{})); diff != "" {
			t.Errorf("%q: of those wanted %s", q.Text, diff)
		}
		if diff := cmp.Diff(one.sorted(), two.sorted(), cmp.AllowUnexported(lexicalHit{})); diff != "" {
			t.Errorf("%q: %s", q.Text, diff)
		}
	}
}
