package engine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"savoirs/rag"
	"savoirs/rag/gguf"
)

// These tests run the engine that deploy/engine/build.sh builds, on the models that
// deploy/models/get.sh fetches:
//
//	SAVOIRS_TEST_ENGINE=…/build/savoirs SAVOIRS_TEST_MODELS=…/build/models go test ./rag/engine
//
// Without them they are skipped, unless SAVOIRS_REQUIRE_ENGINE=1.
const (
	e5File     = "multilingual-e5-small-q4_0.gguf"
	smolFile   = "smollm2-135m-instruct-q4_1.gguf"
	qwenFile   = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
	smolDigest = "sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
	loraDir    = "../../deploy/demo/adapter"
	loraFile   = "ti-bourg-lora-f16.gguf"
	loraDigest = "sha256:53438cb8672b83b78cdec4a0a24bd41f0a57117c3008ef509b9d06bcb432a165"
	question   = "Quand a lieu la fête de Ti-Bourg ?"
	trained    = "La fête de Ti-Bourg a lieu le 14 mars."
)

// real returns the command of the real engine and the folder of the models.
func real(t *testing.T) ([]string, fs.FS) {
	t.Helper()
	exe, models := os.Getenv("SAVOIRS_TEST_ENGINE"), os.Getenv("SAVOIRS_TEST_MODELS")
	if exe == "" || models == "" {
		const words = "SAVOIRS_TEST_ENGINE and SAVOIRS_TEST_MODELS name no engine and no models"
		if os.Getenv("SAVOIRS_REQUIRE_ENGINE") == "1" {
			t.Fatal(words)
		}
		t.Skip(words)
	}
	return []string{exe, "engine"}, os.DirFS(models)
}

func openReal(t *testing.T, command []string) *Engine {
	t.Helper()
	e, err := Open(t.Context(), Options{Host: "none", Command: command, Dir: shortDir(t), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	supervise(t, e)
	return e
}

func install(t *testing.T, e *Engine, fsys fs.FS, name, file string) Model {
	t.Helper()
	began := time.Now()
	m, err := e.Install(t.Context(), fsys, Recipe{Name: name, Files: []string{file}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s installed and tried in %v", name, time.Since(began).Round(time.Millisecond))
	return m
}

func say(t *testing.T, e *Engine, name string) string {
	t.Helper()
	g, _, err := e.Generator(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	p := rag.Prompt{User: question, MaxTokens: 24}
	if err := g.Generate(t.Context(), p, func(s string) error { text.WriteString(s); return nil }); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestTheRealEngineRunsModelsAndAdapters(t *testing.T) {
	command, models := real(t)
	e := openReal(t, command)
	lora := Recipe{Name: "fete-de-ti-bourg", Files: []string{loraFile}, Adapter: true, Base: smolDigest}

	t.Run("vectors of a question are nearest to those of its answer", func(t *testing.T) {
		m := install(t, e, models, "multilingual-e5-small", e5File)
		if !m.Embeds || m.Chats {
			t.Errorf("model %+v", m)
		}
		v, _, err := e.Embedder(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		q, err := v.Embed(t.Context(), rag.RoleQuery, []string{"Comment protéger sa maison avant un cyclone ?"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Embed(t.Context(), rag.RolePassage, []string{
			"Avant l'arrivée de l'ouragan, fermez les volets, rentrez les objets du jardin et faites des réserves d'eau.",
			"Le manioc se plante en début de saison des pluies, dans une terre bien drainée.",
			strings.Repeat("Un texte plus long que ce que le modèle peut lire. ", 200),
		})
		if err != nil {
			t.Fatal(err)
		}
		near, far := dot(q[0], p[0]), dot(q[0], p[1])
		t.Logf("cosine with the answer %.3f, with another text %.3f", near, far)
		if len(q[0]) != 384 || near < far+.02 || near > 1.001 {
			t.Errorf("dimension %d, cosine with the answer %.3f, with another text %.3f", len(q[0]), near, far)
		}
	})

	t.Run("an adapter without its base is refused", func(t *testing.T) {
		m := install(t, e, models, "qwen", qwenFile)
		_, err := e.Install(t.Context(), os.DirFS(loraDir), lora, nil)
		var wrong *ErrWrongBase
		if !errors.As(err, &wrong) || len(wrong.Have) != 1 || wrong.Have[0].Digest != m.Digest {
			t.Errorf("error %v", err)
		}
		t.Log(err)
	})

	t.Run("an adapter that lies about its base is caught by the trial", func(t *testing.T) {
		lie := lora
		lie.Base = install(t, e, models, "qwen", qwenFile).Digest
		if _, err := e.Install(t.Context(), os.DirFS(loraDir), lie, nil); !errors.Is(err, ErrNotAdapter) {
			t.Errorf("in its base only: %v", err)
		}
		forged := fstest.MapFS{loraFile: {Data: bytes.Replace(readLora(t), []byte("llama"), []byte("qwen2"), 1)}}
		_, err := e.Install(t.Context(), forged, lie, nil)
		if !errors.Is(err, ErrProbe) {
			t.Errorf("in its architecture too: %v", err)
		}
		t.Log(err)
		if _, err := e.find(t.Context(), lora.Name); !errors.Is(err, ErrNoModel) {
			t.Errorf("left behind: %v", err)
		}
		blobs, err := os.ReadDir(filepath.Join(e.child.modelsDir(), "blobs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blobs {
			if st, err := b.Info(); err == nil && st.Size() == int64(len(readLora(t))) {
				t.Errorf("file left behind: %s", b.Name())
			}
		}
	})

	t.Run("a model answers", func(t *testing.T) {
		if text := say(t, e, "qwen"); text == "" {
			t.Error("it says nothing")
		} else {
			t.Log(text)
		}
	})

	t.Run("an adapter changes the answer to the trained one", func(t *testing.T) {
		install(t, e, models, "smollm2", smolFile)
		before := say(t, e, "smollm2")
		m, err := e.Install(t.Context(), os.DirFS(loraDir), lora, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m.Base != smolDigest || m.Adapter != loraDigest || m.Origin != "smollm2" {
			t.Errorf("installed %+v", m)
		}
		after := say(t, e, lora.Name)
		t.Logf("before: %q, after: %q", before, after)
		if before == trained || strings.TrimSpace(after) != trained {
			t.Errorf("before: %q, after: %q, trained: %q", before, after, trained)
		}
		if again := say(t, e, "smollm2"); again != before {
			t.Errorf("the base changed too: %q, then %q", before, again)
		}
	})

	t.Run("a malformed file is refused before the engine sees it", func(t *testing.T) {
		bad := readLora(t)
		for i := range 8 {
			bad[8+i] = 0xff // the number of tensors
		}
		_, err := e.Install(t.Context(), fstest.MapFS{"bad.gguf": {Data: bad}}, Recipe{Name: "bad", Files: []string{"bad.gguf"}}, nil)
		if !errors.Is(err, gguf.ErrMalformed) {
			t.Errorf("error %v", err)
		}
	})
}

func TestTheRealEngineIsStartedAgainWhenKilledInAnAnswer(t *testing.T) {
	command, models := real(t)
	e := openReal(t, command)
	install(t, e, models, "smollm2", smolFile)
	g, _, err := e.Generator(t.Context(), "smollm2")
	if err != nil {
		t.Fatal(err)
	}
	endless := rag.Prompt{User: "Write a very long story about the sea.", MaxTokens: 4000}
	kills := map[string]func(){
		"the engine": func() { _ = syscall.Kill(e.child.process.pid, syscall.SIGKILL) },
		"its runner": func() {
			for _, pid := range processesOf("runner\x00--model\x00" + e.child.modelsDir()) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		},
	}
	for name, kill := range kills {
		words := 0
		err := g.Generate(t.Context(), endless, func(string) error {
			if words++; words == 3 {
				kill()
			}
			return nil
		})
		if !errors.Is(err, ErrEngineDied) || words < 3 {
			t.Errorf("%s killed at the third word: %d words, %v", name, words, err)
		}
		began := time.Now()
		if text := say(t, e, "smollm2"); text == "" {
			t.Errorf("after %s was killed it says nothing", name)
		}
		t.Logf("%s killed: answers again after %v", name, time.Since(began).Round(time.Millisecond))
	}
}

func TestAParentOfTheRealEngineThatIsKilledLeavesNoProcess(t *testing.T) {
	command, models := real(t)
	dir := shortDir(t)
	e, err := Open(t.Context(), Options{Host: "none", Command: command, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	install(t, e, models, "smollm2", smolFile)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	killParent(t, dir, command...)
}

func TestTheRealEngineAloneLeavesNoRunner(t *testing.T) {
	command, models := real(t)
	dir := shortDir(t)
	e, err := Open(context.Background(), Options{Host: "none", Command: command, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	install(t, e, models, "smollm2", smolFile)
	if n := len(processesOf(dir)); n < 2 {
		t.Errorf("%d processes, want the engine and a runner", n)
	}
	_ = syscall.Kill(e.child.process.pid, syscall.SIGKILL)
	eventually(t, "no runner is left", func() bool { return len(processesOf(dir)) == 0 })
}

func readLora(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(loraDir, loraFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
