package rag_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// collection writes a small BEIR-style folder.
func collection(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{
		"corpus.jsonl": `{"_id": "d/1", "title": "Igname", "text": "L'igname se plante en mars."}
{"_id": "d2", "title": "", "text": "Le gombo se sème en avril, loin des ignames."}
{"_id": "d3", "title": "", "text": "La banane aime l'eau et le fumier."}
`,
		"queries.jsonl": `{"_id": "q1", "text": "Quand planter l'igname ?"}
{"_id": "q2", "text": "Que faut-il aux bananes ?"}
{"_id": "q3", "text": "Personne n'a jugé celle-ci"}
`,
		"qrels.tsv": "query-id\tcorpus-id\tscore\nq1\td/1\t1\nq1\td2\t2\nq2\td3\t1\nq2\td2\t0\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvalScoresByGradesAndLeavesNothingBehind(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s, err := rag.Eval(t.Context(), collection(t, nil), rag.EvalOptions{Mode: rag.ModeLexical})
	if err != nil {
		t.Fatal(err)
	}
	// q1 finds d/1 (grade 1) before d2 (grade 2); q2 finds d3 first
	dcg, ideal := 1+2/math.Log2(3), 2+1/math.Log2(3)
	if want := (dcg/ideal + 1) / 2; math.Abs(s.NDCG10-want) > 1e-9 {
		t.Errorf("nDCG@10 %.4f, want %.4f", s.NDCG10, want)
	}
	if s.Recall5 != 1 || s.MRR10 != 1 || s.Queries != 2 || s.Mode != rag.ModeLexical || s.P95 < s.P50 || s.P50 <= 0 {
		t.Errorf("scores %+v", s)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEvalIsHybridWithAnEmbedderAndSamplesTheSameTwice(t *testing.T) {
	dir := collection(t, map[string]string{"other.jsonl": `{"_id": "q1", "text": "Igname ?"}` + "\n"})
	e := &ragtest.Embedder{}
	s, err := rag.Eval(t.Context(), dir, rag.EvalOptions{Embedder: e})
	if err != nil || s.Mode != rag.ModeHybrid {
		t.Errorf("scores %+v, %v", s, err)
	}
	var asked []string
	for range 2 {
		e := &ragtest.Embedder{}
		if _, err := rag.Eval(t.Context(), dir, rag.EvalOptions{Embedder: e, Sample: 1, Seed: 5}); err != nil {
			t.Fatal(err)
		}
		all := e.Texts(rag.RoleQuery)
		asked = append(asked, all[len(all)-1])
	}
	if asked[0] != asked[1] {
		t.Errorf("samples of one seed: %q", asked)
	}
	if s, err := rag.Eval(t.Context(), dir, rag.EvalOptions{Queries: "other.jsonl"}); err != nil || s.Queries != 1 {
		t.Errorf("other queries: %+v, %v", s, err)
	}
}

func TestEvalNamesTheLineThatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"corpus":       {"corpus.jsonl", "{\"_id\": \"a\"}\n{", "corpus.jsonl line 2"},
		"no id":        {"queries.jsonl", "{\"text\": \"?\"}\n", "queries.jsonl line 1"},
		"qrels":        {"qrels.tsv", "q\td\ts\nq1\td2\tmany\n", "qrels.tsv line 2"},
		"columns":      {"qrels.tsv", "q1 d2 1\n", "qrels.tsv line 1"},
		"no judgement": {"qrels.tsv", "q\td\ts\n", "no query has a judgement"},
	} {
		if _, err := rag.Eval(t.Context(), collection(t, map[string]string{c.file: c.text}), rag.EvalOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rag.Eval(t.Context(), t.TempDir(), rag.EvalOptions{}); err == nil {
		t.Error("an empty folder was scored")
	}
}
