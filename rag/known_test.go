package rag_test

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"os"
	"testing"

	"savoirs/rag"
	"savoirs/rag/engine"
)

type knownQuestion struct {
	Question, Lang, Doc string
	Near                bool // off the subject, but beside one of the library's
}

// A hundred questions that the shipped library answers and a hundred that it does not, in four languages, none told to
// the search. With SAVOIRS_TEST_OLLAMA, the address of an engine that has multilingual-e5-small, by meaning too. How the
// figures were fitted is told in docs/decisions/0021-answers-to-trust.md.
func TestTheShippedLibraryKnowsWhatItKnows(t *testing.T) {
	x := open(t, t.TempDir())
	if _, err := x.Add(t.Context(), "village", "Bibliothèque du village", os.DirFS("../deploy/library"), nil); err != nil {
		t.Fatal(err)
	}
	langs := []string{"fr"} // by words alone, French is all there is to go by
	host := os.Getenv("SAVOIRS_TEST_OLLAMA")
	var e rag.Embedder
	if host != "" {
		langs = []string{"fr", "en", "ht", "gcf"}
		g, err := engine.Open(t.Context(), engine.Options{Host: host, Dir: t.TempDir(), Embed: "multilingual-e5-small", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if e, _, err = g.Embedder(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if err := x.EmbedMissing(t.Context(), e, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	var on, refused, off, answered int
	for _, lang := range langs {
		var first, those, wrong, others, taken int
		for _, q := range knownQuestions(t, lang) {
			r, err := rag.Search(t.Context(), rag.Query{Text: q.Question}, e, x)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case q.Doc == "":
				others++
				if r.Known {
					taken++
					t.Logf("answered off the subject (near %v): %s (%.2f)", q.Near, q.Question, r.Confidence)
				}
			default:
				those++
				if len(r.Hits) > 0 && r.Hits[0].Doc == q.Doc {
					first++
				}
				if !r.Known {
					wrong++
					t.Logf("refused: %s (%.2f)", q.Question, r.Confidence)
				}
			}
		}
		t.Logf("%s: right document first %d of %d; refused %d; off the subject answered %d of %d", lang, first, those, wrong, taken, others)
		on, refused, off, answered = on+those, refused+wrong, off+others, answered+taken
	}
	t.Logf("refused %d of %d on the subject, answered %d of %d off it", refused, on, answered, off)
	if refused*100 > 10*on || answered*100 > 12*off {
		t.Errorf("refused %d of %d on the subject, answered %d of %d off it", refused, on, answered, off)
	}
}

func knownQuestions(t *testing.T, lang string) (questions []knownQuestion) {
	t.Helper()
	f, err := os.Open("testdata/known-questions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var q knownQuestion
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		if q.Lang == lang {
			questions = append(questions, q)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return questions
}
