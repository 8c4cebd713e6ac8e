package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/ollama/ollama/types/model"

	"savoirs/rag/gguf"
)

// A Recipe says how the files of an item become a model. Name and Files are required.
type Recipe struct {
	Name       string         // in the engine, "fete-de-ti-bourg" or "fete-de-ti-bourg:v2"
	Files      []string       // paths in the item: one GGUF, or safetensors with their JSON files
	Adapter    bool           // the files are a LoRA adapter for Base
	Base       string         // of an adapter: "sha256:…" of the GGUF it was trained on
	Template   string         // how a chat is written for the model; "" is what the file says
	System     string         // instructions given before every question
	Parameters map[string]any // of the engine: "num_ctx", "stop"…
}

// Errors of Check and Install about the recipe or its files.
var (
	// ErrBadRecipe: the recipe itself cannot be followed.
	ErrBadRecipe = errors.New("bad recipe")
	// ErrNotAdapter: the file of an adapter is a whole model, or the reverse, or is
	// made for models of another architecture than its base.
	ErrNotAdapter = errors.New("the file is not what the recipe says")
)

// ErrWrongBase: an adapter was trained on a model that is not here. On any other
// base the engine would accept it, then end at the first word.
type ErrWrongBase struct {
	Want string  // digest of the base the adapter names; "" when it names none
	Have []Model // the models here that an adapter could be for
}

func (e *ErrWrongBase) Error() string {
	if e.Want == "" {
		return "the adapter does not name the model it was trained on; ask its author for one that does"
	}
	var names []string
	for _, m := range e.Have {
		names = append(names, m.Name+" ("+short(m.Digest)+")")
	}
	have := "no model"
	if len(names) > 0 {
		have = strings.Join(names, ", ")
	}
	return fmt.Sprintf("the adapter is for the model %s, which is not here; here: %s; get that model first, from the mesh, a stick or a registry", short(e.Want), have)
}

// short is enough of a digest for a person to compare.
func short(digest string) string {
	return digest[:min(len(digest), len("sha256:")+12)]
}

// maxSide is the largest JSON file beside safetensors, in bytes; tokenizers take some.
const maxSide = 64 << 20

// A part is one file of a recipe, checked.
type part struct {
	path   string // in the item
	name   string // given to the engine
	digest string
	size   int64
	info   gguf.Info // of a GGUF
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// valid checks what can be known without looking at a file.
func (r Recipe) valid() error {
	name := model.ParseName(r.Name)
	switch {
	case !name.IsValid() || name.Host != model.DefaultName().Host:
		return fmt.Errorf("%w: model name %q", ErrBadRecipe, r.Name)
	case isCloud(r.Name) || isTrial(r.Name):
		return fmt.Errorf("%w: model name %q is reserved", ErrBadRecipe, r.Name)
	case len(r.Files) == 0 || len(r.Files) > 256:
		return fmt.Errorf("%w: %d files", ErrBadRecipe, len(r.Files))
	case !r.Adapter && r.Base != "":
		return fmt.Errorf("%w: a base, but no adapter", ErrBadRecipe)
	case r.Base != "" && !digestForm.MatchString(r.Base):
		return fmt.Errorf("%w: base %q is no sha256 digest", ErrBadRecipe, r.Base)
	}
	return nil
}

// parts validates every file before anything of the engine's sees it, and computes
// the digests: a blob sent under a wrong digest would stay on the engine's disk.
func (r Recipe) parts(ctx context.Context, fsys fs.FS, read func(int)) ([]part, error) {
	var parts []part
	seen := map[string]bool{}
	for _, p := range r.Files {
		name := path.Base(p)
		if seen[name] {
			return nil, fmt.Errorf("%w: two files named %s", ErrBadRecipe, name)
		}
		seen[name] = true
		got, err := r.part(ctx, fsys, p, read)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", p, err)
		}
		parts = append(parts, got)
	}
	return parts, nil
}

func (r Recipe) part(ctx context.Context, fsys fs.FS, p string, read func(int)) (part, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return part{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return part{}, err
	}
	got := part{path: p, name: path.Base(p), size: st.Size()}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return part{}, errors.New("file cannot be read at an offset")
	}
	switch strings.ToLower(path.Ext(p)) {
	case ".gguf":
		if got.info, err = gguf.Check(at, st.Size(), gguf.Limits{}); err != nil {
			return part{}, err
		}
		if err := r.kind(got.info); err != nil {
			return part{}, err
		}
	case ".safetensors":
		if _, err := gguf.CheckSafetensors(at, st.Size(), gguf.Limits{}); err != nil {
			return part{}, err
		}
	case ".json":
		text, err := io.ReadAll(io.LimitReader(f, maxSide+1))
		if err != nil {
			return part{}, err
		}
		if len(text) > maxSide || !json.Valid(text) {
			return part{}, fmt.Errorf("%w: no JSON of at most %d MiB", ErrBadRecipe, maxSide>>20)
		}
		sum := sha256.Sum256(text)
		got.digest = "sha256:" + hex.EncodeToString(sum[:])
		return got, nil
	default:
		return part{}, fmt.Errorf("%w: neither GGUF, safetensors nor JSON", ErrBadRecipe)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, counted(ctx, f, read))
	if err != nil {
		return part{}, err
	}
	if n != st.Size() {
		return part{}, fmt.Errorf("%d bytes read of %d", n, st.Size())
	}
	got.digest = "sha256:" + hex.EncodeToString(hash.Sum(nil))
	return got, nil
}

// A readFunc is a reader.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// counted tells how much is read from r, and ends with ctx.
func counted(ctx context.Context, r io.Reader, read func(int)) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		n, err := r.Read(p)
		read(n)
		return n, err
	})
}

// kind refuses a whole model where the recipe says adapter, and the reverse.
func (r Recipe) kind(info gguf.Info) error {
	want := "model"
	if r.Adapter {
		want = "adapter"
	}
	if info.Type != want {
		return fmt.Errorf("%w: it is of type %s, not %s", ErrNotAdapter, info.Type, want)
	}
	return nil
}
