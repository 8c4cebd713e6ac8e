package extract

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag/zim"
	"savoirs/rag/zim/zimtest"
)

// wikiPage is a page as MediaWiki and the tools that make archives write it.
const wikiPage = `<!doctype html><html lang="en"><head><title>Manioc</title></head><body class="mw-body">
<div id="siteSub">Un article de Wikipédia</div><h1>Manioc</h1>
<div class="bandeau-container homonymie">Pour les articles homonymes, voir Manioc (homonymie).</div>
<table class="infobox"><caption>Manioc</caption><tr><th>Famille</th><td>Euphorbiaceae</td></tr><tr><th>Récolte</th><td>8 à 18 mois</td></tr></table>
<p>Le <b>manioc</b> est un arbuste<sup class="reference"><a href="#1">[1]</a></sup> dont on mange les racines.</p>
<div id="toc" class="toc"><h2>Sommaire</h2><ul><li>1 Culture</li></ul></div>
<h2>Culture<span class="mw-editsection">[modifier]</span></h2><p>On le plante en avril, par boutures.</p>
<h2>Notes et références</h2><div class="mw-references-wrap"><ol class="references"><li>Un livre.</li></ol></div>
<h2>Voir aussi</h2><h3>Articles connexes</h3><ul><li><a href="Cassave">Cassave</a></li></ul>
<h2>Notes</h2><p>Une note écrite en toutes lettres reste.</p>
<div class="navbox">Plantes</div><div class="zim-footer">Cet article est issu de Wikipédia.</div></body></html>`

func library() fs.FS {
	data := zimtest.Archive{Compression: zimtest.Zstd, PerCluster: 2, Entries: []zimtest.Entry{
		{Name: "C/Manioc", Title: "Manioc", Text: wikiPage},
		{Name: "C/plantes/Igname", Title: "Igname", Text: "<p>L’igname se récolte en décembre, quand ses feuilles sèchent.</p>"},
		{Name: "C/Yuca", To: "C/Manioc"},
		{Name: "C/court", Text: "<html><p>Voir ailleurs.</html>"},
		{Name: "C/manioc.png", MIME: "image/png", Text: "\x89PNG"},
		{Name: "W/mainPage", To: "C/Manioc"},
		zimtest.Metadata("Title", "  Plantes\ndu jardin "), zimtest.Metadata("Language", "fra"), zimtest.Metadata("Counter", "text/html=3"),
	}}.Bytes()
	return fstest.MapFS{"livres/plantes.zim": {Data: data}, "coupe.zim": {Data: data[:len(data)-300]}, "autre.zim": {Data: []byte("PK")}}
}

func TestArticlesOfAnArchiveAreDocumentsWithoutWhatBelongsToTheSite(t *testing.T) {
	l, err := OpenLibrary(library(), "livres/plantes.zim")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if diff := cmp.Diff(About{Title: "Plantes du jardin", Lang: "fr", Articles: 3}, l.About); diff != "" {
		t.Error(diff)
	}
	got := map[string][]string{}
	for a, err := range l.Articles(t.Context(), Options{}) {
		if errors.Is(err, ErrNoText) {
			got[a.Name] = []string{"nothing"}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if a.Lang != "fr" || a.Format != "html" || a.Title == "" {
			t.Errorf("%+v", a.Document)
		}
		for _, b := range a.Blocks {
			got[a.Name] = append(got[a.Name], string(b.Role)+": "+b.Text)
		}
	}
	want := map[string][]string{
		"livres/plantes.zim/Manioc": {
			"heading: Manioc", "paragraph: Manioc", "row: Famille | Euphorbiaceae", "row: Récolte | 8 à 18 mois",
			"paragraph: Le manioc est un arbuste dont on mange les racines.",
			"heading: Culture", "paragraph: On le plante en avril, par boutures.",
			"heading: Notes", "paragraph: Une note écrite en toutes lettres reste."},
		"livres/plantes.zim/plantes/Igname": {"paragraph: L’igname se récolte en décembre, quand ses feuilles sèchent."},
		"livres/plantes.zim/court":          {"nothing"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnArticleIsReadByItsName(t *testing.T) {
	for name, title := range map[string]string{"livres/plantes.zim/Manioc": "Manioc", "livres/plantes.zim/Yuca": "Manioc", "livres/plantes.zim/plantes/Igname": "Igname"} {
		d, err := File(t.Context(), library(), name, Options{})
		if err != nil || d.Title != title || len(d.Blocks) == 0 {
			t.Errorf("%s: %q, %d blocks, %v", name, d.Title, len(d.Blocks), err)
		}
	}
	for name, want := range map[string]error{
		"livres/plantes.zim/Rien": fs.ErrNotExist, "livres/autre.zim/Manioc": fs.ErrNotExist, "livres/plantes.zim/court": ErrNoText,
		"coupe.zim/Manioc": zim.ErrTruncated, "autre.zim/Manioc": ErrCorrupt, "livres/plantes.zim/manioc.png": ErrUnsupported,
	} {
		if _, err := File(t.Context(), library(), name, Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestFilesOfAnArchiveAreOpenedAsTheyLie(t *testing.T) {
	for inside, want := range map[string][2]string{"": {"Manioc", "text/html"}, "Yuca": {"Manioc", "text/html"}, "manioc.png": {"manioc.png", "image/png"}} {
		f, err := OpenInLibrary(library(), "livres/plantes.zim/"+inside)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil || len(b) == 0 || f.Name != want[0] || f.Type != want[1] {
			t.Errorf("%q: %+v, %d bytes, %v", inside, f, len(b), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"livres/plantes.zim/nothing", "livres/plantes.zim", "livres/other.zim/a"} {
		if _, err := OpenInLibrary(library(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesOfArticlesAreCutAtTheirArchive(t *testing.T) {
	for name, want := range map[string][2]string{
		"a.zim/b": {"a.zim", "b"}, "x/a.ZIM/A/b.html": {"x/a.ZIM", "A/b.html"}, "a.zim/https://b": {"a.zim", "https://b"},
		"a.zim": {}, "a/b.txt": {}, "": {}, "/": {},
	} {
		library, inside, ok := CutLibrary(name)
		if library != want[0] || inside != want[1] || ok != (want[0] != "") {
			t.Errorf("%s: %q %q %v", name, library, inside, ok)
		}
	}
}

func FuzzArticle(f *testing.F) {
	for _, page := range []string{wikiPage, "<h1>a<h2>b<h1>c<p>" + strings.Repeat("mot ", 20), "<h2>Notes<ul><li>a<h3>b<p>c"} {
		f.Add(page)
	}
	f.Fuzz(func(t *testing.T, page string) {
		data := zimtest.Archive{Entries: []zimtest.Entry{{Name: "C/a", Text: page}}}.Bytes()
		d, err := File(t.Context(), fstest.MapFS{"a.zim": {Data: data}}, "a.zim/a", Options{MaxBytes: 1 << 20})
		if err == nil && !enough(d.Blocks) {
			t.Errorf("%v is an article", d.Blocks)
		}
		if n := len(d.Blocks); err == nil && d.Blocks[n-1].Role == Heading {
			t.Errorf("a heading with nothing under it: %q", d.Blocks[n-1].Text)
		}
	})
}
