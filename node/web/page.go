package web

import (
	"net/http"
	"strconv"
	"strings"

	"savoirs/node"
	"savoirs/node/words"
)

// page is what every page shows. Templates say words through T.
type page struct {
	words.Pack
	Title     string
	Question  string
	Private   bool // the question stays here
	Mesh      bool // it goes to others too
	Status    node.Status
	Languages []language
	Here      string // path and query that a change of language keeps
	Home      bool   // it is read on the node's own machine
}

// T says a sentence of the pages.
func (p page) T(key string, args ...any) string { return p.Say("web."+key, args...) }

func (s *site) page(w http.ResponseWriter, r *http.Request) page {
	p := page{Pack: s.pack(w, r), Question: strings.TrimSpace(r.URL.Query().Get("q"))}
	p.Private, p.Mesh = r.URL.Query().Has("private"), r.URL.Query().Has("mesh")
	p.Title, p.Languages = p.T("title"), s.languages(p.Lang)
	st, err := s.node.Status(r.Context())
	if err != nil {
		s.o.Log.Warn("status for a page", "err", err)
	}
	p.Status, p.Home = st, atHome(r)
	return p
}

// amount is a size in words, or what it was if it is none.
func (p page) amount(text string) string {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return p.Bytes(n)
	}
	return text
}

func (p page) question() node.Question {
	return node.Question{Text: p.Question, Private: p.Private, Mesh: p.Mesh}
}

// start sends the headers of a page.
func start(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
}

// show sends a part of a page. A reader who is gone needs no error.
func (s *site) show(w http.ResponseWriter, part string, data any) {
	if err := s.pages.ExecuteTemplate(w, part, data); err != nil {
		s.o.Log.Debug("write a page", "part", part, "err", err)
	}
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	p := s.page(w, r)
	start(w, http.StatusOK)
	s.show(w, "home", p)
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	p := s.page(w, r)
	start(w, http.StatusNotFound)
	s.show(w, "not-found", p)
}
