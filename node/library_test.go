package node_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag/zim"
	"savoirs/rag/zim/zimtest"
)

func plants() []byte {
	return zimtest.Archive{Compression: zimtest.Zstd, Entries: []zimtest.Entry{
		{Name: "C/Manioc", Title: "Manioc", Text: "<h1>Manioc</h1><p>Le manioc se plante en avril, par boutures, et se récolte un an après.</p><img src=\"I/m.png\">"},
		{Name: "C/I/m.png", MIME: "image/png", Text: "\x89PNG"},
		{Name: "C/Yuca", To: "C/Manioc"},
		{Name: "W/mainPage", To: "C/Yuca"},
		zimtest.Metadata("Title", "Plantes du jardin"), zimtest.Metadata("Language", "fra"), zimtest.Metadata("Counter", "text/html=1"),
		zimtest.Metadata("License", "CC BY-SA"), zimtest.Metadata("Creator", "Coopérative"),
	}}.Bytes()
}

func TestAnArchiveIsADatasetWhoseArticlesOpenFromIt(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	file := filepath.Join(t.TempDir(), "plants.zim")
	if err := os.WriteFile(file, plants(), 0o600); err != nil {
		t.Fatal(err)
	}
	it, err := n.Add(t.Context(), file, node.AddOptions{InPlace: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if it.Title != "Plantes du jardin" || it.Lang != "fr" || it.Texts != 1 || !it.InPlace || it.Files != 1 {
		t.Errorf("%+v", it)
	}
	d, err := n.Show(t.Context(), it.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Libraries) != 1 || d.Libraries[0].Articles != 1 || d.Libraries[0].Creator != "Coopérative" || d.Licence != "CC BY-SA" {
		t.Errorf("%+v", d)
	}
	r, err := n.Search(t.Context(), node.Question{Text: "quand planter le manioc", Mode: "lexical"})
	if err != nil || len(r.Hits) == 0 {
		t.Fatal(r, err)
	}
	p := r.Hits[0].Passage
	o, err := n.OpenPassage(t.Context(), p.Set, p.N, true)
	if err != nil || p.Doc != "plants.zim/Manioc" || !o.File || !strings.Contains(o.Marked, "en avril") {
		t.Errorf("%+v, %v", o, err)
	}
	for name, want := range map[string]string{"plants.zim/Manioc": "<h1>Manioc", "plants.zim/Yuca": "<h1>Manioc", "plants.zim/": "<h1>Manioc", "plants.zim/I/m.png": "\x89PNG"} {
		a, ok, err := n.OpenArticle(t.Context(), it.Root, name, true)
		if err != nil || !ok {
			t.Fatal(name, ok, err)
		}
		b, err := io.ReadAll(a)
		if err != nil || !strings.HasPrefix(string(b), want) || strings.HasPrefix(want, "<") && a.Document != "plants.zim/Manioc" {
			t.Errorf("%s: %q, %q, %v", name, a.Document, b, err)
		}
		a.Close()
	}
	if _, ok, err := n.OpenArticle(t.Context(), it.Root, "plants.zim/nothing", true); !ok || !errors.Is(err, node.ErrNotFound) {
		t.Error(ok, err)
	}
	if _, _, err := n.OpenArticle(t.Context(), it.Root, "plants.zim/Manioc", false); !errors.Is(err, node.ErrKeptHome) {
		t.Errorf("a private article from elsewhere: %v", err)
	}
	if _, ok, _ := n.OpenArticle(t.Context(), it.Root, "plants.zim", true); ok {
		t.Error("the archive itself is no article")
	}
}

func TestABrokenArchiveIsRefusedAloneAndPassedOverAmongOthers(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	dir := t.TempDir()
	cut := filepath.Join(dir, "cut.zim")
	if err := os.WriteFile(cut, plants()[:500], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Add(t.Context(), cut, node.AddOptions{}, nil); !errors.Is(err, zim.ErrTruncated) {
		t.Error(err)
	}
	if reason, _ := node.ReasonOf(zim.ErrTruncated); reason != node.CutArchive {
		t.Error(reason)
	}
	if err := os.WriteFile(filepath.Join(dir, "note.txt"), []byte("Le moulin ouvre le mardi matin."), 0o600); err != nil {
		t.Fatal(err)
	}
	it, err := n.Add(t.Context(), dir, node.AddOptions{}, nil)
	if err != nil || it.Texts != 1 || len(it.Skipped) != 1 || it.Skipped[0].Path != "cut.zim" {
		t.Errorf("%+v, %v", it, err)
	}
}

func TestVerifyNamesAnArchiveThatIsNotWhatItsOwnSumSays(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	dir := t.TempDir()
	bad := plants()
	bad[len(bad)-1] ^= 1 // of the sum
	for name, b := range map[string][]byte{"good.zim": plants(), "bad.zim": bad} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Add(t.Context(), filepath.Join(dir, name), node.AddOptions{Title: name}, nil); err != nil {
			t.Fatal(err)
		}
	}
	v, err := n.Verify(t.Context(), "", false, nil)
	if err != nil || v.Items != 2 || len(v.Damage) != 0 || len(v.Archives) != 1 || v.Archives[0].Title != "bad.zim" {
		t.Errorf("%+v, %v", v, err)
	}
}
