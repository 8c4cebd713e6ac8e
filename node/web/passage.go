package web

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"savoirs/node"
)

// Opener is the part of a node that opens documents; *node.Node is one.
type Opener interface {
	OpenPassage(ctx context.Context, root string, number int, atHome bool) (node.Opened, error)
	OpenArticle(ctx context.Context, root, name string, atHome bool) (a node.Article, inArchive bool, err error)
	OpenDocument(ctx context.Context, root, name string, atHome bool) (fs.File, error)
}

// opened is the page of a passage in its document.
type opened struct {
	page
	node.Opened
	Fault string
}

// Document is the address of the whole document, at the page of the passage.
func (o opened) Document() string {
	if !o.File {
		return ""
	}
	u := documentURL(o.Passage.Set, o.Passage.Doc)
	if o.Passage.Page > 0 {
		u.Fragment = "page=" + strconv.Itoa(o.Passage.Page)
	}
	return u.String()
}

func documentURL(root, name string) *url.URL {
	return &url.URL{Path: "/documents/" + root + "/" + name}
}

// passage shows where in its document a passage stands.
func (s *site) passage(w http.ResponseWriter, r *http.Request) {
	p := opened{page: s.page(w, r)}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err == nil {
		p.Opened, err = s.node.OpenPassage(r.Context(), r.PathValue("root"), number, atHome(r))
	} else {
		err = node.ErrNotFound
	}
	if err != nil {
		s.cannotOpen(w, r, p.page, err)
		return
	}
	p.Title = firstOf(p.Passage.Title, path.Base(p.Passage.Doc)) + " · " + p.T("title")
	start(w, http.StatusOK)
	s.show(w, "passage", p)
}

// document sends a file of an item. It was written by others: whatever it is,
// the browser is told to read it as text or as a PDF, else to save it, and
// never to run any of it.
func (s *site) document(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if a, inArchive, err := s.node.OpenArticle(r.Context(), r.PathValue("root"), name, atHome(r)); inArchive {
		s.article(w, r, a, err)
		return
	}
	f, err := s.node.OpenDocument(r.Context(), r.PathValue("root"), name, atHome(r))
	if err != nil {
		s.cannotOpen(w, r, s.page(w, r), err)
		return
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	if !ok {
		s.cannotOpen(w, r, s.page(w, r), node.ErrNotFound)
		return
	}
	kind, shown := documentKind(name)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if kind != pdfKind { // a browser shows no PDF in a sandbox
		h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; sandbox")
	}
	h.Set("Cache-Control", "private, no-cache")
	disposition := "attachment"
	if shown {
		disposition = "inline"
	}
	h.Set("Content-Disposition", disposition+"; filename*=UTF-8''"+url.PathEscape(path.Base(name)))
	http.ServeContent(w, r, "", time.Time{}, content)
}

const pdfKind = "application/pdf"

// documentKind is what a browser is told of a document, and whether it may show
// it. Markup is shown as its source.
func documentKind(name string) (kind string, shown bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return pdfKind, true
	case ".txt", ".text", ".md", ".markdown", ".csv", ".tsv", ".jsonl", ".ndjson", ".html", ".htm", ".xhtml":
		return "text/plain; charset=utf-8", true
	}
	return "application/octet-stream", false
}

// atHome tells whether a request comes from the node's own machine.
func atHome(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// cannotOpen is the page for a document that is not shown.
func (s *site) cannotOpen(w http.ResponseWriter, r *http.Request, p page, err error) {
	reason, _ := node.ReasonOf(err)
	view := opened{page: p}
	status := http.StatusInternalServerError
	switch reason {
	case node.NotFound, node.NotHere:
		s.notFound(w, r)
		return
	case node.KeptHome:
		status, view.Fault = http.StatusForbidden, p.Say("error.kept_home.what")+" "+p.Say("error.kept_home.next")
	default:
		s.o.Log.Info("open a document", "path", r.URL.Path, "err", err)
		view.Fault = p.T("unopened")
	}
	start(w, status)
	s.show(w, "unopened", view)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
