package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/node/web"
)

func TestTheInboxIsJudgedOnTheNodesOwnMachineOnly(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	item, err := a.Add(t.Context(), nodetest.Folder(t, map[string]string{"igname.md": "# L'igname\n\nL'igname <b>se plante</b> en mars.\n"}), node.AddOptions{Title: "Jardin"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context(), item.Ref, node.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	key := t.TempDir()
	if _, err := a.PackStick(t.Context(), key, node.PackOptions{All: true}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.LoadStick(t.Context(), key, nil); err != nil {
		t.Fatal(err)
	}
	h := web.Handler(b, web.Options{Lang: "fr"})
	ask := func(method, path, from, origin string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:7117"+path, strings.NewReader(form.Encode()))
		r.RemoteAddr = from
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const here, there, ours = "127.0.0.1:4000", "192.0.2.7:4000", "http://127.0.0.1:7117"
	form := url.Values{"ref": {item.Root}}
	for _, c := range []struct {
		what, method, path, from, origin string
		want                             int
		text                             string
	}{
		{"the list, from elsewhere", "GET", "/inbox", there, "", http.StatusForbidden, ""},
		{"the list", "GET", "/inbox", here, "", http.StatusOK, "Jardin"},
		{"an item", "GET", "/inbox/" + item.Root, here, "", http.StatusOK, "L&#39;igname se plante en mars."},
		{"an item that does not wait", "GET", "/inbox/rien", here, "", http.StatusNotFound, ""},
		{"a yes from elsewhere", "POST", "/inbox/accept", there, ours, http.StatusForbidden, ""},
		{"a yes led here by another site", "POST", "/inbox/accept", here, "http://evil.example", http.StatusForbidden, ""},
		{"a yes of no page", "POST", "/inbox/accept", here, "", http.StatusForbidden, ""},
		{"no such verb", "POST", "/inbox/eat", here, ours, http.StatusNotFound, ""},
		{"keep, with nothing to choose", "POST", "/inbox/keep", here, ours, http.StatusConflict, ""},
		{"a yes", "POST", "/inbox/accept", here, ours, http.StatusSeeOther, ""},
	} {
		w := ask(c.method, c.path, c.from, c.origin, form)
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d, want %d with %q:\n%s", c.what, w.Code, c.want, c.text, w.Body)
		}
	}
	all, err := b.List(t.Context())
	if err != nil || len(all) != 1 || !all[0].Here {
		t.Errorf("after the yes: %+v, %v", all, err)
	}
}
