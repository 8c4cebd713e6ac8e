package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
)

func TestWhatAPeerFoundIsRead(t *testing.T) {
	found, index, err := parsePeer([]byte(`{"index_s": 0.5}
{"query": "q1", "docs": ["b", "a"], "ms": 2}
{"query": "q2", "docs": [], "ms": 1}
`))
	want := []rag.Ranking{{Query: "q1", Docs: []string{"b", "a"}, Took: 2 * time.Millisecond}, {Query: "q2", Docs: []string{}, Took: time.Millisecond}}
	if diff := cmp.Diff(want, found); diff != "" || err != nil || index != 500*time.Millisecond {
		t.Errorf("%s, %v, %v", diff, index, err)
	}
	for _, out := range []string{"", `{"index_s": 1}`, `{"query": 3}`} {
		if _, _, err := parsePeer([]byte(out)); err == nil {
			t.Errorf("%q is taken for an answer", out)
		}
	}
}

func TestQuestionsLoseTheirAccentsAndNothingElse(t *testing.T) {
	if got := withoutAccents("Où est l'œuf de Noël, à 12 € ?"); got != "Ou est l'oeuf de Noel, a 12 € ?" {
		t.Errorf("got %q", got)
	}
}

func TestCollectionsOfOneSubjectInTwoLanguagesCross(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"en-xquad", "es-xquad", "fr-faq"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "qrels.tsv"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := (&ragBench{eval: dir}).collections()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range append(all, crossings(all)...) {
		names = append(names, c.name)
	}
	if diff := cmp.Diff([]string{"en-xquad", "es-xquad", "fr-faq", "es-en-xquad", "en-es-xquad"}, names); diff != "" {
		t.Error(diff)
	}
}
