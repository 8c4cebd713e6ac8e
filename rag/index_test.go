package rag_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag"
	"savoirs/rag/ragtest"
)

func open(t testing.TB, dir string) *rag.Index {
	t.Helper()
	x, err := rag.Open(rag.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func add(t *testing.T, x *rag.Index, set string, files map[string]string) rag.Report {
	t.Helper()
	r, err := x.Add(t.Context(), set, "titre de "+set, folder(files), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// village is a small library in French.
func village() map[string]string {
	return map[string]string{
		"cyclone.txt": "Que faire avant l'arrivée d'un cyclone ? Faites des réserves d'eau et de conserves, rentrez tout ce que le vent peut emporter et écoutez la radio.",
		"igname.txt":  "L'igname se plante en mars, dans une terre ameublie et bien fumée. On la récolte dix mois plus tard, quand le feuillage jaunit.",
		"dengue.txt":  "La dengue est transmise par un moustique. Videz les soucoupes, couvrez la citerne et dormez sous une moustiquaire.",
		"ecole.txt":   "L'école Marie ouvre à sept heures trente. La cantine sert un repas chaud aux élèves inscrits par leurs parents.",
		"marche.txt":  "Le marché se tient le samedi matin sur la place de l'église. Les pêcheurs y vendent leur poisson jusqu'à midi.",
	}
}

func search(t *testing.T, q rag.Query, e rag.Embedder, xs ...*rag.Index) rag.Results {
	t.Helper()
	r, err := rag.Search(t.Context(), q, e, xs...)
	if err != nil {
		t.Fatalf("search %q: %v", q.Text, err)
	}
	return r
}

func docs(r rag.Results) (names []string) {
	for _, h := range r.Hits {
		names = append(names, h.Doc)
	}
	return names
}

func embed(t *testing.T, x *rag.Index, e rag.Embedder) {
	t.Helper()
	if err := x.EmbedMissing(t.Context(), e, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAddingASetTwiceChangesNothing(t *testing.T) {
	x := open(t, t.TempDir())
	first := add(t, x, "v", village())
	second := add(t, x, "v", map[string]string{"autre.txt": "Un autre texte."})
	if d := cmp.Diff(first, second); d != "" {
		t.Error(d)
	}
	if n := len(search(t, rag.Query{Text: "igname"}, nil, x).Hits); n != 1 {
		t.Errorf("%d passages about igname, want 1", n)
	}
}

func TestWhatCannotBeReadIsNamedAndTheRestIsFound(t *testing.T) {
	x := open(t, t.TempDir())
	files := village()
	files["vide.txt"], files["casse.docx"], files[".cache.txt"], files["photo.jpg"] = " \n", "not a zip", "igname", "igname"
	files[".git/igname.txt"] = "igname"
	r := add(t, x, "v", files)
	var skipped []string
	for _, s := range r.Skipped {
		skipped = append(skipped, s.Path+" "+s.Code)
	}
	if want := []string{"casse.docx damaged", "vide.txt no_text"}; r.Documents != 5 || r.Unread != 2 || !cmp.Equal(skipped, want) {
		t.Errorf("report %+v", r)
	}
	if got := docs(search(t, rag.Query{Text: "igname"}, nil, x)); !cmp.Equal(got, []string{"igname.txt"}) {
		t.Errorf("igname found in %v", got)
	}
}

func TestASetNameThatIsAPathIsRefused(t *testing.T) {
	x := open(t, t.TempDir())
	for _, name := range []string{"", "..", "a/b", ".hidden", strings.Repeat("a", 129)} {
		if _, err := x.Add(t.Context(), name, "", folder(village()), nil); err == nil {
			t.Errorf("Add took the name %q", name)
		}
		if err := x.Drop(name); err == nil {
			t.Errorf("Drop took the name %q", name)
		}
	}
}

func TestDroppingRemovesEverythingForGood(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	add(t, x, "v", village())
	add(t, x, "w", map[string]string{"igname.txt": "L'igname portugaise se mange bouillie."})
	e := &ragtest.Embedder{}
	embed(t, x, e)
	if err := x.Drop("v"); err != nil {
		t.Fatal(err)
	}
	check := func(x *rag.Index) {
		t.Helper()
		for _, mode := range []rag.Mode{rag.ModeLexical, rag.ModeDense, rag.ModeHybrid} {
			r := search(t, rag.Query{Text: "igname cyclone dengue", Mode: mode}, e, x)
			if len(r.Hits) != 1 || r.Hits[0].Set != "w" || r.Total != 1 {
				t.Errorf("%s: hits %v of %d", mode, docs(r), r.Total)
			}
		}
		if _, ok := x.Set("v"); ok {
			t.Error("the set is still listed")
		}
	}
	check(x)
	if _, err := x.Passage("v", 0); !errors.Is(err, rag.ErrNotFound) {
		t.Errorf("passage of a dropped set: %v", err)
	}
	x.Close()
	check(open(t, dir))
	if _, err := os.Stat(filepath.Join(dir, "sets", "v")); !errors.Is(err, os.ErrNotExist) {
		t.Error("files are left behind")
	}
	if err := open(t, t.TempDir()).Drop("never"); err != nil {
		t.Errorf("dropping what is not there: %v", err)
	}
}

func TestADroppedSetNoLongerWeighsOnTheOthers(t *testing.T) {
	fresh, used := open(t, t.TempDir()), open(t, t.TempDir())
	add(t, used, "gone", village())
	add(t, used, "kept", numbered(9))
	if err := used.Drop("gone"); err != nil {
		t.Fatal(err)
	}
	add(t, fresh, "kept", numbered(9))
	q := rag.Query{Text: "document numéro 3 sur la place du marché"}
	if d := cmp.Diff(search(t, q, nil, fresh), search(t, q, nil, used)); d != "" {
		t.Error(d)
	}
}

func TestASetMovesWithItsVectorsAndIsNotEmbeddedAgain(t *testing.T) {
	private, mesh := open(t, t.TempDir()), open(t, t.TempDir())
	add(t, private, "v", village())
	add(t, mesh, "m", numbered(3))
	e := &ragtest.Embedder{}
	embed(t, private, e)
	embed(t, mesh, e)
	before := len(e.Texts(rag.RolePassage))
	if err := private.Move("v", mesh); err != nil {
		t.Fatal(err)
	}
	if len(private.Sets()) != 0 || len(search(t, rag.Query{Text: "igname"}, nil, private).Hits) != 0 {
		t.Error("the private index still has it")
	}
	embed(t, mesh, e)
	if n := len(e.Texts(rag.RolePassage)); n != before {
		t.Errorf("%d passages embedded again", n-before)
	}
	r := search(t, rag.Query{Text: "Quand planter l'igname ?"}, e, mesh)
	if r.Mode != rag.ModeHybrid || r.Covered != r.Total || r.Hits[0].Doc != "igname.txt" {
		t.Errorf("results %+v", r)
	}
	if err := private.Move("v", mesh); err != nil {
		t.Errorf("moving again after it has moved: %v", err)
	}
	if err := private.Move("never", mesh); !errors.Is(err, rag.ErrNotFound) {
		t.Errorf("moving what is not there: %v", err)
	}
}

func TestAnIndexIsRebuiltFromItsPassages(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"lexical gone": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "lexical")) },
		"lexical damaged": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "lexical", "index_meta.json"), []byte("{"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := open(t, dir)
			add(t, x, "v", village())
			want := search(t, rag.Query{Text: "arrivée du cyclone"}, nil, x)
			x.Close()
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			got := search(t, rag.Query{Text: "arrivée du cyclone"}, nil, open(t, dir))
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestADamagedSetIsNoticedAndRedone(t *testing.T) {
	flip := func(name string, at int64) func(string) error {
		return func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "sets", "v", name), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			b := []byte{0}
			f.ReadAt(b, at)
			b[0] ^= 0x55
			f.WriteAt(b, at)
			return f.Close()
		}
	}
	cut := func(name string) func(string) error {
		return func(dir string) error { return os.Truncate(filepath.Join(dir, "sets", "v", name), 40) }
	}
	for name, damage := range map[string]func(string) error{
		"a bit of a passage": flip("passages", 60),
		"a bit of a place":   flip("passages.idx", 9),
		"passages cut":       cut("passages"),
		"places cut":         cut("passages.idx"),
		"marker not JSON": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "sets", "v", "set.json"), []byte("{"), 0o600)
		},
		"marker gone":        func(dir string) error { return os.Remove(filepath.Join(dir, "sets", "v", "set.json")) },
		"passages file gone": func(dir string) error { return os.Remove(filepath.Join(dir, "sets", "v", "passages")) },
		"folder of a stranger": func(dir string) error {
			return os.Rename(filepath.Join(dir, "sets", "v"), filepath.Join(dir, "sets", "w"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := open(t, dir)
			add(t, x, "v", village())
			x.Close()
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			x = open(t, dir)
			for n := range 5 { // reading is when a flipped bit shows
				x.Passage("v", n)
			}
			if sets := x.Sets(); len(sets) != 0 {
				t.Fatalf("still offered: %+v", sets)
			}
			if r := search(t, rag.Query{Text: "cyclone"}, nil, x); len(r.Hits) != 0 {
				t.Errorf("found in a forgotten set: %v", docs(r))
			}
			add(t, x, "v", village())
			if got := docs(search(t, rag.Query{Text: "cyclone"}, nil, x)); !cmp.Equal(got, []string{"cyclone.txt"}) {
				t.Errorf("after adding it again: %v", got)
			}
		})
	}
}

func TestADamagedPassageIsLeftOutOfTheResults(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	add(t, x, "v", village())
	add(t, x, "w", map[string]string{"w.txt": "Un autre cyclone, une autre année."})
	f, err := os.OpenFile(filepath.Join(dir, "sets", "v", "passages"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("#"), 60)
	f.Close()
	if got := docs(search(t, rag.Query{Text: "cyclone"}, nil, x)); !cmp.Equal(got, []string{"w.txt"}) {
		t.Errorf("found %v", got)
	}
	if _, ok := x.Set("v"); ok {
		t.Error("the damaged set is still offered")
	}
}

func TestAnAddThatIsCancelledLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := x.Add(ctx, "v", "", folder(village()), func(done, total int) {
		if done == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Add returned %v", err)
	}
	if len(x.Sets()) != 0 || len(search(t, rag.Query{Text: "igname"}, nil, x).Hits) != 0 {
		t.Error("something of it is offered")
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "sets")); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

func TestLanguagesAreDeclaredDetectedOrLeftOpenButNeverMerged(t *testing.T) {
	x := open(t, t.TempDir())
	long := func(s string) string { return strings.Repeat(s+" ", 5) }
	add(t, x, "v", map[string]string{
		"fr.txt":        long("Le jardin créole nourrit la famille toute l'année, avec ses ignames et ses bananes."),
		"en.txt":        long("The garden feeds the whole family through the year with yams and bananas from the hill."),
		"ht.txt":        long("Jaden an bay fanmi an manje pandan tout ane a, ak yanm ak bannann ki nan mòn nan, se konsa moun yo ap viv."),
		"gcf.txt":       long("Jaden-la ka ba fanmi-la manjé tout lanné-la, épi ignam é bannann ka pousé asi mòn-la, sé konsa nou ka viv."),
		"declared.html": "<html lang='gcf'><body><p>Dlo ka koulé.</p></body></html>",
		"court.txt":     "Igname, banane.",
	})
	got := map[string]string{}
	for n := range 6 {
		p, err := x.Passage("v", n)
		if err != nil {
			t.Fatal(err)
		}
		got[p.Doc] = p.Lang
	}
	want := map[string]string{"fr.txt": "fr", "en.txt": "en", "ht.txt": "ht", "gcf.txt": "gcf", "declared.html": "gcf", "court.txt": ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestIndexingIsTheSameTwice(t *testing.T) {
	var all [2][]byte
	for i := range all {
		dir := t.TempDir()
		files := map[string]string{}
		for n := range 20 {
			files[fmt.Sprintf("%02d.txt", n)] = fmt.Sprintf("Document numéro %d de la bibliothèque.", n)
		}
		add(t, open(t, dir), "v", files)
		var err error
		if all[i], err = os.ReadFile(filepath.Join(dir, "sets", "v", "passages")); err != nil {
			t.Fatal(err)
		}
	}
	if string(all[0]) != string(all[1]) {
		t.Error("the same folder gave different passages")
	}
}
