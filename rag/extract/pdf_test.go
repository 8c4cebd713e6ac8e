package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
)

// mark is a piece of text at a place of a page, in points.
type mark struct {
	x, y, size float64
	text       string
}

// makePDF writes a document in Helvetica.
func makePDF(t testing.TB, title string, pages ...[]mark) string {
	t.Helper()
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), fmt.Sprintf(format, args...))
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 5+2*i)
	}
	object("<< /Type /Pages /Count %d /Kids [%s] >>", len(pages), kids.String())
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	object("<< /Title (%s) >>", title)
	for i, p := range pages {
		var s strings.Builder
		for _, m := range p {
			text, err := charmap.Windows1252.NewEncoder().String(m.text)
			if err != nil {
				t.Fatal(err)
			}
			// The scale is in the matrix, as many programs write it.
			fmt.Fprintf(&s, "BT /F1 1 Tf %g 0 0 %g %g %g Tm (%s) Tj ET\n", m.size, m.size, m.x, m.y, strings.NewReplacer("(", `\(`, ")", `\)`).Replace(text))
		}
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 6+2*i)
		object("<< /Length %d >>\nstream\n%s\nendstream", s.Len(), s.String())
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
	return b.String()
}

// typed sets text line by line from a place down.
func typed(x, y float64, text ...string) []mark {
	var m []mark
	for i, s := range text {
		m = append(m, mark{x, y - 14*float64(i), 11, s})
	}
	return m
}

func leaflet(t testing.TB) string {
	var pages [][]mark
	for i, text := range [][]mark{
		append([]mark{{72, 760, 20, "Le jardin créole"}}, append(append(typed(72, 720,
			"À l'ombre du manguier, l'aïeule répète : « Plante avant la lune, récolte après. » C'est là",
			"tout son savoir, dit-elle, et personne au bourg ne songe à la contredire, pas même le ma-",
			"raîcher qui vend au marché. Elle connaît aussi les herbes qui soignent : demandez-lui, peut-",
			"être vous répondra-t-elle."),
			mark{72, 640, 15, "Les outils"}), typed(72, 615, "• un coutelas bien affûté", "• une houe et un seau que l'on range dans la case, près du foyer et à l'abri de l'humidité", "  de la nuit")...)...),
		append([]mark{{72, 740, 15, "Calendrier"}}, append([]mark{
			{72, 715, 11, "Plante"}, {200, 715, 11, "Mois"}, {72, 701, 11, "Igname"}, {200, 701, 11, "avril"}, {72, 687, 11, "Giraumon"}, {200, 687, 11, "mai"}}, typed(72, 640, "Fin du calendrier.")...)...),
		typed(72, 740, "Dernière page, où l'œuf de l'oie vaut mieux que le bœuf du maraîcher."),
	} {
		page := append([]mark{{72, 810, 9, "Carnet de Vieux-Bourg"}}, text...)
		pages = append(pages, append(page, mark{290, 40, 9, strconv.Itoa(i + 1)}))
	}
	return makePDF(t, "Carnet", pages...)
}

func TestPDFLinesFlowIntoHeadingsParagraphsItemsAndRows(t *testing.T) {
	d := extracted(t, "carnet.pdf", leaflet(t), withPDF(t))
	want := []Block{
		{Role: Paragraph, Page: 1, Text: "Carnet de Vieux-Bourg"}, // once, not on every page
		{Role: Heading, Level: 1, Page: 1, Text: "Le jardin créole"},
		{Role: Paragraph, Page: 1, Text: "À l'ombre du manguier, l'aïeule répète : « Plante avant la lune, récolte après. » C'est là tout son savoir, dit-elle, et personne au bourg ne songe à la contredire, pas même le maraîcher qui vend au marché. Elle connaît aussi les herbes qui soignent : demandez-lui, peut-être vous répondra-t-elle."},
		{Role: Heading, Level: 2, Page: 1, Text: "Les outils"},
		{Role: Item, Page: 1, Text: "un coutelas bien affûté"},
		{Role: Item, Page: 1, Text: "une houe et un seau que l'on range dans la case, près du foyer et à l'abri de l'humidité de la nuit"},
		{Role: Heading, Level: 2, Page: 2, Text: "Calendrier"},
		{Role: Row, Page: 2, Text: "Plante | Mois"},
		{Role: Row, Page: 2, Text: "Igname | avril"},
		{Role: Row, Page: 2, Text: "Giraumon | mai"},
		{Role: Paragraph, Page: 2, Text: "Fin du calendrier."},
		{Role: Paragraph, Page: 3, Text: "Dernière page, où l'œuf de l'oie vaut mieux que le bœuf du maraîcher."},
	}
	if f1 := wordF1(allText(d.Blocks), allText(want)); f1 < .99 {
		t.Errorf("word F1 %.3f", f1)
	}
	if diff := cmp.Diff(want, d.Blocks); diff != "" {
		t.Error(diff)
	}
	if d.Title != "Carnet" || d.Lang != "fr-FR" || d.Pages != 3 {
		t.Errorf("title %q, language %q, %d pages", d.Title, d.Lang, d.Pages)
	}
}

func TestPDFIsReadFromAnOpenFileToo(t *testing.T) {
	d, err := File(context.Background(), os.DirFS("testdata"), "owner-locked.pdf", withPDF(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := allText(d.Blocks); got != "Le carnet du jardin créole.\n" {
		t.Errorf("got %q", got)
	}
}

func TestABadPDFSaysWhatIsWrong(t *testing.T) {
	encrypted, err := os.ReadFile("testdata/encrypted.pdf")
	if err != nil {
		t.Fatal(err)
	}
	good := leaflet(t)
	refused(t, "locked.pdf", string(encrypted), withPDF(t), ErrEncrypted)
	refused(t, "cut.pdf", good[:300], withPDF(t), ErrCorrupt)
	refused(t, "prose.pdf", "Bonjour.", withPDF(t), ErrCorrupt)
	refused(t, "empty.pdf", "", withPDF(t), ErrCorrupt)
	refused(t, "scan.pdf", makePDF(t, "", nil, nil), withPDF(t), ErrNoText)
	refused(t, "nobody.pdf", good, Options{}, ErrNoPDF)
	refused(t, "nowhere.pdf", good, Options{PDF: []string{"/nonexistent/reader"}}, ErrNoPDF)
}

func badChild(t *testing.T, name string) Options {
	return Options{PDF: []string{os.Args[0], name}, CacheDir: t.TempDir(), MaxBytes: 1 << 20}
}

func TestAPDFReaderThatMisbehavesIsStopped(t *testing.T) {
	good := leaflet(t)
	refused(t, "flood.pdf", good, badChild(t, "flood"), ErrTooLarge)
	refused(t, "boast.pdf", good, badChild(t, "boast"), ErrTooLarge)
	refused(t, "lie.pdf", good, badChild(t, "lie"), ErrCorrupt)
	refused(t, "die.pdf", good, badChild(t, "die"), ErrCorrupt)
}

func TestAPDFReaderThatEatsMemoryIsStoppedAndTheParentLives(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is limited on Linux only")
	}
	refused(t, "eat.pdf", leaflet(t), badChild(t, "eat"), ErrTooLarge)
}

func TestAPDFReaderThatSpinsIsKilledInTime(t *testing.T) {
	o := badChild(t, "spin")
	o.Timeout = 500 * time.Millisecond
	start := time.Now()
	refused(t, "spin.pdf", leaflet(t), o, ErrTimeout)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	wantGone(t, o.CacheDir)
}

func TestAPDFReaderEndsWithItsContext(t *testing.T) {
	o := badChild(t, "spin")
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("the person left")
	var leaving sync.WaitGroup
	leaving.Go(func() { // once the child runs
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(o.CacheDir, "pid")); err == nil {
				cancel(gone)
			}
			<-look.C
		}
	})
	_, err := File(ctx, fstest.MapFS{"a.pdf": {Data: []byte(leaflet(t))}}, "a.pdf", o)
	cancel(nil)
	leaving.Wait()
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	wantGone(t, o.CacheDir)
}

func TestAPDFReaderDiesWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel sees to it on Linux only")
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "parent", dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if data, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil && len(data) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the reader did not start")
		}
	}
	parent.Process.Kill()
	parent.Wait()
	wantGone(t, dir)
}

// wantGone waits for the child whose process id is in dir to be no more.
func wantGone(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return // killed before it could say
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return
		}
	}
	t.Errorf("child %d still runs", pid)
}
