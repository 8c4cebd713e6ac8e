package web

import "net/http"

// athome lets a page be opened, and a form be sent, from this machine only:
// what is plugged into it is its own people's, and what changes the node is
// theirs to do. A form must come from one of our pages: a browser that says of
// none where it comes from could be led here by another site.
func (s *site) athome(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ours := r.Method == http.MethodGet || r.Header.Get("Sec-Fetch-Site") == "same-origin" || r.Header.Get("Origin") == "http://"+r.Host
		if !atHome(r) || !ours {
			p := s.page(w, r)
			start(w, http.StatusForbidden)
			s.show(w, "elsewhere", p)
			return
		}
		w.Header().Set("Referrer-Policy", "same-origin") // with none, browsers hide where a form comes from
		next(w, r)
	}
}
