// Package web is the pages of a node for people: a box to ask in, sources, and
// the answer. They are complete without JavaScript; with it the answer comes
// word by word on the same page.
//
// It is not the API: what programs read is package node/api, which mounts this
// handler beside its own routes. Only the page of sticks changes anything, from
// this machine alone.
//
// Start with Handler.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"

	"savoirs/node"
	"savoirs/node/words"
	"savoirs/rag"
)

//go:embed pages static
var files embed.FS

// Asker is the part of a node that the pages need; *node.Node is one.
type Asker interface {
	Ask(ctx context.Context, q node.Question, emit func(rag.Event) error) (rag.Answer, error)
	Status(ctx context.Context) (node.Status, error)
	Opener
	Carrier
	Judge
}

// Options of the pages. The zero value serves them in the language of the
// browser, else in the source language.
type Options struct {
	Lang string       // for browsers that wish none we have
	Log  *slog.Logger // nil: silent

	// Work runs a function that goes on when the page that began it is closed,
	// with a context that ends when the node stops. nil: it runs until its end.
	Work func(func(context.Context))
}

// Handler serves the pages of n: /, /ask, and passages opened in their documents,
// with what they need under /web/.
func Handler(n Asker, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &site{node: n, o: o, packs: map[string]words.Pack{}}
	for _, lang := range words.Langs() {
		s.packs[lang] = words.Load(lang)
	}
	if o.Work == nil {
		o.Work = func(f func(context.Context)) { go f(context.Background()) }
	}
	s.work.run = o.Work
	s.pages = template.Must(template.ParseFS(files, "pages/*.html"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /ask", s.ask)
	mux.HandleFunc("GET /passages/{root}/{number}", s.passage)
	mux.HandleFunc("GET /documents/{root}/{name...}", s.document)
	mux.HandleFunc("GET /stick", s.athome(s.stick))
	mux.HandleFunc("GET /stick/prepare", s.athome(s.prepareStick))
	mux.HandleFunc("POST /stick/pack", s.athome(s.packStick))
	mux.HandleFunc("POST /stick/load", s.athome(s.loadStick))
	mux.HandleFunc("POST /stick/eject", s.athome(s.ejectStick))
	mux.HandleFunc("POST /stick/stop", s.athome(s.stopWork))
	mux.HandleFunc("GET /inbox", s.athome(s.inbox))
	mux.HandleFunc("GET /inbox/{ref}", s.athome(s.judge))
	mux.HandleFunc("POST /inbox/{verb}", s.athome(s.decide))
	mux.HandleFunc("GET /web/{name}", asset)
	mux.HandleFunc("/", s.notFound)
	return headers(mux)
}

type site struct {
	node  Asker
	o     Options
	packs map[string]words.Pack
	pages *template.Template
	work  work
}

// headers are those of every page: nothing is loaded from elsewhere, nothing
// runs that is not our one script, no other site may show us in a frame.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

// asset serves a file of static/, which a browser keeps and asks about again.
func asset(w http.ResponseWriter, r *http.Request) {
	b, err := fs.ReadFile(files, path.Join("static", path.Base(r.PathValue("name"))))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(b)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(r.PathValue("name"))))
	w.Write(b)
}
