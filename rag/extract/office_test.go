package extract

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const docxHead = `<w:document xmlns:w="w"><w:body>`

func docxOf(t testing.TB, body string, more ...entry) string {
	return zipped(t, append(more, entry{"word/document.xml", docxHead + body + `</w:body></w:document>`})...)
}

func TestDOCXNotesFollowTheirParagraphAndTextBoxesStay(t *testing.T) {
	d := extracted(t, "a.docx", docxOf(t, `<w:p><w:r><w:t>Avant</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>
<w:r><AlternateContent><Choice><w:txbxContent><w:p><w:r><w:t>encadré</w:t></w:r></w:p></w:txbxContent></Choice><Fallback><w:p><w:r><w:t>encadré</w:t></w:r></w:p></Fallback></AlternateContent></w:r>
<w:r><w:t xml:space="preserve"> après</w:t><w:br/><w:t>ligne</w:t></w:r></w:p><w:p><w:r><w:t>Suite</w:t></w:r></w:p>`,
		entry{"word/footnotes.xml", `<w:footnotes><w:footnote w:id="2"><w:p><w:r><w:t>Une note.</w:t></w:r></w:p></w:footnote></w:footnotes>`}), Options{})
	want := []Block{{Role: Paragraph, Text: "encadré"}, {Role: Paragraph, Text: "Avant après\nligne"}, {Role: Paragraph, Text: "Une note."}, {Role: Paragraph, Text: "Suite"}}
	if diff := cmp.Diff(want, plainBlocks(d.Blocks)); diff != "" {
		t.Error(diff)
	}
}

func TestODTNotesFollowTheirParagraph(t *testing.T) {
	d := extracted(t, "a.odt", zipped(t, entry{"content.xml", `<office:text><text:p>Avant<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Une note.</text:p></text:note-body></text:note> après</text:p><text:p>Suite</text:p></office:text>`}), Options{})
	if got := allText(d.Blocks); got != "Avant après\nUne note.\nSuite\n" {
		t.Errorf("got %q", got)
	}
}

func TestABrokenChapterDoesNotLoseTheBook(t *testing.T) {
	d := extracted(t, "a.epub", zipped(t,
		entry{"META-INF/container.xml", `<container><rootfile full-path="b.opf"/></container>`},
		entry{"b.opf", `<package><manifest><item id="a" href="a.html" media-type="text/html"/><item id="z" href="z.html" media-type="text/html"/></manifest><spine><itemref idref="z"/><itemref idref="a"/></spine></package>`},
		entry{"a.html", "<p>Là."}), Options{})
	if got := allText(d.Blocks); got != "Là.\n" || len(d.Warnings) != 1 {
		t.Errorf("got %q, warnings %q", got, d.Warnings)
	}
}

func TestEncryptedDocumentsSayThatTheyAre(t *testing.T) {
	ole := "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600) + "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"
	refused(t, "a.docx", ole, Options{}, ErrEncrypted)
	refused(t, "a.odt", zipped(t, entry{"META-INF/manifest.xml", `<m><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></m>`},
		entry{"content.xml", "\x01\x02"}), Options{}, ErrEncrypted)
	refused(t, "a.epub", zipped(t,
		entry{"META-INF/container.xml", `<container><rootfile full-path="b.opf"/></container>`},
		entry{"META-INF/encryption.xml", `<encryption><enc:EncryptedData><enc:CipherData><enc:CipherReference URI="a.html"/></enc:CipherData></enc:EncryptedData></encryption>`},
		entry{"b.opf", `<package><manifest><item id="a" href="a.html" media-type="text/html"/></manifest><spine><itemref idref="a"/></spine></package>`},
		entry{"a.html", "\x93\x22"}), Options{}, ErrEncrypted)
	flagged := []byte(docxOf(t, "<w:p/>"))
	binary.LittleEndian.PutUint16(flagged[bytes.Index(flagged, []byte("PK\x01\x02"))+8:], 1)
	refused(t, "b.docx", string(flagged), Options{}, ErrEncrypted)
}

func TestAZipBombIsStopped(t *testing.T) {
	bomb := strings.Repeat(strings.Repeat(" ", 1000)+"<w:p/>", 4<<10)
	refused(t, "a.docx", docxOf(t, bomb), Options{}, ErrTooLarge)
	refused(t, "a.odt", zipped(t, entry{"content.xml", bomb}), Options{}, ErrTooLarge)
	var run strings.Builder // one stretch of text too long to hold
	for i := 0; run.Len() < maxToken+1<<20; i++ {
		fmt.Fprint(&run, i, " ")
	}
	refused(t, "b.docx", docxOf(t, run.String()), Options{}, ErrTooLarge)
	refused(t, "lying.docx", lyingZip(t, "word/document.xml", docxHead+bomb), Options{}, ErrCorrupt)
}

// lyingZip makes an archive whose header says that a member is a few bytes
// long when inflated.
func lyingZip(t *testing.T, name, data string) string {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(data))
	w.Close()
	var z bytes.Buffer
	head := func(sign uint32, more int) {
		binary.Write(&z, binary.LittleEndian, sign)
		if more > 0 {
			binary.Write(&z, binary.LittleEndian, uint16(20))
		}
		binary.Write(&z, binary.LittleEndian, []uint16{20, 0, 8, 0, 0})
		binary.Write(&z, binary.LittleEndian, []uint32{crc32.ChecksumIEEE([]byte(data)), uint32(packed.Len()), 10})
		binary.Write(&z, binary.LittleEndian, []uint16{uint16(len(name)), 0})
		z.Write(make([]byte, more))
		z.WriteString(name)
	}
	head(0x04034b50, 0)
	z.Write(packed.Bytes())
	start := z.Len()
	head(0x02014b50, 14)
	size := z.Len() - start
	for _, v := range []any{uint32(0x06054b50), [2]uint16{}, [2]uint16{1, 1}, uint32(size), uint32(start), uint16(0)} {
		binary.Write(&z, binary.LittleEndian, v)
	}
	return z.String()
}

func TestAnArchiveOfTooManyMembersIsRefused(t *testing.T) {
	var entries []entry
	for i := range maxEntries + 1 {
		entries = append(entries, entry{fmt.Sprint(i), ""})
	}
	refused(t, "a.docx", zipped(t, entries...), Options{}, ErrTooLarge)
}

func TestDamagedDocumentsSayThatTheyAre(t *testing.T) {
	good := bookletDOCX(t)
	for name, data := range map[string]string{
		"cut.docx":     good[:len(good)/2],
		"nozip.docx":   "Bonjour, je ne suis pas un zip.",
		"empty.docx":   zipped(t, entry{"autre.txt", "x"}),
		"cutxml.docx":  zipped(t, entry{"word/document.xml", docxHead + "<w:p><w:r><w:t>Avant"}),
		"deep.docx":    docxOf(t, strings.Repeat("<w:p>", 10_000)+"<w:t>mot</w:t>"+strings.Repeat("</w:p>", 10_000)),
		"entity.docx":  zipped(t, entry{"word/document.xml", `<!DOCTYPE x [<!ENTITY a "aaaa">]><x><w:p><w:t>&a;</w:t></w:p></x>`}),
		"empty.odt":    zipped(t, entry{"autre.txt", "x"}),
		"nospine.epub": zipped(t, entry{"META-INF/container.xml", `<c><rootfile full-path="b.opf"/></c>`}, entry{"b.opf", "<package/>"}),
		"binary.txt":   strings.Repeat("\x00\x01\x02texte", 100),
		"prose.jsonl":  "Ceci n'est pas\ndu JSON.\n",
	} {
		refused(t, name, data, Options{}, ErrCorrupt)
	}
}

func TestADocumentWithoutTextSaysSo(t *testing.T) {
	for name, data := range map[string]string{
		"a.txt": "", "b.txt": " \n\n---\n", "a.md": "---\ntitle: Rien\n---\n", "a.html": "<title>Rien</title><nav>Menu</nav>", "a.csv": "\n", "a.jsonl": "{}\n", "a.docx": docxOf(t, "<w:p/>"),
	} {
		refused(t, name, data, Options{}, ErrNoText)
	}
}

func TestTextBeyondTheLimitIsRefused(t *testing.T) {
	long := strings.Repeat("Une ligne de texte, puis une autre.\n\n", 1000)
	for _, name := range []string{"a.txt", "a.md", "a.csv"} {
		refused(t, name, long, Options{MaxBytes: 10_000}, ErrTooLarge)
	}
	refused(t, "a.html", "<p>"+long, Options{MaxBytes: 10_000}, ErrTooLarge)
	refused(t, "a.docx", docxOf(t, "<w:p><w:t>"+long+"</w:t></w:p>"), Options{MaxBytes: 10_000}, ErrTooLarge)
	refused(t, "b.html", "<p>mot<!--"+strings.Repeat("x", maxToken+1), Options{}, ErrTooLarge)
}

func TestTheClockEndsALongReading(t *testing.T) {
	refused(t, "a.txt", strings.Repeat("mot\n\n", 1000), Options{Timeout: time.Nanosecond}, ErrTimeout)
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := File(ctx, fstest.MapFS{"a.txt": {Data: []byte("mot")}}, "a.txt", Options{}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheFileSystemComeBackAsTheyAre(t *testing.T) {
	ctx := context.Background()
	if _, err := File(ctx, fstest.MapFS{}, "a.txt", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := File(ctx, fstest.MapFS{"a.png": {}}, "a.png", Options{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a picture: %v", err)
	}
	if _, err := File(ctx, fstest.MapFS{"d.txt/x": {}}, "d.txt", Options{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a folder: %v", err)
	}
	broken := errors.New("input/output error")
	for _, name := range []string{"a.txt", "a.md", "a.html", "a.docx", "a.csv"} {
		if _, err := File(ctx, slowFS{"mot, puis", broken}, name, Options{}); !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s on a failing disk: %v", name, err)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(path, []byte("mot"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := File(ctx, os.DirFS(dir), "a.txt", Options{}); os.Getuid() != 0 && !errors.Is(err, fs.ErrPermission) {
		t.Errorf("unreadable: %v", err)
	}
}

func TestWalkStopsAtTheFirstErrorOfItsCaller(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	_, err := Walk(context.Background(), fstest.MapFS{"a.txt": {Data: []byte("un\n\ndeux\n\ntrois")}}, "a.txt", Options{}, func(Block) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d blocks", err, n)
	}
}

func TestSupportedGoesByTheName(t *testing.T) {
	for name, want := range map[string]bool{"a.txt": true, "B.PDF": true, "c.Markdown": true, "d/e.jsonl": true, "f": false, "g.png": false, "h.doc": false} {
		if Supported(name) != want {
			t.Errorf("Supported(%q) = %v", name, !want)
		}
	}
}
