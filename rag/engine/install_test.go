package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"savoirs/rag/gguf"
)

var modelRecipe = Recipe{Name: "village", Files: []string{"model.gguf"}}

func TestInstallingTwiceSendsTheFileOnce(t *testing.T) {
	f := newFakeOllama()
	e := openFake(t, f)
	fsys := files("model.gguf")
	want := digestOf(string(fsys["model.gguf"].Data))
	for range 2 {
		var last, total int64
		m, err := e.Install(t.Context(), fsys, modelRecipe, func(done, all int64) { last, total = done, all })
		if err != nil {
			t.Fatal(err)
		}
		if m.Name != "village" || m.Digest != want {
			t.Errorf("installed %s %s, want digest %s", m.Name, m.Digest, want)
		}
		if total != 2*int64(len(fsys["model.gguf"].Data)) || last == 0 {
			t.Errorf("progress %d of %d", last, total)
		}
	}
	if n := f.count("POST /api/blobs/"); n != 1 {
		t.Errorf("file sent %d times", n)
	}
	if n := f.count("POST /api/chat"); n != 2 {
		t.Errorf("tried %d times", n)
	}
	if models, _ := e.Models(t.Context()); len(models) != 1 {
		t.Errorf("models %v", names(models))
	}
}

func TestAModelThatCannotRunIsTakenBackAndTheOldOneStays(t *testing.T) {
	f := newFakeOllama()
	old := fakeModel{gguf: digestOf("old"), family: "llama"}
	f.models["village:latest"] = old
	f.chat = func(string, func(string)) (bool, string) {
		return false, "llama runner process has terminated: loras are not yet implemented"
	}
	e := openFake(t, f)
	_, err := e.Install(t.Context(), files("model.gguf"), modelRecipe, nil)
	if !errors.Is(err, ErrProbe) || !strings.Contains(err.Error(), "loras are not yet implemented") {
		t.Errorf("error %v", err)
	}
	if f.count("POST /api/create") != 1 {
		t.Error("the model was not made, so nothing was tried")
	}
	if f.models["village:latest"] != old {
		t.Error("the old model was replaced")
	}
	if len(f.models) != 1 {
		t.Errorf("left behind: %v", f.models)
	}
}

func TestAMalformedFileIsRefusedBeforeTheEngineGetsAByte(t *testing.T) {
	f := newFakeOllama()
	e := openFake(t, f)
	fsys := fstest.MapFS{"model.gguf": {Data: []byte("GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")}}
	_, err := e.Install(t.Context(), fsys, modelRecipe, nil)
	if !errors.Is(err, gguf.ErrMalformed) {
		t.Errorf("install: %v", err)
	}
	c, err := e.Check(t.Context(), fsys, modelRecipe)
	if err != nil || !errors.Is(c.Refused, gguf.ErrMalformed) {
		t.Errorf("check: %v, %v", c.Refused, err)
	}
	if n := f.count("POST /api/blobs/") + f.count("POST /api/create"); n != 0 {
		t.Errorf("%d calls with it", n)
	}
}

func TestAnAdapterGoesOnTheBaseOfItsDigest(t *testing.T) {
	f := newFakeOllama()
	f.models["other:latest"] = fakeModel{gguf: digestOf("other"), family: "llama"}
	f.models["base:latest"] = fakeModel{gguf: digestOf("base"), family: "llama"}
	f.models["changed:latest"] = fakeModel{gguf: digestOf("base"), adapter: digestOf("another"), family: "llama"}
	e := openFake(t, f)
	fsys := files("adapter.gguf")
	r := Recipe{Name: "fete", Files: []string{"adapter.gguf"}, Adapter: true, Base: digestOf("base")}

	c, err := e.Check(t.Context(), fsys, r)
	if err != nil || c.Refused != nil || c.Installed || c.Base.Name != "base" {
		t.Errorf("check: %+v, %v", c, err)
	}
	if f.has("fete") || f.count("POST /api/blobs/") != 0 {
		t.Error("checking changed something")
	}
	m, err := e.Install(t.Context(), fsys, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Base != digestOf("base") || m.Adapter != digestOf(string(fsys["adapter.gguf"].Data)) {
		t.Errorf("installed %+v", m)
	}
	if c, _ := e.Check(t.Context(), fsys, r); !c.Installed {
		t.Error("not known to be installed")
	}
}

func TestAnAdapterForAnotherBaseIsRefusedWithTheWayOut(t *testing.T) {
	f := newFakeOllama()
	f.models["qwen:latest"] = fakeModel{gguf: digestOf("qwen"), family: "qwen2"}
	e := openFake(t, f)
	fsys := files("adapter.gguf")
	for _, base := range []string{digestOf("base"), ""} {
		r := Recipe{Name: "fete", Files: []string{"adapter.gguf"}, Adapter: true, Base: base}
		_, err := e.Install(t.Context(), fsys, r, nil)
		var wrong *ErrWrongBase
		if !errors.As(err, &wrong) || wrong.Want != base || !slices.Equal(names(wrong.Have), []string{"qwen"}) {
			t.Errorf("install for base %q: %v", base, err)
		}
		if c, err := e.Check(t.Context(), fsys, r); err != nil || !errors.As(c.Refused, &wrong) {
			t.Errorf("check for base %q: %v, %v", base, c.Refused, err)
		}
	}
	if n := f.count("POST /api/blobs/") + f.count("POST /api/create"); n != 0 {
		t.Errorf("%d calls with it", n)
	}
}

func TestARecipeThatCannotBeFollowedIsRefused(t *testing.T) {
	e := openFake(t, newFakeOllama())
	fsys := files("model.gguf", "adapter.gguf", "dir/model.gguf")
	fsys["x.bin"] = &fstest.MapFile{Data: []byte("x")}
	fsys["x.json"] = &fstest.MapFile{Data: []byte("{")}
	for name, r := range map[string]Recipe{
		"no name":        {Files: []string{"model.gguf"}},
		"path as name":   {Name: "../x", Files: []string{"model.gguf"}},
		"registry":       {Name: "example.org/a/b", Files: []string{"model.gguf"}},
		"cloud name":     {Name: "x:cloud", Files: []string{"model.gguf"}},
		"trial name":     {Name: "x:savoirs-trial", Files: []string{"model.gguf"}},
		"no files":       {Name: "x"},
		"one name twice": {Name: "x", Files: []string{"model.gguf", "dir/model.gguf"}},
		"base of model":  {Name: "x", Files: []string{"model.gguf"}, Base: digestOf("x")},
		"other file":     {Name: "x", Files: []string{"x.bin"}},
		"broken JSON":    {Name: "x", Files: []string{"x.json"}},
	} {
		if _, err := e.Install(t.Context(), fsys, r, nil); !errors.Is(err, ErrBadRecipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Install(t.Context(), fsys, Recipe{Name: "x", Files: []string{"adapter.gguf"}}, nil); !errors.Is(err, ErrNotAdapter) {
		t.Errorf("an adapter as a model: %v", err)
	}
}

func TestRemovingWhatIsNotThereIsNoFault(t *testing.T) {
	f := newFakeOllama()
	f.models["village:latest"] = fakeModel{gguf: digestOf("x")}
	e := openFake(t, f)
	for range 2 {
		if err := e.Remove(t.Context(), "village"); err != nil {
			t.Error(err)
		}
	}
	if f.has("village") {
		t.Error("still there")
	}
}
