package zim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"savoirs/rag/zim"
	"savoirs/rag/zim/zimtest"
)

// small has what an archive may have: pages, redirects, another name for one content, metadata, a picture.
func small(old bool) []zimtest.Entry {
	page := func(text string) string { return "<html><body><p>" + text + "</p></body></html>" }
	space := func(kind string) string {
		if old {
			return kind
		}
		return "C"
	}
	entries := []zimtest.Entry{
		{Name: space("A") + "/manioc", Title: "Manioc", Text: page("Le manioc se plante en avril.")},
		{Name: space("A") + "/igname", Title: "Igname", Text: page("L’igname se récolte en décembre.")},
		{Name: space("A") + "/Cassave", To: space("A") + "/manioc"},
		{Name: space("A") + "/Galette", To: space("A") + "/Cassave"},
		{Name: space("I") + "/manioc.png", MIME: "image/png", Text: strings.Repeat("\x89PNG", 50_000)},
		{Name: space("A") + "/vide", Text: ""},
		zimtest.Metadata("Title", "Plantes du jardin"), zimtest.Metadata("Language", "fra"),
		zimtest.Metadata("Creator", "Coopérative"), zimtest.Metadata("Date", "2024-05-01"),
		zimtest.Metadata("Description", "Ce qui pousse"), zimtest.Metadata("Counter", "text/html=3;image/png=1;text/html;raw=true=9"),
	}
	if !old {
		entries = append(entries, zimtest.Entry{Name: "W/mainPage", To: "C/manioc"})
	}
	return entries
}

// kinds are all the ways an archive is stored.
func kinds() map[string]zimtest.Archive {
	all := map[string]zimtest.Archive{}
	for name, compression := range map[string]byte{"plain": zimtest.Plain, "xz": zimtest.XZ, "zstd": zimtest.Zstd} {
		all[name+" v6"] = zimtest.Archive{Compression: compression, Entries: small(false)}
		all[name+" v6 extended"] = zimtest.Archive{Compression: compression, Extended: true, PerCluster: 3, Entries: small(false)}
		all[name+" v6 old names"] = zimtest.Archive{OldNames: true, Compression: compression, Entries: small(true), MainPage: "A/manioc"}
		all[name+" v5"] = zimtest.Archive{Major: 5, Compression: compression, Entries: small(true), MainPage: "A/manioc", NoChecksum: true}
	}
	return all
}

func open(t testing.TB, data []byte) *zim.Archive {
	t.Helper()
	a, err := zim.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func text(t testing.TB, a *zim.Archive, e zim.Entry) string {
	t.Helper()
	r, err := a.Blob(e)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryKindOfArchiveIsRead(t *testing.T) {
	for name, kind := range kinds() {
		t.Run(name, func(t *testing.T) {
			old := strings.Contains(name, "v5") || strings.Contains(name, "old")
			a := open(t, kind.Bytes())
			for _, want := range kind.Entries {
				name := want.Name
				if strings.HasPrefix(name, "M/") || strings.HasPrefix(name, "W/") {
					continue
				}
				if !old {
					name = name[2:]
				}
				e, err := a.Find(name)
				if err != nil {
					t.Fatal(err)
				}
				if got := a.Name(e); got != name {
					t.Errorf("%s is found as %s", name, got)
				}
				if want.To == "" && text(t, a, e) != want.Text {
					t.Errorf("%s has another content", name)
				}
			}
			about, err := a.About()
			if err != nil {
				t.Fatal(err)
			}
			want := zim.About{Title: "Plantes du jardin", Language: "fra", Creator: "Coopérative", Date: "2024-05-01", Description: "Ce qui pousse", Articles: 3}
			if diff := cmp.Diff(want, about); diff != "" {
				t.Error(diff)
			}
			main, err := a.MainPage()
			if err != nil || main.Title != "Manioc" {
				t.Errorf("main page %q, %v", main.Title, err)
			}
			var titles []string
			for art, err := range a.Articles() {
				if err != nil {
					t.Fatal(err)
				}
				titles = append(titles, art.Title)
			}
			if len(titles) != 3 {
				t.Errorf("articles %q", titles)
			}
			if err := a.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	a := open(t, zimtest.Archive{Entries: small(false)}.Bytes())
	e, err := a.Find("Galette")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Blob(e); !errors.Is(err, zim.ErrNotFound) {
		t.Errorf("a redirect has content: %v", err)
	}
	if e, err = a.Follow(e); err != nil || e.Path != "manioc" {
		t.Errorf("followed to %q, %v", e.Path, err)
	}
	if _, err := a.Find("nothing"); !errors.Is(err, zim.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
}

func TestRedirectsInACircleAreAnError(t *testing.T) {
	circle := []zimtest.Entry{{Name: "C/a", To: "C/b"}, {Name: "C/b", To: "C/c"}, {Name: "C/c", To: "C/b"}}
	var chain []zimtest.Entry
	for i := range 100 {
		chain = append(chain, zimtest.Entry{Name: fmt.Sprintf("C/a%02d", i), To: fmt.Sprintf("C/a%02d", min(i+1, 99))})
	}
	for want, c := range map[string]struct {
		entries []zimtest.Entry
		start   string
	}{"circle": {circle, "a"}, "more than 32": {chain, "a00"}} {
		a := open(t, zimtest.Archive{Entries: c.entries}.Bytes())
		e, err := a.Find(c.start)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Follow(e); !errors.Is(err, zim.ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestOneContentWithSeveralNamesIsOneArticle(t *testing.T) {
	data := zimtest.Archive{Entries: []zimtest.Entry{{Name: "C/a", Text: "<p>one"}, {Name: "C/b", Text: "<p>two"}}}.Bytes()
	at := bytes.Index(data, []byte("b\x00\x00")) - 4
	data[at] = 0 // the blob of b is that of a
	n := 0
	for _, err := range open(t, data).Articles() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d articles", n)
	}
}

func TestABlobIsReadAfterOthersWereAskedFor(t *testing.T) {
	a := open(t, zimtest.Archive{Compression: zimtest.Zstd, PerCluster: 1, Entries: small(false)}.Bytes())
	e, _ := a.Find("igname")
	first, err := a.Blob(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range a.Articles() {
		if err != nil {
			t.Fatal(err)
		}
	}
	if b, err := io.ReadAll(first); err != nil || !strings.Contains(string(b), "décembre") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAWrongChecksumIsFound(t *testing.T) {
	data := zimtest.Archive{Entries: small(false)}.Bytes()
	data[bytes.Index(data, []byte("avril"))] = 'A'
	if err := open(t, data).Verify(t.Context(), nil); !errors.Is(err, zim.ErrDamaged) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t, data).Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPiecesOfSplitArchivesAreKnownByName(t *testing.T) {
	for name, want := range map[string][2]bool{
		"a.zim": {true, false}, "a.ZIM": {true, false}, "a.zimaa": {false, true}, "a.zimbz": {false, true},
		"zim": {false, false}, "a.zima": {false, false}, "a.zim1a": {false, false}, "a.txt": {false, false},
	} {
		if got := [2]bool{zim.IsArchive(name), zim.IsPiece(name)}; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
