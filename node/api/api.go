// Package api speaks HTTP for a node: Handler serves it, Client calls it, and
// both agree through one route table. Answers are JSON; what takes time is a
// stream of JSON lines (NDJSON), each one of progress, event, result or error.
//
// Anyone who reaches the port may read and ask; what changes the node is
// accepted from this machine only. Requests made by a page of another site,
// or through a name that is not ours, are refused (CSRF, DNS rebinding).
package api

import (
	"log/slog"
	"net/http"

	"savoirs/node"
)

// Prefix is where the routes live.
const Prefix = "/api/savoirs/v1"

// HandlerOptions say how a node is served. The zero value serves the API alone
// under addresses and localhost.
type HandlerOptions struct {
	Addr  string       // where it listens, told by status
	Hosts []string     // names it may be called by, beside addresses and localhost
	Web   http.Handler // pages for people, for every path outside /api
	Log   *slog.Logger
}

// Handler serves n. It holds no state and may serve several listeners.
func Handler(n *node.Node, o HandlerOptions) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{node: n, o: o}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.method+" "+Prefix+r.path, s.local(r))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, &Error{Code: "not_found", Message: "no route " + r.Method + " " + r.URL.Path})
	})
	if o.Web != nil {
		mux.Handle("/", o.Web)
	}
	return guard(o.Hosts, mux, s.fail)
}

type server struct {
	node *node.Node
	o    HandlerOptions
}
