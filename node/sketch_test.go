package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"savoirs/rag"
	"savoirs/rag/ragtest"
	"savoirs/store"
	"savoirs/store/catalog"
)

// crowd is so many short documents.
func crowd(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		files[fmt.Sprintf("%d.txt", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("La parcelle %d donne des ignames en janvier.", i))}
	}
	return files
}

// running is a node with options o, until stop is called.
func running(t *testing.T, o Options) (n *Node, stop func()) {
	t.Helper()
	o.Listen, o.OllamaHost, o.Pace = []string{"/ip4/127.0.0.1/tcp/0"}, "none", 20*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	n, err := Open(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	return n, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

// until waits for a state, at most 20 seconds.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !reached() {
		select {
		case <-deadline:
			t.Fatalf("20 s passed without: %s", what)
		case <-look.C:
		}
	}
}

func TestASketchToldBeforeTheVectorsWereThereIsToldAgainWithThem(t *testing.T) {
	dir, docs := t.TempDir(), t.TempDir()
	if _, err := Init(dir); err != nil {
		t.Fatal(err)
	}
	for name, f := range crowd(12) {
		if err := os.WriteFile(filepath.Join(docs, name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := func(n *Node) (number uint64, s *rag.Sketch) {
		for e, err := range n.catalog.Offers() {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == catalog.Dataset {
				s, _ = rag.ParseSketch(e.Sketch) // none yet: it is told later
				number = e.Seq
			}
		}
		return number, s
	}
	n, stop := running(t, Options{Dir: dir})
	it, err := n.Add(t.Context(), docs, AddOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "its passages are made", func() bool { _, there := n.indexes[store.Private].Set(it.Root); return there })
	if _, err := n.Publish(t.Context(), it.Ref, PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	var s *rag.Sketch
	until(t, "its words are told of", func() bool { _, s = told(n); return s != nil })
	if s.Model != "" || len(s.Centroids) != 0 || s.Passages() != 12 {
		t.Errorf("without a model it is told of model %q, %d centroids, %d passages", s.Model, len(s.Centroids), s.Passages())
	}
	stop()

	e := &ragtest.Embedder{Size: 64}
	n, stop = running(t, Options{Dir: dir, Embedder: e})
	defer stop()
	var number uint64
	until(t, "the vectors are told of", func() bool { number, s = told(n); return s != nil && s.Model == e.Model() })
	if len(s.Centroids) == 0 {
		t.Error("no centroids are told")
	}
	if err := n.sketchAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, _ := told(n); again != number {
		t.Error("it is told again what was said already")
	}
}
