package web

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"savoirs/node"
)

// article sends what lies in an archive: a page with the pictures and styles
// beside it in that archive. It was written by others: no script of it runs, it
// loads nothing from outside its archive, and has no part in our pages.
func (s *site) article(w http.ResponseWriter, r *http.Request, a node.Article, err error) {
	if err != nil {
		s.cannotOpen(w, r, s.page(w, r), err)
		return
	}
	defer a.Close()
	root, name := r.PathValue("root"), r.PathValue("name")
	if a.Document != name { // links in a page are relative to its own name
		http.Redirect(w, r, documentURL(root, a.Document).String(), http.StatusFound)
		return
	}
	kind, shown := archivedKind(a.Type)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", archivePolicy(r.Host, root, a.Archive+"/"))
	h.Set("Cache-Control", "private, no-cache")
	if !shown {
		h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(path.Base(name)))
	}
	http.ServeContent(w, r, "", time.Time{}, a)
}

// archivePolicy lets a page load what is in its own archive, and no more.
func archivePolicy(host, root, archive string) string {
	escape := strings.NewReplacer(";", "%3B", ",", "%2C", "'", "%27") // they mean something in a policy
	own := "http://" + host + escape.Replace(documentURL(root, archive).EscapedPath())
	return "sandbox; default-src 'none'; img-src " + own + " data:; media-src " + own + "; style-src " + own +
		" 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// archivedKind is what a browser is told of something in an archive, and whether
// it may show it. Texts in an archive are UTF-8.
func archivedKind(declared string) (kind string, shown bool) {
	t, _, err := mime.ParseMediaType(declared)
	if err != nil {
		return "application/octet-stream", false
	}
	switch top, _, _ := strings.Cut(t, "/"); {
	case t == "text/html", t == "application/xhtml+xml", t == "text/css", t == "text/plain":
		return t + "; charset=utf-8", true
	case top == "image", top == "audio", top == "video", t == "application/pdf":
		return t, true
	}
	return "application/octet-stream", false
}
