package rag

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var reserves = []Citation{
	{N: 1, Passage: Passage{Text: "Avant un cyclone, faites des réserves d'eau et de conserves pour trois jours."}},
	{N: 2, Passage: Passage{Text: "Après le passage, ne touchez pas aux fils électriques tombés à terre."}},
	{N: 3, Passage: Passage{Text: "La mairie ouvre un abri à l'école du bourg."}},
}

// bind runs a binder over text cut into pieces and returns what came out.
func bind(t *testing.T, pieces ...string) (string, []int) {
	t.Helper()
	var out strings.Builder
	b := newBinder(reserves, "fr", func(s string) error { out.WriteString(s); return nil })
	for _, p := range pieces {
		if err := b.write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, c := range b.cited() {
		numbers = append(numbers, c.N)
	}
	return out.String(), numbers
}

func TestCitationsAreReadHoweverTheModelWritesThem(t *testing.T) {
	for _, c := range []struct {
		written, want string
		cited         []int
	}{
		{"Oui [1].", "Oui [1].", []int{1}},
		{"Oui [1, 2].", "Oui [1][2].", []int{1, 2}},
		{"Oui [1][2].", "Oui [1][2].", []int{1, 2}},
		{"Oui [1-3].", "Oui [1][2][3].", []int{1, 2, 3}},
		{"Oui [1 et 3].", "Oui [1][3].", []int{1, 3}},
		{"Oui 【1】.", "Oui [1].", []int{1}},
		{"Oui 【2†source】.", "Oui [2].", []int{2}},
		{"Oui [Passage 2].", "Oui [2].", []int{2}},
		{"Oui [ 2 ] non.", "Oui [2] non.", []int{2}},
		{"Oui [9].", "Oui.", nil},
		{"Oui [0] non [2024].", "Oui non.", nil},
		{"Oui [1, 9].", "Oui [1].", []int{1}},
		{"Oui [2-900000000000000000000].", "Oui [2][3].", []int{2, 3}},
		{"Oui [sic] non.", "Oui [sic] non.", nil},
		{"Voir [la page](http://x.y).", "Voir [la page](http://x.y).", nil},
		{"Oui [1", "Oui [1]", []int{1}},
		{"Oui [9", "Oui", nil},
		{"[[9]7] [1[9]2]", "[…7] [1…2]", nil},
		{"", "", nil},
	} {
		got, cited := bind(t, c.written)
		if got != c.want || !cmp.Equal(c.cited, cited) {
			t.Errorf("%q became %q %v, want %q %v", c.written, got, cited, c.want, c.cited)
		}
	}
}

func TestACitationTornByTheStreamIsOneCitation(t *testing.T) {
	for _, pieces := range [][]string{
		{"Oui ", "[1", "].", " Fin."},
		{"Oui", " ", "[", "1", "]", ".", " Fin."},
		{"Oui [1]", ". Fin."},
		{"Oui [\u0031", "]. F", "in."},
	} {
		if got, _ := bind(t, pieces...); got != "Oui [1]. Fin." {
			t.Errorf("%q became %q", pieces, got)
		}
	}
	if got, _ := bind(t, "Oui \xe3\x80", "\x901】."); got != "Oui [1]." {
		t.Errorf("a torn bracket became %q", got)
	}
	if got, _ := bind(t, "d\xc3", "\xa9j\xc3", "\xa0 [1]"); got != "déjà [1]" {
		t.Errorf("torn letters became %q", got)
	}
}

func TestASentenceWithoutCitationGetsThatOfThePassageThatSaysIt(t *testing.T) {
	got, cited := bind(t, "Faites des réserves d'eau pour trois jours. Ne touchez pas aux fils électriques. Les poules pondent le matin.")
	want := "Faites des réserves d'eau pour trois jours. [1] Ne touchez pas aux fils électriques. [2] Les poules pondent le matin."
	if got != want || !cmp.Equal([]int{1, 2}, cited) {
		t.Errorf("got %q %v", got, cited)
	}
}

func TestTheModelsOwnCitationIsNotDoubled(t *testing.T) {
	got, _ := bind(t, "Faites des réserves d'eau pour trois jours. [1]\nUn abri ouvre à l'école du bourg [3].")
	if want := "Faites des réserves d'eau pour trois jours. [1]\nUn abri ouvre à l'école du bourg [3]."; got != want {
		t.Errorf("got %q", got)
	}
}

func TestTextIsPassedOnAtOnceButForWhatMayBeACitation(t *testing.T) {
	var out strings.Builder
	b := newBinder(reserves, "fr", func(s string) error { out.WriteString(s); return nil })
	for _, step := range []struct{ piece, want string }{
		{"Il ", "Il"}, {"faut", "Il faut"}, {" de l'eau", "Il faut de l'eau"}, {" [", "Il faut de l'eau"}, {"1] x", "Il faut de l'eau [1] x"},
		{" [voici une longue remarque entre crochets, qui dure", "Il faut de l'eau [1] x [voici une longue remarque entre crochets, qui dure"},
	} {
		if err := b.write(step.piece); err != nil {
			t.Fatal(err)
		}
		if out.String() != step.want {
			t.Errorf("after %q: %q, want %q", step.piece, out.String(), step.want)
		}
	}
}

func TestQuotedWordsMustOccurInACitedPassage(t *testing.T) {
	text := "Le guide dit « faites des réserves d’eau [1] » et « buvez du rhum », avec « prudence », \"fils electriques tombés\"."
	got := doubtQuotes(text, reserves[:2])
	if d := cmp.Diff([]Doubt{{DoubtQuote, "buvez du rhum", 58, 71}}, got); d != "" {
		t.Error(d)
	}
	if got := doubtQuotes("« fils électriques tombés »", reserves[:1]); len(got) != 1 {
		t.Errorf("words of a passage that is not cited: doubts %v", got)
	}
}

var citation = regexp.MustCompile(`[\[【［]\s*(\d+)\s*[\]】］]`)

func FuzzCitations(f *testing.F) {
	f.Add("Oui [1, 2]. Non [9] 【3†a】 [Passage 2]", uint8(3))
	f.Add("[[9]7] [1[9]2] [", uint8(1))
	f.Add("a.\xff[1\n] [2-99999999999999999999]", uint8(2))
	f.Fuzz(func(t *testing.T, text string, cut uint8) {
		whole, cited := bind(t, text)
		for _, m := range citation.FindAllStringSubmatch(whole, -1) {
			if m[1] != "1" && m[1] != "2" && m[1] != "3" {
				t.Fatalf("%q became %q, which cites %s", text, whole, m[1])
			}
		}
		var pieces []string
		for size := int(cut)%7 + 1; len(text) > size; text = text[size:] {
			pieces = append(pieces, text[:size])
		}
		torn, tornCited := bind(t, append(pieces, text)...)
		if torn != whole || !cmp.Equal(cited, tornCited) {
			t.Fatalf("whole %q %v, in pieces %q %v", whole, cited, torn, tornCited)
		}
	})
}
