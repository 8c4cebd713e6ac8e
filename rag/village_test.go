package rag_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"savoirs/rag"
)

// The library that ships with the program, asked in words alone: forty
// questions that a document answers and twenty that none does.
func TestTheShippedLibraryIsFoundByWordsAlone(t *testing.T) {
	x := open(t, t.TempDir())
	if _, err := x.Add(t.Context(), "village", "Bibliothèque du village", os.DirFS("../deploy/library"), nil); err != nil {
		t.Fatal(err)
	}
	var asked, first, among, refused, off, kept int
	for _, q := range villageQuestions(t) {
		r, err := rag.Search(t.Context(), rag.Query{Text: q.Question}, nil, x)
		if err != nil {
			t.Fatal(err)
		}
		if q.Doc == "" {
			off++
			if r.Known {
				kept++
				t.Logf("answered off the subject: %s (%.2f)", q.Question, r.Confidence)
			}
			continue
		}
		asked++
		if !r.Known {
			refused++
			t.Logf("refused: %s (%.2f)", q.Question, r.Confidence)
		}
		for i, h := range r.Hits[:min(5, len(r.Hits))] {
			if h.Doc != q.Doc {
				continue
			}
			among++
			if i == 0 {
				first++
			} else {
				t.Logf("%d: %s\n   %s > %s before %s", i+1, q.Question, r.Hits[0].Doc, r.Hits[0].Heading, q.Doc)
			}
			break
		}
	}
	t.Logf("%d questions: right document first %d, in five %d, refused %d; %d off the subject: answered %d", asked, first, among, refused, off, kept)
	if first*100 < 85*asked || among*100 < 97*asked {
		t.Errorf("right document first for %d of %d, among five for %d", first, asked, among)
	}
	if refused*100 > 5*asked || kept*100 > 10*off {
		t.Errorf("refused %d of %d on the subject, answered %d of %d off it", refused, asked, kept, off)
	}
}

type villageQuestion struct{ Question, Doc string }

// villageQuestions leaves out those that a PDF answers, which needs a child
// process to be read.
func villageQuestions(t *testing.T) (questions []villageQuestion) {
	t.Helper()
	f, err := os.Open("testdata/village-questions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var q villageQuestion
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(q.Doc, ".pdf") {
			questions = append(questions, q)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return questions
}
