package rag_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"savoirs/rag"
	"savoirs/rag/zim/zimtest"
)

// shelf is a set with two archives, one of them broken, beside a text.
func shelf() fstest.MapFS {
	var entries []zimtest.Entry
	for i := range 20 {
		entries = append(entries, zimtest.Entry{Name: fmt.Sprintf("C/recette-%02d", i), Title: fmt.Sprintf("Recette %d", i),
			Text: fmt.Sprintf("<h1>Recette %d</h1><p>Pour la galette numéro %d, râper le manioc et le presser longtemps dans un linge.</p>", i, i)})
	}
	entries = append(entries, zimtest.Entry{Name: "C/vieux-nom", To: "C/recette-01"}, zimtest.Entry{Name: "C/vide", Text: "<p>Rien.</p>"},
		zimtest.Metadata("Language", "fra"), zimtest.Metadata("Counter", "text/html=21"))
	data := zimtest.Archive{Compression: zimtest.Zstd, Entries: entries}.Bytes()
	return fstest.MapFS{
		"recettes.zim": {Data: data}, "coupe.zim": {Data: data[:len(data)-100]},
		"note.txt": {Data: []byte("Le moulin de la coopérative ouvre le mardi matin.\n")},
	}
}

func TestTheArticlesOfAnArchiveAreDocumentsOfItsSet(t *testing.T) {
	x := open(t, t.TempDir())
	done, total := 0, 0
	report, err := x.Add(t.Context(), "s", "Étagère", shelf(), func(d, n int) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	if report.Documents != 21 || report.Unread != 1 || report.Skipped[0].Path != "coupe.zim" || report.Skipped[0].Code != "damaged" {
		t.Errorf("%+v", report)
	}
	if done != 23 || total != 23 { // 21 pages, the broken archive, the text
		t.Errorf("%d of %d", done, total)
	}
	r := search(t, rag.Query{Text: "galette numéro 7 manioc"}, nil, x)
	if len(r.Hits) == 0 || r.Hits[0].Doc != "recettes.zim/recette-07" || r.Hits[0].Lang != "fr" || r.Hits[0].Title != "Recette 7" {
		t.Errorf("%+v", r.Hits)
	}
}

func TestAnArchiveIsLeftInTheMiddleWhenTheCallerGoes(t *testing.T) {
	x := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := x.Add(ctx, "s", "", shelf(), func(done, _ int) {
		if done == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(x.Sets()) != 0 {
		t.Fatalf("%v, %v", err, x.Sets())
	}
	if r, err := x.Add(t.Context(), "s", "", shelf(), nil); err != nil || r.Documents != 21 {
		t.Errorf("%+v, %v", r, err)
	}
}
