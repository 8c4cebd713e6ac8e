package engine

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(models []Model) []string {
	var n []string
	for _, m := range models {
		n = append(n, m.Name)
	}
	return n
}

func TestModelsThatRunElsewhereAreLeftOutAndNeverUsed(t *testing.T) {
	f := newFakeOllama()
	f.models["here:latest"] = fakeModel{gguf: digestOf("here"), family: "llama"}
	f.models["gpt-oss:120b-cloud"] = fakeModel{gguf: digestOf("a")}
	f.models["kimi:cloud"] = fakeModel{gguf: digestOf("b")}
	f.models["model:latest"] = fakeModel{gguf: digestOf("c"), remoteModel: "model"}
	f.models["host:latest"] = fakeModel{gguf: digestOf("d"), remoteHost: "https://ollama.com:443"}
	f.models["hidden:latest"] = fakeModel{gguf: digestOf("e"), showsHost: "https://ollama.com:443"}
	e := openFake(t, f)

	models, err := e.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"here"}, names(models)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"gpt-oss:120b-cloud", "kimi:cloud", "model", "host", "hidden"} {
		if _, _, err := e.Generator(t.Context(), name); !errors.Is(err, ErrNoModel) && !errors.Is(err, ErrRemoteModel) {
			t.Errorf("generator %s: %v", name, err)
		}
		if err := e.Probe(t.Context(), name); !errors.Is(err, ErrNoModel) && !errors.Is(err, ErrRemoteModel) {
			t.Errorf("probe %s: %v", name, err)
		}
	}
	if n := f.count("POST /api/chat"); n != 0 {
		t.Errorf("%d chats with them", n)
	}
}

func TestAModelIsNamedByTheDigestsOfItsFiles(t *testing.T) {
	f := newFakeOllama()
	f.models["fete:v1"] = fakeModel{gguf: digestOf("base"), adapter: digestOf("adapter"), family: "llama"}
	e := openFake(t, f)
	models, err := e.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Model{{
		Name: "fete:v1", Digest: digestOf("base"), Base: digestOf("base"), Adapter: digestOf("adapter"),
		Family: "llama", Parameters: "1B", Size: 7, Chats: true,
	}}
	if diff := cmp.Diff(want, models); diff != "" {
		t.Error(diff)
	}
}

func TestTheModelChosenIsThePreferredElseTheLargestWithoutAdapter(t *testing.T) {
	f := newFakeOllama()
	f.models["small:1"] = fakeModel{gguf: digestOf("small")} // the fake's size is the length of the name
	f.models["larger:1"] = fakeModel{gguf: digestOf("larger")}
	f.models["with-adapter:1"] = fakeModel{gguf: digestOf("larger"), adapter: digestOf("adapter")}
	f.models["all-minilm-larger-than-any:1"] = fakeModel{gguf: digestOf("minilm"), embeds: true}
	f.models["vectors:1"] = fakeModel{gguf: digestOf("vectors"), embeds: true}
	e := openFake(t, f)

	chosen := func(name string) string {
		_, m, err := e.Generator(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return m.Name
	}
	if got := chosen(""); got != "larger:1" {
		t.Errorf("without a name: %s", got)
	}
	e.opts.Chat = "small:1"
	if got := chosen(""); got != "small:1" {
		t.Errorf("preferred: %s", got)
	}
	if got := chosen("with-adapter:1"); got != "with-adapter:1" {
		t.Errorf("by name: %s", got)
	}
	e.opts.Chat = "gone"
	if got := chosen(""); got != "larger:1" {
		t.Errorf("preferred but gone: %s", got)
	}
	if _, _, err := e.Generator(t.Context(), "vectors:1"); !errors.Is(err, ErrNoModel) {
		t.Errorf("a model that makes vectors was taken for text: %v", err)
	}
	_, m, err := e.Embedder(t.Context(), "")
	if err != nil || m.Name != "vectors:1" {
		t.Errorf("for vectors: %s, %v", m.Name, err)
	}
	f.mu.Lock()
	f.models["multilingual-e5:1"] = fakeModel{gguf: digestOf("e5"), embeds: true}
	f.models["vectors-larger-than-the-others:1"] = fakeModel{gguf: digestOf("larger vectors"), embeds: true}
	f.mu.Unlock()
	_, m, err = e.Embedder(t.Context(), "")
	if err != nil || m.Name != "multilingual-e5:1" {
		t.Errorf("for vectors, with e5: %s, %v", m.Name, err)
	}
}

func TestWithoutAnEngineThereAreNoModelsAndThatIsNoFault(t *testing.T) {
	e, err := Open(t.Context(), Options{Host: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if e.Kind() != KindNone {
		t.Errorf("kind %q", e.Kind())
	}
	if models, err := e.Models(t.Context()); err != nil || len(models) != 0 {
		t.Errorf("models %v, %v", models, err)
	}
	if _, _, err := e.Generator(t.Context(), ""); !errors.Is(err, ErrNoModel) {
		t.Errorf("generator: %v", err)
	}
	if _, _, err := e.Embedder(t.Context(), "x"); !errors.Is(err, ErrNoModel) {
		t.Errorf("embedder: %v", err)
	}
	if err := e.Probe(t.Context(), "x"); !errors.Is(err, ErrNoModel) {
		t.Errorf("probe: %v", err)
	}
	if _, err := e.Install(t.Context(), files("m.gguf"), Recipe{Name: "m", Files: []string{"m.gguf"}}, nil); !errors.Is(err, ErrNoModel) {
		t.Errorf("install: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestTextInAModelfileIsNotTakenForItsFiles(t *testing.T) {
	base, adapter, forged := digestOf("base"), digestOf("adapter"), digestOf("forged")
	blob := func(d string) string { return "/a b/blobs/sha256-" + d[len("sha256:"):] }
	for name, c := range map[string]struct{ file, base, adapter string }{
		"model":          {"# FROM x\n\nFROM " + blob(base) + "\nTEMPLATE x\n", base, ""},
		"adapter":        {"FROM " + blob(base) + "\nADAPTER \"" + blob(adapter) + "\"\nSYSTEM x\n", base, adapter},
		"projector":      {"FROM " + blob(base) + "\nFROM " + blob(forged) + "\n", base, ""},
		"forged adapter": {"FROM " + blob(base) + "\nTEMPLATE \"\"\"\nADAPTER " + blob(forged) + "\n\"\"\"\n", base, ""},
		"no file":        {"FROM llama3\nTEMPLATE x\nFROM " + blob(forged) + "\n", "", ""},
		"short name":     {"FROM /blobs/sha256-12\n", "", ""},
	} {
		gotBase, gotAdapter := layers(c.file)
		if gotBase != c.base || gotAdapter != c.adapter {
			t.Errorf("%s: base %q, adapter %q", name, gotBase, gotAdapter)
		}
	}
}

func FuzzLayers(f *testing.F) {
	f.Add("# x\n\nFROM /b/" + "sha256-" + digestOf("a")[7:] + "\nADAPTER \"/b/sha256-" + digestOf("b")[7:] + "\"\nSYSTEM x")
	f.Add("FROM\nFROM  \"\nADAPTER")
	f.Add("FROM sha256:" + digestOf("a")[7:])
	f.Fuzz(func(t *testing.T, file string) {
		base, adapter := layers(file)
		for _, d := range []string{base, adapter} {
			if d != "" && !digestForm.MatchString(d) {
				t.Errorf("%q is no digest", d)
			}
		}
		if adapter != "" && base == "" {
			t.Error("an adapter on nothing")
		}
	})
}
