package rag_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// packed returns the pack of a set of files, as another node makes it.
func packed(t *testing.T, set string, files map[string]string, e *ragtest.Embedder) fstest.MapFS {
	t.Helper()
	x := open(t, t.TempDir())
	add(t, x, set, files)
	embed(t, x, e)
	dir := t.TempDir()
	if _, err := x.WritePack(t.Context(), set, dir); err != nil {
		t.Fatal(err)
	}
	pack := fstest.MapFS{}
	for _, name := range []string{"pack.json", "passages", "vectors", "codes"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		pack[name] = &fstest.MapFile{Data: b}
	}
	return pack
}

var origin = rag.PackOrigin{Root: "pack", Author: "author"}

func TestAPackMakesASetSearchableWithoutOneEmbeddingCall(t *testing.T) {
	pack := packed(t, "v", village(), &ragtest.Embedder{})
	x := open(t, t.TempDir())
	add(t, x, "w", numbered(3))
	e := &ragtest.Embedder{}
	embed(t, x, e)
	before := len(e.Texts(rag.RolePassage))
	if _, err := x.AddPack(t.Context(), "v", "Village", folder(village()), pack, origin); err != nil {
		t.Fatal(err)
	}
	r := search(t, rag.Query{Text: "quand planter l'igname", Mode: rag.ModeDense, In: []string{"v"}}, e, x)
	if r.Mode != rag.ModeDense || len(r.Hits) == 0 || r.Hits[0].Doc != "igname.txt" || r.Covered != 5 {
		t.Errorf("mode %s, %d covered, hits %v", r.Mode, r.Covered, docs(r))
	}
	if n := len(e.Texts(rag.RolePassage)); n != before {
		t.Errorf("%d passages embedded", n-before)
	}
	own := open(t, t.TempDir())
	add(t, own, "v", village())
	for i := range 5 {
		a, errA := x.Passage("v", i)
		b, errB := own.Passage("v", i)
		if d := cmp.Diff(a, b); errors.Join(errA, errB) != nil || d != "" {
			t.Errorf("passage %d: %v %v %s", i, errA, errB, d)
		}
	}
}

func TestASetThatIsHereGetsTheVectorsOfItsPack(t *testing.T) {
	pack := packed(t, "v", village(), &ragtest.Embedder{})
	dir := t.TempDir()
	x := open(t, dir)
	e := &ragtest.Embedder{}
	embed(t, x, e)
	add(t, x, "v", village())
	if _, err := x.AddPack(t.Context(), "v", "", folder(village()), pack, origin); err != nil {
		t.Fatal(err)
	}
	if n := embedded(t, x, "v"); n != 5 {
		t.Errorf("%d vectors", n)
	}
	x.Close()
	x = open(t, dir)
	embed(t, x, e)
	if n := len(e.Texts(rag.RolePassage)); n != 5 { // the sample, and nothing else
		t.Errorf("%d passages embedded", n)
	}
	embed(t, x, &ragtest.Embedder{Calls: 2}) // it was tried: only the world and the strangers, of a new process, are asked
}

func TestAPackWithVectorsOfSomethingElseIsFoundOutAndItsAuthorNamed(t *testing.T) {
	turned := village()
	for name := range turned {
		turned[name] = "Un autre texte, de " + name
	}
	pack, other := packed(t, "v", village(), &ragtest.Embedder{}), packed(t, "v", turned, &ragtest.Embedder{})
	pack["vectors"], pack["codes"] = other["vectors"], other["codes"]
	x := open(t, t.TempDir())
	if _, err := x.AddPack(t.Context(), "v", "", folder(village()), pack, origin); err != nil {
		t.Fatal(err)
	}
	e := &ragtest.Embedder{}
	err := x.EmbedMissing(t.Context(), e, nil, nil)
	var lie *rag.PackError
	if !errors.As(err, &lie) || lie.Origin != origin || lie.Set != "v" || !errors.Is(err, rag.ErrFalsePack) {
		t.Fatalf("EmbedMissing returned %v", err)
	}
	if n := embedded(t, x, "v"); n != 0 {
		t.Errorf("%d vectors are left", n)
	}
	embed(t, x, e)
	if r := search(t, rag.Query{Text: "quand planter l'igname", Mode: rag.ModeDense}, e, x); docs(r)[0] != "igname.txt" {
		t.Errorf("hits %v", docs(r))
	}
}

func TestAPackWithNineVectorsOfFortyFalseIsAlwaysFoundOut(t *testing.T) {
	turned := numbered(40)
	for i := range 9 {
		turned[fmt.Sprintf("%03d.txt", 4*i)] = fmt.Sprint("Un autre texte que le sien : ", i)
	}
	pack, other := packed(t, "v", numbered(40), &ragtest.Embedder{}), packed(t, "v", turned, &ragtest.Embedder{})
	pack["vectors"], pack["codes"] = other["vectors"], other["codes"]
	x := open(t, t.TempDir())
	if _, err := x.AddPack(t.Context(), "v", "", folder(numbered(40)), pack, origin); err != nil {
		t.Fatal(err)
	}
	e := &ragtest.Embedder{} // thirty-two are tried: one of the nine is among them
	if err := x.EmbedMissing(t.Context(), e, nil, nil); !errors.Is(err, rag.ErrFalsePack) {
		t.Fatalf("EmbedMissing returned %v", err)
	}
	embed(t, x, e)
	if n := len(e.Texts(rag.RolePassage)); n < 40 {
		t.Errorf("%d texts embedded: vectors of a false pack were kept", n)
	}
}

func TestVectorsThatCameInAPackArePassedOnWhenTheyWereTriedAndNotBefore(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "w", numbered(3))
	embed(t, x, &ragtest.Embedder{})
	if _, err := x.AddPack(t.Context(), "v", "", folder(village()), packed(t, "v", village(), &ragtest.Embedder{}), origin); err != nil {
		t.Fatal(err)
	}
	if _, err := x.WritePack(t.Context(), "v", t.TempDir()); !errors.Is(err, rag.ErrNotEmbedded) {
		t.Errorf("before: %v", err)
	}
	embed(t, x, &ragtest.Embedder{})
	if _, err := x.WritePack(t.Context(), "v", t.TempDir()); err != nil {
		t.Errorf("after: %v", err)
	}
}

func TestAPackIsNotMadeBeforeAllPassagesHaveTheirVector(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", numbered(40))
	if err := x.EmbedMissing(t.Context(), &ragtest.Embedder{Calls: 4}, nil, nil); err == nil {
		t.Fatal("all are embedded: this test would prove nothing")
	}
	if n := embedded(t, x, "v"); n == 0 || n == 40 {
		t.Fatalf("%d are embedded: this test would prove nothing", n)
	}
	if _, err := x.WritePack(t.Context(), "v", t.TempDir()); !errors.Is(err, rag.ErrNotEmbedded) {
		t.Errorf("WritePack returned %v", err)
	}
}

// Of an archive's articles no sample is taken, so their pack is not believed.
func TestNoPackOfAnArchiveIsTaken(t *testing.T) {
	files := folder(village())
	files["recettes.zim"] = &fstest.MapFile{Data: []byte("ZIM")}
	x := open(t, t.TempDir())
	_, err := x.AddPack(t.Context(), "v", "", files, packed(t, "v", village(), &ragtest.Embedder{}), origin)
	if _, here := x.Set("v"); !errors.Is(err, rag.ErrOtherPack) || here {
		t.Errorf("AddPack returned %v, the set is there: %v", err, here)
	}
}

// signed makes a file of vectors good for its checksums, whatever was changed in it.
func signed(b []byte, dim int) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	for at := 512; at < len(b); at += dim + 8 {
		body := b[at : at+dim+4]
		binary.LittleEndian.PutUint32(b[at+dim+4:], crc32.Checksum(body, table))
	}
	return b
}

func TestAPackThatLiesIsRefusedWhole(t *testing.T) {
	const dim = 64
	lines := func(f func(lines []string) []string) func(fstest.MapFS) {
		return func(p fstest.MapFS) {
			p["passages"].Data = []byte(strings.Join(f(strings.Split(strings.TrimSuffix(string(p["passages"].Data), "\n"), "\n")), "\n") + "\n")
		}
	}
	stamp := func(f func(*rag.PackStamp)) func(fstest.MapFS) {
		return func(p fstest.MapFS) {
			var s rag.PackStamp
			if err := json.Unmarshal(p["pack.json"].Data, &s); err != nil {
				t.Fatal(err)
			}
			f(&s)
			p["pack.json"].Data, _ = json.Marshal(s)
		}
	}
	for name, c := range map[string]struct {
		spoil func(fstest.MapFS)
		want  error
	}{
		"another text":           {lines(func(l []string) []string { l[1] = strings.Replace(l[1], "moustique", "moustaque", 1); return l }), rag.ErrFalsePack},
		"a document hidden":      {lines(func(l []string) []string { return l[1:] }), rag.ErrFalsePack},
		"a document that is not": {lines(func(l []string) []string { l[1] = strings.Replace(l[1], "dengue.txt", "dingue.txt", 1); return l }), rag.ErrFalsePack},
		"documents exchanged":    {lines(func(l []string) []string { l[0], l[1] = l[1], l[0]; return l }), rag.ErrFalsePack},
		"no JSON":                {lines(func(l []string) []string { l[2] = "{"; return l }), rag.ErrFalsePack},
		"a hidden character":     {lines(func(l []string) []string { l[2] = strings.Replace(l[2], "école", "éco\u202ele", 1); return l }), rag.ErrFalsePack},
		"an endless line":        {func(p fstest.MapFS) { p["passages"].Data = []byte(strings.Repeat("x", 2<<20)) }, rag.ErrFalsePack},
		"no vectors":             {func(p fstest.MapFS) { delete(p, "vectors") }, rag.ErrFalsePack},
		"a vector less":          {func(p fstest.MapFS) { p["vectors"].Data = p["vectors"].Data[:512+4*(dim+8)] }, rag.ErrFalsePack},
		"a vector more":          {func(p fstest.MapFS) { p["vectors"].Data = append(p["vectors"].Data, make([]byte, dim+8)...) }, rag.ErrFalsePack},
		"a vector of great length": {func(p fstest.MapFS) {
			b := p["vectors"].Data
			binary.LittleEndian.PutUint32(b[512+dim:], math.Float32bits(1e9))
			signed(b, dim)
		}, rag.ErrFalsePack},
		"a vector of no length": {func(p fstest.MapFS) { clear(p["vectors"].Data[512 : 512+dim]); signed(p["vectors"].Data, dim) }, rag.ErrFalsePack},
		"a vector of NaN": {func(p fstest.MapFS) {
			binary.LittleEndian.PutUint32(p["vectors"].Data[512+dim:], math.Float32bits(float32(math.NaN())))
			signed(p["vectors"].Data, dim)
		}, rag.ErrFalsePack},
		"a torn vector":            {func(p fstest.MapFS) { p["vectors"].Data[600] ^= 1 }, rag.ErrFalsePack},
		"another sign code":        {func(p fstest.MapFS) { p["codes"].Data[len(p["codes"].Data)-3] ^= 1 }, rag.ErrFalsePack},
		"codes cut":                {func(p fstest.MapFS) { p["codes"].Data = p["codes"].Data[:40] }, rag.ErrFalsePack},
		"a count beyond reason":    {stamp(func(s *rag.PackStamp) { s.Passages = 1 << 40 }), rag.ErrFalsePack},
		"components beyond reason": {stamp(func(s *rag.PackStamp) { s.Dim = 1 << 30 }), rag.ErrFalsePack},
		"vectors of another model": {stamp(func(s *rag.PackStamp) { s.Model = "sha256:other" }), rag.ErrFalsePack},
		"no stamp":                 {func(p fstest.MapFS) { delete(p, "pack.json") }, rag.ErrFalsePack},
		"another dataset":          {stamp(func(s *rag.PackStamp) { s.Base = "w" }), rag.ErrOtherPack},
		"another splitter":         {stamp(func(s *rag.PackStamp) { s.Splitter++ }), rag.ErrOtherPack},
		"a later version":          {stamp(func(s *rag.PackStamp) { s.V++ }), rag.ErrOtherPack},
	} {
		for here := range 2 {
			t.Run(fmt.Sprintf("%s, here %d", name, here), func(t *testing.T) {
				pack := packed(t, "v", village(), &ragtest.Embedder{})
				c.spoil(pack)
				x := open(t, t.TempDir())
				if here == 1 {
					add(t, x, "v", village())
				}
				_, err := x.AddPack(t.Context(), "v", "", folder(village()), pack, origin)
				if !errors.Is(err, c.want) {
					t.Fatalf("AddPack returned %v", err)
				}
				if _, ok := x.Set("v"); ok != (here == 1) {
					t.Errorf("the set is there: %v", ok)
				}
				if r := search(t, rag.Query{Text: "moustique"}, nil, x); len(r.Hits) != here {
					t.Errorf("hits %v", docs(r))
				}
			})
		}
	}
}

func TestVectorsAreNeverMadeTwice(t *testing.T) {
	dir := t.TempDir()
	cache := rag.NewVectorCache(filepath.Join(dir, "vectors"), 0)
	opened := func(space string) *rag.Index {
		x, err := rag.Open(rag.Options{Dir: filepath.Join(dir, space), Vectors: cache})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.Close() })
		return x
	}
	private := opened("private")
	e := &ragtest.Embedder{}
	add(t, private, "v", numbered(20))
	embed(t, private, e)
	if err := private.Drop("v"); err != nil {
		t.Fatal(err)
	}
	add(t, private, "v", numbered(20)) // added again
	embed(t, private, e)
	mesh := opened("mesh")
	newer := numbered(20)
	newer["new.txt"] = "Un document de plus dans la nouvelle version."
	add(t, mesh, "v2", newer) // a new version, in another space
	embed(t, mesh, e)
	if n := len(e.Texts(rag.RolePassage)); n != 21 {
		t.Errorf("%d texts embedded, want 21", n)
	}
	other := &ragtest.Embedder{Digest: "sha256:other"}
	embed(t, mesh, other)
	if n := len(other.Texts(rag.RolePassage)); n != 21 {
		t.Errorf("%d texts embedded by another model, want 21", n)
	}
	if r := search(t, rag.Query{Text: "sujet 7919", Mode: rag.ModeDense}, other, mesh); r.Hits[0].Doc != "001.txt" {
		t.Errorf("hits %v", docs(r))
	}
}

func TestTheOldestVectorsAreForgottenFirst(t *testing.T) {
	dir := t.TempDir()
	const most = 40 << 10
	x, err := rag.Open(rag.Options{Dir: filepath.Join(dir, "x"), Vectors: rag.NewVectorCache(filepath.Join(dir, "vectors"), most)})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	e := &ragtest.Embedder{}
	for i := range 20 {
		files := map[string]string{}
		for j := range 40 {
			files[fmt.Sprintf("%d.txt", j)] = fmt.Sprintf("Le document numéro %d de la série %d.", j, i)
		}
		set := fmt.Sprint("s", i)
		add(t, x, set, files)
		embed(t, x, e)
		if err := x.Drop(set); err != nil {
			t.Fatal(err)
		}
	}
	var size int64
	entries, err := os.ReadDir(filepath.Join(dir, "vectors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range entries {
		st, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size()
	}
	if size > most+most/8 || size < most/2 {
		t.Errorf("%d bytes are kept of at most %d", size, most)
	}
	again := func(series int) int {
		before := len(e.Texts(rag.RolePassage))
		add(t, x, "again", map[string]string{"0.txt": fmt.Sprintf("Le document numéro 0 de la série %d.", series)})
		embed(t, x, e)
		if err := x.Drop("again"); err != nil {
			t.Fatal(err)
		}
		return len(e.Texts(rag.RolePassage)) - before
	}
	if again(19) != 0 || again(0) != 1 {
		t.Error("the newest is forgotten, or the oldest is not")
	}
}

func TestADamagedCacheCostsItsVectorsOnly(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	e := &ragtest.Embedder{}
	add(t, x, "v", numbered(20))
	embed(t, x, e)
	files, err := filepath.Glob(filepath.Join(dir, "vectors", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-5*84] ^= 1 // 84 bytes an entry of 64 components
	if err := os.WriteFile(files[0], b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := x.Drop("v"); err != nil {
		t.Fatal(err)
	}
	add(t, x, "v", numbered(20))
	embed(t, x, e)
	if n := len(e.Texts(rag.RolePassage)); n != 25 {
		t.Errorf("%d texts embedded, want 20 and the 5 from the damage on", n)
	}
}

// asked is an Embedder that a question comes to while it works, the first time.
type asked struct {
	ragtest.Embedder
	question chan struct{}
}

func (a *asked) Embed(ctx context.Context, as rag.Role, texts []string) ([][]float32, error) {
	if as == rag.RolePassage && a.question != nil {
		close(a.question)
		a.question = nil
		<-ctx.Done() // as an engine that is hung up on
		return nil, ctx.Err()
	}
	return a.Embedder.Embed(ctx, as, texts)
}

func TestACallIsGivenUpForAQuestionAndMadeAgainSmaller(t *testing.T) {
	x := open(t, t.TempDir())
	add(t, x, "v", numbered(20))
	e := &asked{question: make(chan struct{})}
	question, yields := e.question, 0
	turn := func(ctx context.Context, work func(context.Context) error) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-question:
				cancel()
			case <-ctx.Done():
			}
		}()
		err := work(ctx)
		if err != nil && ctx.Err() != nil {
			yields++
			question = nil
			return rag.ErrYielded
		}
		return err
	}
	if err := x.EmbedMissing(t.Context(), e, turn, nil); err != nil {
		t.Fatal(err)
	}
	if n := embedded(t, x, "v"); n != 20 || yields != 1 {
		t.Errorf("%d vectors, %d calls given up", n, yields)
	}
}

func FuzzPack(f *testing.F) {
	x, err := rag.Open(rag.Options{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	defer x.Close()
	files := map[string]string{"a.txt": "Le manioc se plante en saison des pluies.", "b.txt": "La dengue vient d'un moustique."}
	if _, err := x.Add(f.Context(), "v", "", folder(files), nil); err != nil {
		f.Fatal(err)
	}
	if err := x.EmbedMissing(f.Context(), &ragtest.Embedder{}, nil, nil); err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	if _, err := x.WritePack(f.Context(), "v", dir); err != nil {
		f.Fatal(err)
	}
	var seed [][]byte
	for _, name := range []string{"pack.json", "passages", "vectors", "codes"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		seed = append(seed, b)
	}
	f.Add(seed[0], seed[1], seed[2], seed[3])
	f.Add([]byte("{}"), []byte("{}\n"), []byte("svrsvec1"), []byte("svrscod1"))
	f.Add(seed[0], seed[1][:40], seed[2][:520], seed[3][:16])
	f.Add([]byte(`{"v":1,"base":"v","splitter":1,"model":"m","dim":8192,"passages":4194304,"bytes":1}`), seed[1], seed[2], seed[3])
	to, err := rag.Open(rag.Options{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	defer to.Close()
	f.Fuzz(func(t *testing.T, stamp, passages, vectors, codes []byte) {
		rag.ParseCodes(codes)
		pack := fstest.MapFS{"pack.json": {Data: stamp}, "passages": {Data: passages}, "vectors": {Data: vectors}, "codes": {Data: codes}}
		if _, err := to.AddPack(t.Context(), "v", "", folder(files), pack, origin); err != nil {
			if _, ok := to.Set("v"); ok {
				t.Errorf("refused, and there: %v", err)
			}
			return
		}
		if err := to.Drop("v"); err != nil {
			t.Error(err)
		}
	})
}
