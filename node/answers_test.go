package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag"
)

func TestAnAnswerIsKeptUntilWhatItCameFromChanges(t *testing.T) {
	dir := t.TempDir()
	o := nodetest.Options(t, dir)
	n, stop := nodetest.Run(t, o)
	folder := nodetest.Folder(t, map[string]string{"igname.md": "# L'igname\n\nL'igname se plante en mars, après les premières pluies.\n"})
	if _, err := n.Add(t.Context(), folder, node.AddOptions{Title: "Jardin"}, nil); err != nil {
		t.Fatal(err)
	}
	ask := func(q node.Question) (rag.Answer, []string) {
		t.Helper()
		var kinds []string
		a, err := n.Ask(t.Context(), q, func(e rag.Event) error { kinds = append(kinds, string(e.Kind)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return a, kinds
	}
	q := node.Question{Text: "Quand planter l'igname ?"}
	first, told := ask(q)
	if first.Kept != nil {
		t.Error("the first answer is called kept")
	}
	again, toldAgain := ask(node.Question{Text: "  quand planter  l'igname"})
	if again.Kept == nil || again.Kept.At == nil {
		t.Fatalf("asked again: %+v", again.Kept)
	}
	again.Kept = nil
	if d := cmp.Diff(first, again); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(told, toldAgain); d != "" {
		t.Errorf("told otherwise: %s", d)
	}
	for name, other := range map[string]node.Question{"fresh": {Text: q.Text, Fresh: true}, "another language": {Text: q.Text, Lang: "en"},
		"fewer sources": {Text: q.Text, Limit: 1}, "others asked": {Text: q.Text, Mesh: true}} {
		if a, _ := ask(other); a.Kept != nil {
			t.Errorf("%s: kept", name)
		}
	}
	stop()
	n, _ = nodetest.Run(t, o)
	if a, _ := ask(q); a.Kept == nil {
		t.Error("forgotten by a restart")
	}
	private, err := os.Stat(filepath.Join(dir, "answers"))
	if err != nil || private.Mode().Perm() != 0o700 {
		t.Errorf("folder of answers: %v, %v", private, err)
	}
	if err := n.ForgetAnswers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, _ := ask(q); a.Kept != nil {
		t.Error("kept after all were forgotten")
	}
	more := nodetest.Folder(t, map[string]string{"manioc.md": "# Le manioc\n\nLe manioc se plante en mai.\n"})
	if _, err := n.Add(t.Context(), more, node.AddOptions{Title: "Racines"}, nil); err != nil {
		t.Fatal(err)
	}
	if a, _ := ask(q); a.Kept != nil {
		t.Error("kept although there is a new document")
	}
}

func TestADamagedAnswerIsMadeAgainAndTheFolderIsBounded(t *testing.T) {
	dir := t.TempDir()
	n, _ := nodetest.Run(t, nodetest.Options(t, dir))
	ask := func(text string) rag.Answer {
		t.Helper()
		a, err := n.Ask(t.Context(), node.Question{Text: text}, func(rag.Event) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ask("Quand planter l'igname ?")
	files, err := filepath.Glob(filepath.Join(dir, "answers", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, damaged := range []string{"", "{", `{"answer":{}}`, strings.Repeat(" ", 1<<17)} {
		if err := os.WriteFile(files[0], []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if a := ask("Quand planter l'igname ?"); a.Kept != nil {
			t.Errorf("%.20q is taken for an answer", damaged)
		}
	}
	for i := range 505 {
		ask(fmt.Sprintf("question %d", i))
	}
	if files, _ = filepath.Glob(filepath.Join(dir, "answers", "*")); len(files) != 500 {
		t.Errorf("%d answers kept", len(files))
	}
	if a := ask("question 504"); a.Kept == nil {
		t.Error("the newest answer went")
	}
}

func BenchmarkAKeptAnswer(b *testing.B) {
	n, _ := nodetest.Run(b, nodetest.Options(b, b.TempDir()))
	if _, err := n.Add(b.Context(), filepath.Join("..", "deploy", "library"), node.AddOptions{Title: "Bibliothèque"}, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := n.Ask(b.Context(), node.Question{Text: "Que faire avant l'arrivée d'un cyclone ?"}, func(rag.Event) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
