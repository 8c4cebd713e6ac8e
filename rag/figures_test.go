package rag

import "testing"

func TestAFigureIsTheSameHoweverItIsWritten(t *testing.T) {
	for _, c := range []struct {
		answer, passage string
		same            bool
	}{
		{"1000 euros", "1 000 euros", true}, {"1\u202f000", "1000", true}, {"87,000 people", "87 000 personnes", true}, {"2.6 %", "2,6 %", true},
		{"2,60", "2,6", true}, {"0,5", ".50 ou 0.5", true}, {"le 01/03/1902", "le 1er mars 1902", true}, {"March 1, 1902", "1er mars 1902", true},
		{"1902-03-01", "1 de marzo de 1902", true}, {"le 1er mars", "1er mars 1902", true}, {"en 1902", "1er mars 1902", true},
		{"quatre gouttes", "4 gouttes", true}, {"4 gout", "kat gout", true}, {"20 litres", "vingt litres", true}, {"[1] oui", "non", true},
		{"1. Fermez\n2. Ouvrez", "rien", true}, {"dix-sept", "17", true}, {"XVIIe siècle", "", true},
		{"2 mars 1902", "1er mars 1902", false}, {"26", "2,6", false}, {"100", "1000", false}, {"5 litres", "3 litres", false},
		{"27 avril 1848", "27 mai 1848, 5 avril 1848", false}, {"trois", "quatre", false},
	} {
		values, same := valuesIn(c.passage), true
		for _, f := range figuresIn(c.answer) {
			found := false
			for _, v := range f.values {
				found = found || values[v]
			}
			same = same && found
		}
		if same != c.same {
			t.Errorf("%q in %q: %v (%v in %v)", c.answer, c.passage, same, figuresIn(c.answer), values)
		}
	}
}

func FuzzFigures(f *testing.F) {
	f.Add("Le 1er mars 1902, 1 000 é 2,6 % İ [1]")
	f.Add("\xff99/99/9999 ½ 12 août")
	f.Fuzz(func(t *testing.T, text string) {
		for _, g := range figuresIn(text) {
			if g.start < 0 || g.end > len(text) || g.start > g.end || len(g.values) == 0 {
				t.Fatalf("%q: %+v", text, g)
			}
		}
		for _, d := range doubtsOf(text, "fr", reserves, newSupport(reserves, "fr")) {
			if text[d.Start:d.End] != d.Text && d.Kind != DoubtLanguage {
				t.Fatalf("%q: %+v", text, d)
			}
		}
	})
}
