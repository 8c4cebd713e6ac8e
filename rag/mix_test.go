package rag

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATextThatReadsNearlyTheSameIsShownThreeTimesAtMost(t *testing.T) {
	text := "L'igname se plante en mars, dans une terre meuble et bien fumée, sur des billons hauts de trente centimètres."
	for _, c := range []struct {
		text string
		like string
	}{
		{text, text},
		{text, "L'IGNAME se plante en mars, dans une terre meuble et bien fumée, sur des billons hauts de 30 centimètres !"},
		{"Igname", "igname."},
		{"", ""},
	} {
		var d nearDuplicates
		for i := range 5 {
			other := fmt.Sprintf("Avant le cyclone %d, on range tout ce que le vent du %d peut emporter.", i, i)
			if d.many(other) {
				t.Errorf("%q is taken for another text", other)
			}
			if got := d.many([]string{c.text, c.like}[i%2]); got != (i >= alikeMost) {
				t.Errorf("%q: many %v after %d", c.text, got, i)
			}
		}
	}
}

func TestOneAuthorHasTwoOfTheFirstFiveWhenOthersAreAsGood(t *testing.T) {
	hits := func(which string, scores ...float64) (all []Hit) {
		for i, s := range scores {
			h := Hit{Score: s, Passage: Passage{N: i}}
			if which[i] != '.' {
				h.From = &From{Author: which[i : i+1]}
			}
			all = append(all, h)
		}
		return all
	}
	for _, c := range []struct {
		authors string
		scores  []float64
		want    string
	}{
		{"aaaaabbb", []float64{1, .99, .98, .97, .96, .95, .94, .93}, "aabbaaab"},
		{"aaaaabbb", []float64{1, .99, .98, .97, .96, .5, .4, .3}, "aaaaabbb"}, // others are not as good
		{"aaaabc", []float64{1, .99, .98, .97, .96, .95}, "aabcaa"},
		{"....bb", []float64{1, .99, .98, .97, .96, .95}, "....bb"}, // one's own library
		{"", nil, ""},
	} {
		all := hits(c.authors, c.scores...)
		mixAuthors(all)
		got := ""
		for _, h := range all {
			if h.From == nil {
				got += "."
			} else {
				got += h.From.Author
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s %s: %s", c.authors, fmt.Sprint(c.scores), d)
		}
	}
}
