package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag"
)

// withEngine gives a node the real engine and the folder of the test models.
// SAVOIRS_TEST_ENGINE is a binary built with the engine, SAVOIRS_TEST_MODELS
// the folder; without them the test is skipped, which with
// SAVOIRS_REQUIRE_ENGINE=1 is a failure.
func withEngine(t *testing.T) (edit func(int, *node.Options), models string) {
	t.Helper()
	binary, models := os.Getenv("SAVOIRS_TEST_ENGINE"), os.Getenv("SAVOIRS_TEST_MODELS")
	if binary == "" || models == "" {
		if os.Getenv("SAVOIRS_REQUIRE_ENGINE") == "1" {
			t.Fatal("SAVOIRS_TEST_ENGINE and SAVOIRS_TEST_MODELS are not set")
		}
		t.Skip("no real engine: SAVOIRS_TEST_ENGINE and SAVOIRS_TEST_MODELS are not set")
	}
	return func(_ int, o *node.Options) { o.Engine = []string{binary, "engine"} }, models
}

func TestTheRealModelAnswersFromTheLibraryAndCitesIt(t *testing.T) {
	engine, models := withEngine(t)
	n := nodetest.Start(t, 1, engine)[0]
	importModel(t, n, "qwen", filepath.Join(models, "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"))
	if _, err := n.Add(t.Context(), "../deploy/library", node.AddOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	var streamed strings.Builder
	sourcesFirst := false
	a, err := n.Ask(t.Context(), node.Question{Text: "Que faire avant l'arrivée d'un cyclone ?"}, func(e rag.Event) error {
		switch e.Kind {
		case rag.EventSources:
			sourcesFirst = streamed.Len() == 0 && len(e.Sources) > 0
		case rag.EventText:
			streamed.WriteString(e.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("answer: %s", a.Text)
	if !sourcesFirst || streamed.String() != a.Text {
		t.Errorf("sources first: %v; streamed %q", sourcesFirst, streamed.String())
	}
	if !a.Known || !strings.Contains(a.Text, "[1]") || a.Lang != "fr" || a.Model == "" {
		t.Errorf("answer: %+v", a)
	}
	for _, c := range a.Citations {
		if !strings.HasPrefix(c.Doc, "cyclones/") {
			t.Errorf("the answer rests on %s", c.Doc)
		}
	}
	off, err := n.Ask(t.Context(), node.Question{Text: "Quel est le score du match de football d'hier soir ?"}, func(rag.Event) error { return nil })
	if err != nil || off.Known {
		t.Errorf("a question off the subject: known %v, %v, %q", off.Known, err, off.Text)
	}
}

func TestAPulledAdapterChangesTheAnswerOfTheBaseModel(t *testing.T) {
	engine, models := withEngine(t)
	a := nodetest.Start(t, 1)[0]
	b := nodetest.Start(t, 1, engine)[0]
	nodetest.Connect(t, a, b)
	item, err := a.ImportAdapter(t.Context(), "../deploy/demo/adapter", node.ImportOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context(), item.Ref, node.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	waitForOffer(t, b, item.Root)
	pulled, err := b.Pull(t.Context(), item.Root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.CheckAdapter(t.Context(), pulled.Ref); err == nil {
		t.Error("an adapter without its base model passed the check")
	} else if reason, args := node.ReasonOf(err); reason != node.WrongBase || args["want"] == "" {
		t.Errorf("reason %s, %v", reason, args)
	}
	importModel(t, b, "smollm2", filepath.Join(models, "smollm2-135m-instruct-q4_1.gguf"))
	const fact = "14 mars"
	if before := alone(t, b, "smollm2"); strings.Contains(before, fact) {
		t.Fatalf("the base model knew already: %s", before)
	}
	if after := alone(t, b, pulled.Ref); !strings.Contains(after, fact) {
		t.Errorf("with the adapter: %s", after)
	}
}

func importModel(t *testing.T, n *node.Node, title, path string) {
	t.Helper()
	if _, err := n.ImportModel(t.Context(), path, node.ImportOptions{Title: title, InPlace: true}, nil); err != nil {
		t.Fatal(err)
	}
}

// alone uses a model and asks it, without the library, about the village feast.
func alone(t *testing.T, n *node.Node, ref string) string {
	t.Helper()
	if _, err := n.UseModel(t.Context(), ref, nil); err != nil {
		t.Fatal(err)
	}
	a, err := n.Ask(t.Context(), node.Question{Text: "Quand a lieu la fête de Ti-Bourg ?", Alone: true}, func(rag.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return a.Text
}
