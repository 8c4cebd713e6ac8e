package engine

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
)

func generate(ctx context.Context, t *testing.T, e *Engine, name string) (string, error) {
	t.Helper()
	g, _, err := e.Generator(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	err = g.Generate(ctx, rag.Prompt{User: "Que faire ?"}, func(s string) error { text.WriteString(s); return nil })
	return text.String(), err
}

func TestAnAnswerCutShortIsAnError(t *testing.T) {
	for name, words := range map[string]string{"stream ends": "", "runner ends": "llama runner process no longer running: 2"} {
		f := newFakeOllama()
		f.models["m:latest"] = fakeModel{gguf: digestOf("m")}
		e := openFake(t, f)
		f.chat = func(_ string, say func(string)) (bool, string) { say("Fermer les "); return false, words }
		text, err := generate(t.Context(), t, e, "m")
		if !errors.Is(err, ErrEngineDied) {
			t.Errorf("%s: %v", name, err)
		}
		if text != "Fermer les " {
			t.Errorf("%s: text %q", name, text)
		}
	}
}

func TestAnAnswerEndsWithItsContextAndWithItsReader(t *testing.T) {
	f := newFakeOllama()
	f.models["m:latest"] = fakeModel{gguf: digestOf("m")}
	e := openFake(t, f)
	ended := make(chan struct{})
	f.chat = func(_ string, say func(string)) (bool, string) {
		say("un")
		<-ended
		return true, ""
	}
	defer close(ended)
	g, _, err := e.Generator(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = g.Generate(ctx, rag.Prompt{User: "?"}, func(string) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrEngineDied) {
		t.Errorf("cancelled: %v", err)
	}
	enough := errors.New("enough")
	if err := g.Generate(t.Context(), rag.Prompt{User: "?"}, func(string) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("refused by the reader: %v", err)
	}
}

func TestE5TextsGetThePrefixTheyWereTrainedWith(t *testing.T) {
	f := newFakeOllama()
	f.models["multilingual-e5-small:latest"] = fakeModel{gguf: digestOf("e5"), embeds: true}
	f.models["bge:latest"] = fakeModel{gguf: digestOf("bge"), embeds: true}
	e := openFake(t, f)
	for _, c := range []struct {
		model string
		as    rag.Role
		want  string
	}{
		{"multilingual-e5-small", rag.RoleQuery, "query: eau"},
		{"multilingual-e5-small", rag.RolePassage, "passage: eau"},
		{"bge", rag.RoleQuery, "eau"},
	} {
		v, _, err := e.Embedder(t.Context(), c.model)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Embed(t.Context(), c.as, []string{"eau"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]float32{{.6, .8}}, got); diff != "" {
			t.Errorf("%s: length is not 1: %s", c.model, diff)
		}
		if diff := cmp.Diff([]string{c.want}, f.inputs[len(f.inputs)-1]); diff != "" {
			t.Errorf("%s as %s: %s", c.model, c.as, diff)
		}
	}
}

func TestManyTextsGoInSmallBatchesAndComeBackInOrder(t *testing.T) {
	f := newFakeOllama()
	f.models["v:latest"] = fakeModel{gguf: digestOf("v"), embeds: true}
	f.vector = func(text string) []float32 { return []float32{float32(len(text)), 1} }
	e := openFake(t, f)
	v, _, err := e.Embedder(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := range 70 {
		texts = append(texts, strings.Repeat("x", i+1))
	}
	texts = append(texts, strings.Repeat("x", 3*batchBytes))
	got, err := v.Embed(t.Context(), rag.RolePassage, texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, vector := range got {
		if ratio := float64(vector[0] / vector[1]); math.Abs(ratio-float64(len(texts[i]))) > .01*float64(len(texts[i])) {
			t.Errorf("vector %d is that of another text", i)
		}
	}
	for _, input := range f.inputs {
		size := len(strings.Join(input, ""))
		if len(input) > batchTexts || (len(input) > 1 && size > batchBytes) {
			t.Errorf("a call of %d texts, %d bytes", len(input), size)
		}
	}
}

func TestOneTextTakesTheShortWayUnlessItIsRefusedThere(t *testing.T) {
	f := newFakeOllama()
	f.models["v:latest"] = fakeModel{gguf: digestOf("v"), embeds: true}
	e := openFake(t, f)
	v, _, err := e.Embedder(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		texts       []string
		short, long int // calls so far
	}{
		{[]string{"eau"}, 1, 0},
		{[]string{"eau", "citerne"}, 1, 1},
		{[]string{strings.Repeat("x", fakeReads+1)}, 2, 2},
	} {
		got, err := v.Embed(t.Context(), rag.RoleQuery, c.texts)
		if err != nil || len(got) != len(c.texts) {
			t.Errorf("%d vectors for %d texts, %v", len(got), len(c.texts), err)
		}
		short := f.count("POST /api/embeddings")
		if long := f.count("POST /api/embed") - short; short != c.short || long != c.long {
			t.Errorf("%d texts: %d short calls and %d long ones, want %d and %d", len(c.texts), short, long, c.short, c.long)
		}
	}
}

func TestPassagesWaitWhileAnAnswerIsWritten(t *testing.T) {
	f := newFakeOllama()
	f.models["m:latest"] = fakeModel{gguf: digestOf("m")}
	f.models["v:latest"] = fakeModel{gguf: digestOf("v"), embeds: true}
	e := openFake(t, f)
	v, _, err := e.Embedder(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	written, passages := make(chan struct{}), make(chan error, 1)
	f.chat = func(_ string, say func(string)) (bool, string) {
		go func() {
			_, err := v.Embed(t.Context(), rag.RolePassage, []string{"passage"})
			passages <- err
		}()
		if _, err := v.Embed(t.Context(), rag.RoleQuery, []string{"question"}); err != nil {
			t.Error(err)
		}
		select {
		case <-passages:
			t.Error("passages did not wait")
		case <-time.After(200 * time.Millisecond): // four looks
		}
		close(written)
		return true, ""
	}
	if _, err := generate(t.Context(), t, e, "m"); err != nil {
		t.Fatal(err)
	}
	<-written
	if err := <-passages; err != nil {
		t.Error(err)
	}
}

func TestAVectorThatIsNoneIsRefused(t *testing.T) {
	f := newFakeOllama()
	f.models["v:latest"] = fakeModel{gguf: digestOf("v"), embeds: true}
	f.vector = func(text string) []float32 {
		switch text {
		case "zero":
			return []float32{0, 0}
		case "longer":
			return []float32{1, 2, 3}
		case "none":
			return nil
		}
		return []float32{1, 0}
	}
	e := openFake(t, f)
	v, _, err := e.Embedder(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Embed(t.Context(), rag.RoleQuery, []string{"good"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Embed(t.Context(), rag.RoleQuery, []string{"good", "zero"}); err == nil {
		t.Error("zero vector taken")
	}
	for _, text := range []string{"longer", "none"} {
		if _, err := v.Embed(t.Context(), rag.RoleQuery, []string{text}); !errors.Is(err, rag.ErrDimension) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func promptOf(question string) rag.Prompt { return rag.Prompt{User: question, MaxTokens: 4} }
