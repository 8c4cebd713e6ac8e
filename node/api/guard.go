package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard refuses what a browser would send on behalf of another site. A page
// elsewhere can make a browser call us in two ways: through a name of its own
// that resolves to our address (DNS rebinding; then Host is not ours) and by a
// request across sites (then Origin, or Sec-Fetch-Site, tells).
func guard(hosts []string, next http.Handler, fail func(http.ResponseWriter, *Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !ours(r.Host, hosts):
			fail(w, &Error{Code: "not_allowed", Message: "this node is not called " + r.Host})
		case !sameSite(r):
			fail(w, &Error{Code: "not_allowed", Message: "refused for a page of another site"})
		default:
			w.Header().Set("X-Content-Type-Options", "nosniff")
			next.ServeHTTP(w, r)
		}
	})
}

// ours says whether a Host header is an address, localhost or a known name:
// an address cannot be rebound.
func ours(host string, known []string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.Contains(known, host)
}

func sameSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.Method != http.MethodGet {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

// local lets a route that changes the node be called from this machine only.
func (s *server) local(r route) http.Handler {
	if !r.changes {
		return r.serve
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !fromHere(req) {
			s.fail(w, &Error{Code: "not_allowed", Message: "changes are made on the node's own machine"})
			return
		}
		r.serve(w, req)
	})
}

// fromHere tells whether a request comes from the node's own machine.
func fromHere(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}
