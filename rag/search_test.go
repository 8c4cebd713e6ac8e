package rag_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

func TestAQuestionFindsHoweverItIsTyped(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	for question, want := range map[string]string{
		"Que faire avant l'arrivée d'un cyclone ?": "cyclone.txt",
		"que faire avant l’arrivée d’un cyclone":   "cyclone.txt",
		"QUE FAIRE AVANT L'ARRIVEE D'UN CYCLONE":   "cyclone.txt",
		"L'ARRIVÉE":                                "cyclone.txt",
		"reserve eau":                              "cyclone.txt",
		"quand récolte-t-on l'igname":              "igname.txt",
		"ignames":                                  "igname.txt",
		"moustiques":                               "dengue.txt",
		"A quelle heure ouvre l ecole":             "ecole.txt",
		"marchés":                                  "marche.txt",
	} {
		if got := docs(search(t, rag.Query{Text: question}, nil, x)); len(got) == 0 || got[0] != want {
			t.Errorf("%q found %v, want %s", question, got, want)
		}
	}
}

func TestACorpusRanksTheSameHoweverItIsSpreadOverIndexes(t *testing.T) {
	files := village()
	for name, text := range numbered(40) {
		files[name] = text + " " + strings.Repeat("Le cyclone et l'igname du marché. ", len(name+text)%3)
	}
	one, left, right := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	add(t, one, "all", files)
	halves := [2]map[string]string{{}, {}}
	i := 0
	for name, text := range files {
		halves[i%2][name] = text
		i++
	}
	add(t, left, "l", halves[0])
	add(t, right, "r", halves[1])
	e := &ragtest.Embedder{}
	embed(t, one, e)
	embed(t, left, e)
	embed(t, right, e)
	for _, mode := range []rag.Mode{rag.ModeLexical, rag.ModeDense, rag.ModeHybrid} {
		for _, text := range []string{"igname au marché", "que faire avant un cyclone", "document numéro 12"} {
			q := rag.Query{Text: text, Mode: mode, Limit: 20}
			whole, parts := search(t, q, e, one), search(t, q, e, left, right)
			var a, b []string
			for _, h := range whole.Hits {
				a = append(a, fmt.Sprintf("%.6f %.6f", h.Score, h.Lexical))
			}
			for _, h := range parts.Hits {
				b = append(b, fmt.Sprintf("%.6f %.6f", h.Score, h.Lexical))
			}
			if d := cmp.Diff(a, b); d != "" {
				t.Errorf("%s %q: %s", mode, text, d)
			}
			if whole.Known != parts.Known || whole.Total != parts.Total || whole.Covered != parts.Covered {
				t.Errorf("%s %q: %+v and %+v", mode, text, whole, parts)
			}
		}
	}
}

func TestOnlyTheSetsAskedAreSearched(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	add(t, x, "w", village())
	e := &ragtest.Embedder{}
	embed(t, x, e)
	for _, mode := range []rag.Mode{rag.ModeLexical, rag.ModeDense, rag.ModeHybrid} {
		r := search(t, rag.Query{Text: "igname", Mode: mode, In: []string{"w"}}, e, x)
		if r.Total != 5 || len(r.Hits) == 0 {
			t.Errorf("%s: %d passages asked, %d found", mode, r.Total, len(r.Hits))
		}
		for _, h := range r.Hits {
			if h.Set != "w" {
				t.Errorf("%s: found in %s", mode, h.Set)
			}
		}
	}
	if r := search(t, rag.Query{Text: "igname", In: []string{"none"}}, e, x); len(r.Hits) != 0 || r.Known {
		t.Errorf("a set that is not there: %+v", r)
	}
}

func TestQuestionsThatAreNoneOrTooLongAreRefused(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	for _, q := range []string{"", "  \n", "?!", "…"} {
		if _, err := rag.Search(t.Context(), rag.Query{Text: q}, nil, x); !errors.Is(err, rag.ErrEmptyQuestion) {
			t.Errorf("%q: %v", q, err)
		}
	}
	for _, q := range []string{strings.Repeat("cyclone ", 12800), strings.Repeat("é", rag.MaxQuestion+1)} {
		if _, err := rag.Search(t.Context(), rag.Query{Text: q}, nil, x); !errors.Is(err, rag.ErrQuestionTooLong) {
			t.Errorf("%d bytes: %v", len(q), err)
		}
	}
	search(t, rag.Query{Text: strings.Repeat("é", rag.MaxQuestion)}, nil, x)
	search(t, rag.Query{Text: strings.Repeat("un deux trois mot", 100)}, nil, x)
	if _, err := rag.Search(t.Context(), rag.Query{Text: "x", Mode: "magic"}, nil, x); err == nil {
		t.Error("an unknown mode was taken")
	}
}

func TestWithoutAModelSearchIsLexicalAndSaysSo(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	if r := search(t, rag.Query{Text: "igname"}, nil, x); r.Mode != rag.ModeLexical || !r.Known {
		t.Errorf("results %+v", r)
	}
	for _, mode := range []rag.Mode{rag.ModeDense, rag.ModeHybrid} {
		if _, err := rag.Search(t.Context(), rag.Query{Text: "igname", Mode: mode}, nil, x); !errors.Is(err, rag.ErrNoModel) {
			t.Errorf("%s without a model: %v", mode, err)
		}
	}
}

func TestAModelThatFailsLeavesSearchLexical(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	e := &ragtest.Embedder{Calls: 4} // the world, the questions of strangers, then the passages, four and one
	embed(t, x, e)
	r := search(t, rag.Query{Text: "igname"}, e, x)
	if r.Mode != rag.ModeLexical || r.Degraded == "" || r.Hits[0].Doc != "igname.txt" {
		t.Errorf("results %+v", r)
	}
	if _, err := rag.Search(t.Context(), rag.Query{Text: "igname", Mode: rag.ModeHybrid}, e, x); !errors.Is(err, ragtest.ErrScripted) {
		t.Errorf("hybrid was asked for: %v", err)
	}
}

func TestAPassageWithoutAVectorYetIsNotBuried(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "a", numbered(20))
	e := &ragtest.Embedder{}
	embed(t, x, e)
	add(t, x, "b", village())
	r := search(t, rag.Query{Text: "Quand se plante l'igname ?"}, e, x)
	if r.Mode != rag.ModeHybrid || r.Covered != 20 || r.Total != 25 || r.Hits[0].Doc != "igname.txt" {
		t.Errorf("results %+v", r)
	}
}

func TestAcrossLanguagesOnlyMeaningCounts(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{
		// shares the words, not the meaning (to an embedder that hashes letters: fewer trigrams)
		"mots.html": "<html lang='en'><body><p>Manioc, table, radio, place: " + strings.Repeat("something else entirely about other matters. ", 6) + "</p></body></html>",
		"sens.html": "<html lang='en'><body><p>Comment planter les maniocs, commentaires et plantations</p></body></html>",
		"rien.html": "<html lang='en'><body><p>Nothing of the kind is told here, nor anywhere else.</p></body></html>",
	})
	e := &ragtest.Embedder{}
	embed(t, x, e)
	q := rag.Query{Text: "Comment planter le manioc sur une table, la radio sur la place ?", Lang: "fr"}
	r := search(t, q, e, x)
	dense := search(t, rag.Query{Text: q.Text, Lang: "fr", Mode: rag.ModeDense}, e, x)
	for i, h := range r.Hits {
		if h.Doc != dense.Hits[i].Doc || h.Score != dense.Hits[i].Score {
			t.Errorf("place %d: %s %.3f, by meaning alone %s %.3f", i, h.Doc, h.Score, dense.Hits[i].Doc, dense.Hits[i].Score)
		}
	}
	q.Lang = "en" // the person says it is English: words count again
	if same := search(t, q, e, x); same.Hits[1].Score == r.Hits[1].Score {
		t.Error("the language chosen made no difference")
	}
}

func TestTheLanguageOfAQuestionIsGuessedFromItsLittleWords(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	for text, want := range map[string]string{
		"Quand planter l'igname ?":            "fr",
		"When should the yams be planted?":    "en",
		"¿Cuándo se planta el ñame?":          "es",
		"Kisa pou m fè anvan siklòn nan ?":    "ht",
		"Ka pou nou fè avan siklòn-la rivé ?": "gcf",
		"igname":                              "",
	} {
		if got := search(t, rag.Query{Text: text}, nil, x).Lang; got != want {
			t.Errorf("%q is taken for %q, want %q", text, got, want)
		}
	}
	if got := search(t, rag.Query{Text: "Quand planter ?", Lang: "ht"}, nil, x).Lang; got != "ht" {
		t.Errorf("the person's choice became %q", got)
	}
}

func TestAQuestionTheLibraryDoesNotKnowIsSaidToBeUnknown(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", village())
	for _, text := range []string{"Que faire avant l'arrivée d'un cyclone ?", "QUE FAIRE AVANT UN CYCLONE", "Quand planter l'igname ?", "Où se tient le marché ?"} {
		if r := search(t, rag.Query{Text: text}, nil, x); !r.Known {
			t.Errorf("%q: confidence %.2f, the library knows", text, r.Confidence)
		}
	}
	for _, text := range []string{"Quelle est la capitale de la Mongolie ?", "Comment programmer en Python ?", "Qui a peint la Joconde ?", "Quelle est la vitesse de la lumière ?"} {
		if r := search(t, rag.Query{Text: text}, nil, x); r.Known {
			t.Errorf("%q: confidence %.2f, the library does not know", text, r.Confidence)
		}
	}
	if r := search(t, rag.Query{Text: "igname"}, nil, open(t, t.TempDir())); r.Known || r.Hits == nil {
		t.Errorf("an empty library: %+v", r)
	}
}

func TestAcrossLanguagesTheLibraryKnowsByMeaning(t *testing.T) {
	x := open(t, t.TempDir())
	files := numbered(40)
	files["igname.txt"] = village()["igname.txt"]
	add(t, x, "v", files)
	e := &ragtest.Embedder{Size: 384}
	embed(t, x, e)
	// to an embedder of letters, a misspelt sentence is a translation
	near := search(t, rag.Query{Text: "ligname seplante enmars, dansune terreameublie etbien fumee", Lang: "en"}, e, x)
	far := search(t, rag.Query{Text: "Which team won the curling cup in Vienna last week?", Lang: "en"}, e, x)
	if !near.Known || near.Hits[0].Doc != "igname.txt" || far.Known {
		t.Errorf("near: %v %.2f, far: %.2f", docs(near)[0], near.Confidence, far.Confidence)
	}
}

func TestAPassageThatNothingSpeaksForIsNotListed(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{"a.txt": "Le manioc se râpe.", "b.txt": "Le gombo se cuit.", "c.txt": "Zzz kkk www."})
	e := &ragtest.Embedder{}
	embed(t, x, e)
	for _, mode := range []rag.Mode{rag.ModeLexical, rag.ModeHybrid, rag.ModeDense} {
		for _, h := range search(t, rag.Query{Text: "Comment cuire le gombo ?", Mode: mode}, e, x).Hits {
			if h.Score <= 0 || h.Doc == "c.txt" {
				t.Errorf("%s: %s is listed with %f", mode, h.Doc, h.Score)
			}
		}
	}
}
