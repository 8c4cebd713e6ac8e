package rag_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

func glossaryVillage(lines string) map[string]string {
	files := map[string]string{
		"tranble.html": page("fr", "Pendant un séisme, abritez-vous sous une table solide et restez loin des vitres."),
		"boire.html":   page("fr", "L'eau potable se garde dans un bidon fermé, à l'ombre."),
		"fete.html":    page("fr", "La fête de la commune a lieu en août sur la place."),
	}
	if lines != "" {
		files["glossary.tsv"] = lines
	}
	return files
}

const glossaryLines = "# le glossaire du village\nterm\tlang\tequivalents\ntranbleman tè\tht\tfr:séisme; gcf:tranblanm-tè\ndlo\tgcf\tfr:eau\nséisme\tfr\tsecousse\n"

func TestAGlossaryLetsACreoleQuestionFindFrenchText(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", glossaryVillage(glossaryLines))
	without := open(t, t.TempDir())
	add(t, without, "v", glossaryVillage(""))
	for _, q := range []struct{ lang, text, want string }{
		{"ht", "Kisa pou m fè lè gen tranbleman tè ?", "tranble.html"},
		{"gcf", "Ki jan pou séré dlo ?", "boire.html"},
		{"", "TRANBLANM-TE", "tranble.html"},
		{"fr", "une secousse", "tranble.html"},
	} {
		if got := found(t, x, q.lang, q.text); got != q.want {
			t.Errorf("%q found %s, want %s", q.text, got, q.want)
		}
		if got := found(t, without, q.lang, q.text); got == q.want {
			t.Errorf("%q finds %s without the glossary", q.text, got)
		}
	}
	r := search(t, rag.Query{Text: "glossaire du village"}, nil, x)
	for _, h := range r.Hits {
		if strings.HasPrefix(h.Doc, "glossary") {
			t.Error("the glossary is a document")
		}
	}
}

func TestAGlossaryIsAskedInTheLanguageThePersonChose(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", glossaryVillage("dlo\tht\tfr:eau\n"))
	if got := found(t, x, "gcf", "dlo"); got != "nothing" {
		t.Errorf("a Guadeloupean question was read as Haitian and found %s", got)
	}
	if got := found(t, x, "ht", "dlo"); got != "boire.html" {
		t.Errorf("found %s", got)
	}
}

func TestAnEditedGlossaryCountsWhenTheDatasetIsAddedAgain(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	add(t, x, "v1", glossaryVillage(""))
	if got := found(t, x, "ht", "dlo"); got != "nothing" {
		t.Errorf("found %s", got)
	}
	if err := x.Drop("v1"); err != nil {
		t.Fatal(err)
	}
	add(t, x, "v2", glossaryVillage("dlo\tht\tfr:eau\n"))
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if got := found(t, open(t, dir), "ht", "dlo"); got != "boire.html" {
		t.Errorf("found %s", got)
	}
}

func TestAQuestionIsEmbeddedInTheWordsOfTheGlossaryToo(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", glossaryVillage(glossaryLines))
	e := &ragtest.Embedder{}
	embed(t, x, e)
	before := len(e.Texts(rag.RoleQuery))
	search(t, rag.Query{Text: "Lè gen tranbleman tè", Lang: "ht", Mode: rag.ModeHybrid}, e, x)
	asked := e.Texts(rag.RoleQuery)[before:]
	if len(asked) != 2 || asked[1] != "le gen séisme" {
		t.Errorf("embedded %q", asked)
	}
}

func TestLinesThatAreNoGlossaryAreLeftOutAndNamed(t *testing.T) {
	x := open(t, t.TempDir())
	files := fstest.MapFS{}
	for name, text := range glossaryVillage("dlo\tht\tfr:eau\nonly one column\n\x00\xff\nx\tht\t" + strings.Repeat("y", 500) + "\n") {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	files["glossary.csv"] = &fstest.MapFile{Data: []byte("\"manjé\";gcf;\"fr:fête\"\n")}
	report, err := x.Add(t.Context(), "v", "", files, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Skipped) != 1 || !strings.Contains(report.Skipped[0].Reason, "2, 3, 4") {
		t.Errorf("report %+v", report)
	}
	if got := found(t, x, "gcf", "manje"); got != "fete.html" {
		t.Errorf("found %s", got)
	}
}

func FuzzGlossary(f *testing.F) {
	for _, seed := range []string{glossaryLines, "a,fr,b;c", "\"a\";ht;\"fr:b\"", "\ufeffterm\tlang\tx", strings.Repeat("a\tfr\tb\n", 3000), "\x00\t\t\xff", "a\tfr\t" + strings.Repeat("b;", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, _ := rag.ParseGlossary([]byte(text))
		if len(entries) > 2000 {
			t.Fatalf("%d entries", len(entries))
		}
		for _, e := range entries {
			if len(e) < 2 || len(e) > 17 {
				t.Fatalf("entry %q", e)
			}
			for _, s := range e {
				if s.Lang == "" || s.Text == "" || len(s.Text) > 80 {
					t.Fatalf("saying %q", s)
				}
			}
		}
	})
}
