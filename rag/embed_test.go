package rag_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// numbered is a set of n different documents of one passage each.
func numbered(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("%03d.txt", i)] = fmt.Sprintf("Le document numéro %d parle du sujet %d.", i, i*7919)
	}
	return files
}

func embedded(t *testing.T, x *rag.Index, set string) int {
	t.Helper()
	info, ok := x.Set(set)
	if !ok {
		t.Fatalf("no set %s", set)
	}
	return info.Embedded
}

func TestEmbeddingGoesOnAtTheBatchWhereItStopped(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	add(t, x, "v", numbered(30))
	failing := &ragtest.Embedder{Calls: 3}
	if err := x.EmbedMissing(t.Context(), failing, nil, nil); !errors.Is(err, ragtest.ErrScripted) {
		t.Fatalf("EmbedMissing returned %v", err)
	}
	done := embedded(t, x, "v")
	if done == 0 || done != len(failing.Texts(rag.RolePassage)) {
		t.Fatalf("%d vectors kept of %d made", done, len(failing.Texts(rag.RolePassage)))
	}
	x.Close()

	x = open(t, dir)
	if n := embedded(t, x, "v"); n != done {
		t.Fatalf("%d vectors after reopening, want %d", n, done)
	}
	e := &ragtest.Embedder{}
	embed(t, x, e)
	if n := len(e.Texts(rag.RolePassage)); n != 30-done {
		t.Errorf("%d texts embedded, want the %d missing", n, 30-done)
	}
	if n := embedded(t, x, "v"); n != 30 {
		t.Errorf("%d vectors in the end", n)
	}
}

func TestQuestionsGoFirstAndProgressIsTold(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", numbered(20))
	e := &ragtest.Embedder{}
	calls, last := 0, 0
	err := x.EmbedMissing(t.Context(), e, func(ctx context.Context, work func(context.Context) error) error { calls++; return work(ctx) }, func(done, total int) {
		if done <= last || total != 20 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil || calls < 2 || last != 20 {
		t.Errorf("err %v, yielded %d times, last progress %d", err, calls, last)
	}
	stop := errors.New("stop")
	add(t, x, "w", numbered(21))
	if err := x.EmbedMissing(t.Context(), e, func(context.Context, func(context.Context) error) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("yield refused and EmbedMissing returned %v", err)
	}
}

func TestAPassageThatReadsTheSameIsEmbeddedOnce(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", map[string]string{"a.txt": "Le manioc se râpe.", "b.txt": "Le manioc se râpe.", "c.txt": "Le gombo se cuit."})
	e := &ragtest.Embedder{}
	embed(t, x, e)
	add(t, x, "w", map[string]string{"d.txt": "Le gombo se cuit.", "e.txt": "Le giraumon se garde."})
	embed(t, x, e)
	want := []string{"Le manioc se râpe.", "Le gombo se cuit.", "Le giraumon se garde."}
	if d := cmp.Diff(want, e.Texts(rag.RolePassage)); d != "" {
		t.Error(d)
	}
	r := search(t, rag.Query{Text: "Le gombo se cuit.", Mode: rag.ModeDense}, e, x)
	if len(r.Hits) < 2 || r.Hits[0].Dense != r.Hits[1].Dense || r.Hits[0].Text != r.Hits[1].Text {
		t.Errorf("hits %+v", r.Hits)
	}
}

func TestAnotherModelStartsItsOwnVectors(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	add(t, x, "v", numbered(5))
	one, two := &ragtest.Embedder{}, &ragtest.Embedder{Digest: "sha256:0123456789abcdef0123", Size: 32}
	embed(t, x, one)
	r := search(t, rag.Query{Text: "numéro 3"}, two, x)
	if r.Mode != rag.ModeLexical || r.Covered != 0 {
		t.Errorf("vectors of another model were used: %+v", r)
	}
	embed(t, x, two)
	if info, _ := x.Set("v"); info.Model != two.Model() || info.Embedded != 5 {
		t.Errorf("set %+v", info)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "sets", "v", "vectors-*"))
	if len(files) != 2 {
		t.Errorf("vector files %v", files)
	}
	if r := search(t, rag.Query{Text: "numéro 3"}, one, x); r.Covered != 5 { // the first are still there
		t.Errorf("covered %d", r.Covered)
	}
}

// shifty gives vectors of another length at each call.
type shifty struct {
	ragtest.Embedder
	size int
}

func (s *shifty) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	s.size++
	s.Embedder.Size = s.size
	return s.Embedder.Embed(ctx, as, texts)
}

// silent gives no vectors at all.
type silent struct{ ragtest.Embedder }

func (*silent) Embed(context.Context, rag.Role, []string) ([][]float32, error) { return nil, nil }

func TestAWrongDimensionIsRefused(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", numbered(30))
	if err := x.EmbedMissing(t.Context(), &shifty{}, nil, nil); !errors.Is(err, rag.ErrDimension) {
		t.Errorf("growing vectors: %v", err)
	}
	if err := x.EmbedMissing(t.Context(), &silent{}, nil, nil); !errors.Is(err, rag.ErrDimension) {
		t.Errorf("no vectors: %v", err)
	}
	other := &ragtest.Embedder{Digest: "sha256:other"}
	embed(t, x, other)
	if _, err := rag.Search(t.Context(), rag.Query{Text: "sujet", Mode: rag.ModeDense}, &shifty{Embedder: ragtest.Embedder{Digest: "sha256:other"}}, x); !errors.Is(err, rag.ErrDimension) {
		t.Errorf("a question of another dimension: %v", err)
	}
}

func TestDamagedVectorsAreMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"a bit in the middle": func(file string) error {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			f.WriteAt([]byte{0x77}, 512+72*11+5)
			return f.Close()
		},
		"a torn end":  func(file string) error { return os.Truncate(file, 512+72*20-3) },
		"header gone": func(file string) error { return os.WriteFile(file, []byte("x"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := open(t, dir)
			add(t, x, "v", numbered(20))
			e := &ragtest.Embedder{}
			embed(t, x, e)
			want := search(t, rag.Query{Text: "document numéro 7"}, e, x)
			x.Close()
			files, _ := filepath.Glob(filepath.Join(dir, "sets", "v", "vectors-*"))
			if err := errors.Join(damage(files[0]), os.RemoveAll(filepath.Join(dir, "vectors"))); err != nil {
				t.Fatal(err)
			}
			x = open(t, dir)
			again := &ragtest.Embedder{}
			embed(t, x, again)
			if n := len(again.Texts(rag.RolePassage)); n == 0 {
				t.Error("nothing was embedded again")
			}
			if d := cmp.Diff(want, search(t, rag.Query{Text: "document numéro 7"}, e, x)); d != "" {
				t.Error(d)
			}
		})
	}
}

// dropper drops the set that is being embedded.
type dropper struct {
	ragtest.Embedder
	x *rag.Index
}

func (d *dropper) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	if err := d.x.Drop("v"); err != nil {
		return nil, err
	}
	return d.Embedder.Embed(ctx, as, texts)
}

func TestASetMayBeDroppedWhileItIsEmbedded(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", numbered(20))
	add(t, x, "w", numbered(9))
	e := &dropper{x: x}
	embed(t, x, e)
	if sets := x.Sets(); len(sets) != 1 || sets[0].Set != "w" || sets[0].Embedded != 9 {
		t.Errorf("sets %+v", sets)
	}
}
