package rag

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag/extract"
)

func para(text string) extract.Block { return extract.Block{Role: extract.Paragraph, Text: text} }
func item(text string) extract.Block { return extract.Block{Role: extract.Item, Text: text} }
func head(level int, text string) extract.Block {
	return extract.Block{Role: extract.Heading, Level: level, Text: text}
}

func texts(ps []Passage) (out []string) {
	for _, p := range ps {
		out = append(out, p.Text)
	}
	return out
}

func TestAPassageStaysUnderItsHeadingAndKnowsThePath(t *testing.T) {
	got := split(extract.Document{Title: "Le jardin", Blocks: []extract.Block{
		head(1, "Le jardin"), para("Accueil."),
		head(2, "Sol"), para("La terre."), para("Le compost."),
		head(3, "Paillage"), para("La paille."),
		head(2, "Eau"), para("Arroser le soir."),
	}})
	var paths []string
	for _, p := range got {
		paths = append(paths, p.Heading+"|"+p.Text)
	}
	want := []string{"|Accueil.", "Sol|La terre.\nLe compost.", "Sol > Paillage|La paille.", "Eau|Arroser le soir."}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
}

func TestAHeadingWithNothingUnderItIsStillFound(t *testing.T) {
	got := split(extract.Document{Title: "Programme", Blocks: []extract.Block{
		head(1, "Programme"), head(2, "Lundi"), head(3, "Messe à huit heures"), head(2, "Mardi : marché"),
	}})
	if d := cmp.Diff([]string{"Messe à huit heures", "Mardi : marché"}, texts(got)); d != "" {
		t.Error(d)
	}
	if got[0].Heading != "Lundi" {
		t.Errorf("heading %q, want Lundi", got[0].Heading)
	}
}

func TestPassagesAreAboutSevenHundredRunesAndEndWithSentences(t *testing.T) {
	sentence := "Monsieur Télémaque arrose ses ignames tous les soirs avant la nuit. "
	text := strings.TrimSpace(strings.Repeat(sentence, 40))
	b := para(text)
	b.Start, b.End = 100, 100+int64(len(text))
	got := split(extract.Document{Blocks: []extract.Block{b}})
	if len(got) != 4 {
		t.Fatalf("%d passages, want 4", len(got))
	}
	for i, p := range got {
		if n := runes(p.Text); n < 500 || n > passageMost {
			t.Errorf("passage %d has %d runes", i, n)
		}
		if !strings.HasSuffix(p.Text, "nuit.") {
			t.Errorf("passage %d ends with %q", i, p.Text[len(p.Text)-10:])
		}
		if in := strings.TrimSpace(text[p.Start-100 : p.End-100]); in != p.Text {
			t.Errorf("passage %d: its byte range holds %q", i, in)
		}
	}
}

func TestATableRowIsNeverSplit(t *testing.T) {
	row := extract.Block{Role: extract.Row, Text: strings.TrimSpace(strings.Repeat("igname | 12 kg. ", 90))}
	if n := runes(row.Text); n < passageMost || n > rowMost {
		t.Fatalf("a row of %d runes proves nothing", n)
	}
	got := split(extract.Document{Format: "csv", Blocks: []extract.Block{row, row}})
	if d := cmp.Diff([]string{row.Text, row.Text}, texts(got)); d != "" {
		t.Error(d)
	}
}

func TestRecordsAreNotMixedButTableRowsAre(t *testing.T) {
	blocks := []extract.Block{{Role: extract.Row, Text: "a : 1"}, {Role: extract.Row, Text: "a : 2"}}
	if got := split(extract.Document{Format: "jsonl", Blocks: blocks}); len(got) != 2 {
		t.Errorf("jsonl: %d passages, want 2", len(got))
	}
	if got := split(extract.Document{Format: "csv", Blocks: blocks}); len(got) != 1 {
		t.Errorf("csv: %d passages, want 1", len(got))
	}
}

func TestAShortListStaysWithTheLineThatAnnouncesIt(t *testing.T) {
	before := para(strings.Repeat("mot ", 150) + "fin.")
	entry := item(strings.Repeat("eau ", 25))
	got := split(extract.Document{Blocks: []extract.Block{before, para("Préparez :"), entry, entry, entry}})
	if len(got) != 2 || !strings.HasPrefix(got[1].Text, "Préparez :\n") || strings.Count(got[1].Text, "\n") != 3 {
		t.Errorf("passages %q", texts(got))
	}
}

func TestALineThatAnnouncesIsNeverPartedFromWhatItAnnounces(t *testing.T) {
	before := para(strings.Repeat("mot ", 160) + "fin.")
	for name, next := range map[string]extract.Block{"a long list": item(strings.Repeat("eau ", 30)), "code": {Role: extract.Code, Text: strings.Repeat("x = 1\n", 30)}} {
		got := split(extract.Document{Blocks: []extract.Block{before, para("Préparez :"), next, next, next, next, next, next, next, next, next, next}})
		if strings.HasSuffix(got[0].Text, "Préparez :") || !strings.HasPrefix(got[1].Text, "Préparez :\n") {
			t.Errorf("%s: %q", name, texts(got)[:2])
		}
	}
}

func TestATableOrListThatGoesOnKeepsItsHeadAsContext(t *testing.T) {
	row := func(text string) extract.Block { return extract.Block{Role: extract.Row, Text: text} }
	blocks := []extract.Block{para("Le calendrier."), row("Plante | Mois")}
	for range 40 {
		blocks = append(blocks, row("igname jaune de la Désirade | mars"))
	}
	blocks = append(blocks, para("Après le tableau."), para("Il faut :"))
	for range 40 {
		blocks = append(blocks, item("une corde solide de deux mètres"))
	}
	blocks = append(blocks, para(strings.Repeat("Suite du texte. ", 40)))
	got := split(extract.Document{Format: "md", Blocks: blocks})
	for i, p := range got {
		want := ""
		switch {
		case i > 0 && strings.HasPrefix(p.Text, "igname"):
			want = "Plante | Mois"
		case strings.HasPrefix(p.Text, "une corde"):
			want = "Il faut :"
		}
		if p.Context != want {
			t.Errorf("passage %d %.20q has the context %q, want %q", i, p.Text, p.Context, want)
		}
		if want != "" && !strings.Contains(p.embedText(), want+"\n"+p.Text) {
			t.Errorf("passage %d is not searched with its context", i)
		}
	}
	if len(got) < 5 {
		t.Fatalf("%d passages prove nothing", len(got))
	}
	for _, format := range []string{"csv", "jsonl"} { // whose rows name their columns themselves
		for _, p := range split(extract.Document{Format: format, Blocks: blocks[1:30]}) {
			if p.Context != "" {
				t.Errorf("%s: context %q", format, p.Context)
			}
		}
	}
}

func TestAFewWordsAtTheEndOfASectionJoinThePassageBefore(t *testing.T) {
	long := para(strings.Repeat("mot ", 165) + "fin.")
	got := split(extract.Document{Blocks: []extract.Block{head(1, "A"), long, para("Voilà, c'est tout ce qu'il faut savoir."), head(1, "B"), para("Court.")}})
	if len(got) != 2 || !strings.HasSuffix(got[0].Text, "fin.\nVoilà, c'est tout ce qu'il faut savoir.") || got[1].Text != "Court." || got[1].Heading != "B" {
		t.Errorf("passages %q", texts(got))
	}
}

func TestTwoPagesAreNeverMixed(t *testing.T) {
	one, two := para("Page un."), para("Page deux.")
	one.Page, two.Page = 1, 2
	got := split(extract.Document{Blocks: []extract.Block{one, two}})
	if len(got) != 2 || got[0].Page != 1 || got[1].Page != 2 {
		t.Errorf("passages %+v", got)
	}
}

func TestSentencesRespectFrenchAbbreviationsAndQuotationMarks(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"M. Dupont est venu. Mme Lacroix aussi.", []string{"M. Dupont est venu.", "Mme Lacroix aussi."}},
		{"Voir p. 12 et art. L. 121-1 du code. Fin.", []string{"Voir p. 12 et art. L. 121-1 du code.", "Fin."}},
		{"Il a dit : « Partez ! » Puis il a ri.", []string{"Il a dit : « Partez ! »", "Puis il a ri."}},
		{"Que faire ? Rester !", []string{"Que faire ?", "Rester !"}},
		{"Le taux est de 3.14 pour cent. Le site example.org le dit.", []string{"Le taux est de 3.14 pour cent.", "Le site example.org le dit."}},
		{"J. Dupont et A.-M. Noël. Oui.", []string{"J. Dupont et A.-M. Noël.", "Oui."}},
		{"Un… Deux", []string{"Un…", "Deux"}},
		{"Ligne un\nligne deux", []string{"Ligne un", "ligne deux"}},
		{"Le n° 5, le no. 6 (cf. annexe). Bien.", []string{"Le n° 5, le no. 6 (cf. annexe).", "Bien."}},
		{"Il hésita... puis partit. « Venez ! » dit-elle. Quoi ? Rien.", []string{"Il hésita... puis partit.", "« Venez ! » dit-elle.", "Quoi ?", "Rien."}},
		{"1. Semer en mars. 2.3. Arroser le soir. IV. Récolter.", []string{"1. Semer en mars.", "2.3. Arroser le soir.", "IV. Récolter."}},
		{"Des ignames, du manioc, etc. On les sèche. Voir https://exemple.fr/a.html?b=1.2 avant.", []string{"Des ignames, du manioc, etc. On les sèche.", "Voir https://exemple.fr/a.html?b=1.2 avant."}},
		{"Mr. Smith met Dr. Jones at 3.5 p.m. in the U.S. Senate. They spoke.", []string{"Mr. Smith met Dr. Jones at 3.5 p.m. in the U.S. Senate.", "They spoke."}},
		{"¿Viene el Sr. García? Sí. ¡Claro!", []string{"¿Viene el Sr. García?", "Sí.", "¡Claro!"}},
		{"M. Pyè plante yanm nan. Li wouze l chak swa.", []string{"M. Pyè plante yanm nan.", "Li wouze l chak swa."}},
		{"Msyé. Télémak ka rouzé jaden-la. I ka soukré sik.", []string{"Msyé. Télémak ka rouzé jaden-la.", "I ka soukré sik."}},
		{"", nil},
		{" . ", []string{"."}},
	} {
		var got []string
		for _, s := range sentences(c.text) {
			got = append(got, c.text[s.start:s.end])
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.text, d)
		}
	}
}

func FuzzSplitKeepsEveryWord(f *testing.F) {
	f.Add("M. Dupont. « Oui ! » Fin", uint8(1))
	f.Add(strings.Repeat("abc ", 500), uint8(0))
	f.Add(strings.Repeat("x", 3000)+"\n\xff", uint8(4))
	f.Fuzz(func(t *testing.T, text string, role uint8) {
		roles := []extract.Role{extract.Paragraph, extract.Item, extract.Row, extract.Code, extract.Quote, extract.Heading}
		b := extract.Block{Role: roles[int(role)%len(roles)], Level: 1, Text: text, End: int64(len(text))}
		got := strings.Join(strings.Fields(strings.Join(texts(split(extract.Document{Blocks: []extract.Block{b, b}})), "")), "")
		want := strings.Join(strings.Fields(text+text), "")
		if got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}
