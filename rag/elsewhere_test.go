package rag_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// elsewhere asks each index as a peer would be asked.
func elsewhere(t *testing.T, q rag.Query, e rag.Embedder, xs ...*rag.Index) rag.Elsewhere {
	t.Helper()
	all := rag.Elsewhere{Counts: rag.Counts{}}
	if e != nil {
		v, err := rag.EmbedQuestion(t.Context(), q, e)
		if err != nil {
			t.Fatal(err)
		}
		q.Vector, q.Model = v, e.Model()
	}
	for i, x := range xs {
		offers, counts, err := x.Offer(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range offers {
			o.From = &rag.From{Peer: fmt.Sprint(i), Author: fmt.Sprint(i, o.N)}
			all.Offers = append(all.Offers, o)
		}
		all.Counts.Add(counts)
	}
	return all
}

func TestACorpusRanksTheSameHoweverItIsSpreadOverNodes(t *testing.T) {
	words := strings.Fields("igname cyclone marché école citerne dengue jardin moulin rivière canne tambour légende récolte semence barque filet")
	r := rand.New(rand.NewPCG(1, 2))
	parts := [3]map[string]string{{}, {}, {}}
	all := map[string]string{}
	for i := range 300 { // more than either way of searching brings, but no more on a part than it offers
		text := fmt.Sprintf("Document %d. ", i)
		for range 25 {
			text += words[r.IntN(len(words))] + " "
		}
		name := fmt.Sprintf("d%03d.txt", i)
		all[name], parts[i%3][name] = text, text
	}
	e := &ragtest.Embedder{}
	whole := open(t, t.TempDir())
	add(t, whole, "all", all)
	embed(t, whole, e)
	var xs []*rag.Index
	for i, part := range parts {
		x := open(t, t.TempDir())
		add(t, x, fmt.Sprint("p", i), part)
		embed(t, x, e)
		xs = append(xs, x)
	}
	for _, mode := range []rag.Mode{rag.ModeLexical, rag.ModeHybrid, rag.ModeDense} {
		for _, text := range []string{"igname au marché", "le tambour et la légende de la rivière", "la citerne du jardin, la barque et le filet"} {
			q := rag.Query{Text: text, Mode: mode, Limit: 100}
			want := search(t, q, e, whole)
			q.Elsewhere = elsewhere(t, q, e, xs[1:]...)
			got := search(t, q, e, xs[0])
			var a, b [][2]float64
			for _, h := range want.Hits[:10] {
				a = append(a, [2]float64{h.Score, h.Lexical}) // equals may change places
			}
			for _, h := range got.Hits[:min(10, len(got.Hits))] {
				b = append(b, [2]float64{h.Score, h.Lexical})
			}
			if d := cmp.Diff(a, b, cmpopts.EquateApprox(0, 1e-2)); d != "" {
				t.Errorf("%s %q: %s", mode, text, d)
			}
		}
	}
}

func TestCountsOfEveryLanguageAreTakenAndOfNoOther(t *testing.T) {
	t.Parallel()
	counts := rag.Counts{"klingon": {Passages: 1, Terms: 1}}
	for _, f := range []string{"fr", "en", "es", "ht", "gcf"} {
		counts[f] = rag.FieldCounts{Passages: 2, Terms: 9, With: map[string]int{"dlo": 5}}
	}
	counts.Clamp()
	if _, odd := counts["klingon"]; odd || len(counts) != 5 || counts["gcf"].With["dlo"] != 2 {
		t.Errorf("taken: %v", counts)
	}
}

func TestCountsThatCannotBeAreBroughtToWhatCan(t *testing.T) {
	t.Parallel()
	many := map[string]int{}
	for i := range 1000 {
		many[fmt.Sprint(i)] = 1
	}
	counts := rag.Counts{
		"fr":  {Passages: 1 << 40, Terms: 1 << 60, With: map[string]int{"dlo": -3}},
		"en":  {Passages: -5, Terms: -9, With: map[string]int{"water": 7}},
		"es":  {Passages: 10, Terms: 3},
		"gcf": {Passages: 9, Terms: 9, With: many},
	}
	counts.Clamp()
	want := rag.Counts{
		"fr": {Passages: 1 << 31, Terms: 1000 << 31, With: map[string]int{"dlo": 0}},
		"en": {With: map[string]int{"water": 0}},
		"es": {Passages: 10, Terms: 10},
	}
	if d := cmp.Diff(want, counts); d != "" {
		t.Error(d)
	}
}
