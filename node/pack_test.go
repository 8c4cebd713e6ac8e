package node_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// fakeEngine is an Ollama with one model, that embeds. It counts the passages.
type fakeEngine struct {
	embedder ragtest.Embedder
	wrong    atomic.Bool // gives all texts one vector
	broken   atomic.Bool // gives passages none
	passages atomic.Int64
	held     sync.Mutex // held while no passage is to be embedded
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct{ Input []string }
	_ = json.NewDecoder(r.Body).Decode(&q)
	answer := map[string]any{}
	switch r.URL.Path {
	case "/api/version":
		answer["version"] = "0.17.4"
	case "/api/tags":
		answer["models"] = []any{map[string]any{"name": "e5:latest", "size": 1, "digest": strings.Repeat("1", 64)}}
	case "/api/show":
		answer["modelfile"] = "FROM /blobs/sha256-" + strings.Repeat("ab", 32)
		answer["capabilities"] = []string{"embedding"}
		answer["details"] = map[string]any{"family": "bert"}
	case "/api/embed":
		if len(q.Input) > 0 && strings.HasPrefix(q.Input[0], "passage: ") {
			f.held.Lock()
			f.passages.Add(int64(len(q.Input)))
			f.held.Unlock()
			if f.broken.Load() {
				http.Error(w, "broken", http.StatusInternalServerError)
				return
			}
		}
		if f.wrong.Load() {
			for i := range q.Input {
				q.Input[i] = "autre chose"
			}
		}
		vectors, err := f.embedder.Embed(r.Context(), rag.RolePassage, q.Input)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer["embeddings"] = vectors
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// startWithEngines starts two nodes that are neighbours, each with an engine.
func startWithEngines(t *testing.T) (a, b *node.Node, ea, eb *fakeEngine) {
	t.Helper()
	engines := [2]*fakeEngine{{}, {}}
	nodes := nodetest.Start(t, 2, func(i int, o *node.Options) {
		s := httptest.NewServer(engines[i])
		t.Cleanup(s.Close)
		o.OllamaHost = s.URL
	})
	nodetest.Connect(t, nodes[0], nodes[1])
	return nodes[0], nodes[1], engines[0], engines[1]
}

var plot = map[string]string{
	"manioc.md": "Le manioc se plante en début de saison des pluies, dans une terre bien drainée.",
	"igname.md": "L'igname se plante en mars, dans une terre ameublie et bien fumée.",
	"dengue.md": "La dengue est transmise par un moustique. Videz les soucoupes.",
}

func embeddedOn(t *testing.T, n *node.Node) func() bool {
	return func() bool {
		s, err := n.Status(t.Context())
		return err == nil && s.Passages > 0 && s.Embedded == s.Passages
	}
}

// publishPacked publishes the plot on a and waits for b to hear of it and its pack.
func publishPacked(t *testing.T, a, b *node.Node) node.Item {
	t.Helper()
	it, err := a.Add(t.Context(), nodetest.Folder(t, plot), node.AddOptions{Title: "Jardin"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "all is embedded", embeddedOn(t, a))
	p, err := a.Publish(t.Context(), it.Ref, node.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the pack is heard of", func() bool {
		d, err := b.Show(t.Context(), p.Item.Root)
		return err == nil && len(d.Packs) == 1
	})
	return p.Item
}

func TestAPulledDatasetIsSearchedByItsPackWithoutEmbedding(t *testing.T) {
	a, b, _, eb := startWithEngines(t)
	it := publishPacked(t, a, b)
	eb.held.Lock() // whatever is found is found without
	if _, err := b.Pull(t.Context(), it.Ref, nil); err != nil {
		t.Fatal(err)
	}
	r, err := b.Search(t.Context(), node.Question{Text: "igname", Mode: rag.ModeBest})
	eb.held.Unlock()
	if err != nil || r.Mode != rag.ModeHybrid || r.Covered != 3 || r.Hits[0].Doc != "igname.md" {
		t.Errorf("mode %s, %d covered, %d hits, %v", r.Mode, r.Covered, len(r.Hits), err)
	}
	if l := list(t, b); len(l) != 1 {
		t.Errorf("%d items are listed", len(l))
	}
	if _, err := b.Remove(t.Context(), it.Ref); err != nil {
		t.Fatal(err)
	}
	if d, err := b.Show(t.Context(), it.Root); err != nil || d.Packs[0].Here {
		t.Errorf("the pack stays: %v %v", d.Packs, err)
	}
}

func TestAFalsePackIsRefusedAndItsAuthorShown(t *testing.T) {
	a, b, ea, _ := startWithEngines(t)
	ea.wrong.Store(true)
	it := publishPacked(t, a, b)
	if _, err := b.Pull(t.Context(), it.Ref, nil); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the author is blamed", func() bool {
		why, err := b.Why(it.Author)
		return err == nil && why[0].Count == 1 && why[0].Faults[0].Kind == p2p.FalsePack && !why[0].Banned
	})
	nodetest.Until(t, "its own vectors are made", embeddedOn(t, b))
	r, err := b.Search(t.Context(), node.Question{Text: "Quand planter l'igname ?", Mode: rag.ModeDense})
	if err != nil || r.Hits[0].Doc != "igname.md" {
		t.Errorf("%v, %v", r.Hits, err)
	}
}

func TestAPackThatComesLaterIsUsedWhereVectorsLack(t *testing.T) {
	a, b, ea, eb := startWithEngines(t)
	ea.held.Lock()
	eb.broken.Store(true)
	it, err := a.Add(t.Context(), nodetest.Folder(t, plot), node.AddOptions{Title: "Jardin"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Publish(t.Context(), it.Ref, node.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the dataset is heard of", func() bool {
		_, err := b.Show(t.Context(), p.Item.Root)
		return err == nil
	})
	if _, err := b.Pull(t.Context(), p.Item.Root, nil); err != nil {
		t.Fatal(err)
	}
	if embeddedOn(t, b)() {
		t.Fatal("there are vectors before the pack")
	}
	ea.held.Unlock()
	nodetest.Until(t, "the vectors of the pack are there", embeddedOn(t, b))
}

func TestNoPackIsPublishedWhereAPersonRefused(t *testing.T) {
	a, b, _, _ := startWithEngines(t)
	it, err := a.Add(t.Context(), nodetest.Folder(t, plot), node.AddOptions{Title: "Jardin"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "all is embedded", embeddedOn(t, a))
	p, err := a.Publish(t.Context(), it.Ref, node.PublishOptions{NoPack: true})
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.Add(t.Context(), nodetest.Folder(t, map[string]string{"a.md": "Un autre jeu de savoirs, avec son index."}), node.AddOptions{Title: "Autre"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := a.Publish(t.Context(), other.Ref, node.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the pack of the other is published", func() bool {
		d, err := b.Show(t.Context(), q.Item.Root)
		return err == nil && len(d.Packs) == 1
	})
	if d, err := b.Show(t.Context(), p.Item.Root); err != nil || len(d.Packs) != 0 {
		t.Errorf("packs %v, %v", d.Packs, err)
	}
}
