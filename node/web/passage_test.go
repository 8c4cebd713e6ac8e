package web

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"savoirs/node"
	"savoirs/rag"
)

func (s shelf) OpenPassage(_ context.Context, root string, number int, atHome bool) (node.Opened, error) {
	switch {
	case root != "bafy" || number != 3:
		return node.Opened{}, node.ErrNotFound
	case !atHome:
		return node.Opened{}, node.ErrKeptHome
	}
	return node.Opened{
		Passage: rag.Passage{Set: "bafy", N: 3, Doc: "guides/le cyclone.pdf", Title: "Cyclone", Page: 7, Lang: "fr", Text: "Rentrez tout."},
		File:    true, Before: "Avant. <script>", Marked: "Rentrez <b>tout</b>.", After: "Après.", Ends: true,
	}, nil
}

func (s shelf) OpenDocument(_ context.Context, _, name string, atHome bool) (fs.File, error) {
	if !atHome {
		return nil, node.ErrKeptHome
	}
	text := []byte("<script>alert(1)</script>")
	return fstest.MapFS{name: {Data: bytes.Repeat(text, 100)}}.Open(name)
}

// from is what a client at addr gets.
func from(addr, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.RemoteAddr = addr
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler(shelf{}, Options{}).ServeHTTP(w, r)
	return w
}

const home, away = "127.0.0.1:5000", "192.0.2.7:5000"

func TestAPassageIsMarkedInItsDocumentAndThePDFOpensAtItsPage(t *testing.T) {
	w := from(home, "/passages/bafy/3")
	if w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	wants(t, w.Body.String(), `… Avant. &lt;script&gt;<mark id="passage">Rentrez &lt;b&gt;tout&lt;/b&gt;.</mark>Après.</div>`,
		`href="/documents/bafy/guides/le%20cyclone.pdf#page=7"`, "page 7")
}

func TestPrivateDocumentsOpenOnTheirOwnMachineOnly(t *testing.T) {
	for _, target := range []string{"/passages/bafy/3", "/documents/bafy/x.pdf"} {
		w := from(away, target)
		if w.Code != 403 || strings.Contains(w.Body.String(), "Rentrez") || strings.Contains(w.Body.String(), "alert") {
			t.Errorf("%s from another machine: %d", target, w.Code)
		}
	}
	for _, target := range []string{"/passages/bafy/4", "/passages/bafy/-1", "/passages/bafy/x", "/passages/other/3"} {
		if w := from(home, target); w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

func TestADocumentIsNeverServedAsActiveContent(t *testing.T) {
	for name, want := range map[string]struct{ kind, disposition string }{
		"a.html": {"text/plain; charset=utf-8", "inline"}, "b.XHTML": {"text/plain; charset=utf-8", "inline"}, "c.md": {"text/plain; charset=utf-8", "inline"},
		"d.svg": {"application/octet-stream", "attachment"}, "e.epub": {"application/octet-stream", "attachment"}, "f.pdf": {"application/pdf", "inline"},
		"g.js": {"application/octet-stream", "attachment"}, "h\"é.docx": {"application/octet-stream", "attachment"},
	} {
		w := from(home, "/documents/bafy/"+strings.ReplaceAll(name, `"`, "%22"))
		h := w.Header()
		if got := h.Get("Content-Type"); w.Code != 200 || got != want.kind {
			t.Errorf("%s: %d, %s", name, w.Code, got)
		}
		if got := h.Get("Content-Disposition"); !strings.HasPrefix(got, want.disposition+"; filename*=") || strings.ContainsAny(got, "\"\r\n") {
			t.Errorf("%s: disposition %q", name, got)
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "'self'") || (want.kind != pdfKind) != strings.Contains(policy, "sandbox") {
			t.Errorf("%s: policy %q", name, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the browser may guess what it is", name)
		}
	}
}

func TestALargeDocumentIsReadByRange(t *testing.T) {
	w := from(home, "/documents/bafy/a.txt", "Range", "bytes=8-12")
	if b, _ := io.ReadAll(w.Body); w.Code != 206 || string(b) != "alert" {
		t.Errorf("%d, %q", w.Code, b)
	}
}
