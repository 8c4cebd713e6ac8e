package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/nodetest"
	"savoirs/rag"
)

func TestAGestureGoesThroughHTTPAndBack(t *testing.T) {
	c, _ := start(t)
	dir := nodetest.Folder(t, map[string]string{"igname.md": "# L'igname\n\nL'igname se plante en mars, après les premières pluies.\n"})
	stages := map[string]bool{}
	item, err := c.Add(t.Context(), dir, node.AddOptions{Title: "Jardin"}, func(p node.Progress) { stages[p.Stage] = true })
	if err != nil {
		t.Fatal(err)
	}
	if item.Ref != "jardin" || item.Passages == 0 || !stages["copy"] || !stages["index"] {
		t.Errorf("added %+v, stages %v", item, stages)
	}
	var kinds []rag.EventKind
	answer, err := c.Ask(t.Context(), node.Question{Text: "Quand planter l'igname ?"}, func(e rag.Event) error {
		kinds = append(kinds, e.Kind)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !answer.Known || len(answer.Citations) == 0 {
		t.Errorf("answer: %+v", answer)
	}
	if len(kinds) < 2 || kinds[0] != rag.EventSources || kinds[len(kinds)-1] != rag.EventDone {
		t.Errorf("events in the order %v, want sources first and done last", kinds)
	}
}

func TestASourceOpensThroughHTTPFromThisMachineOnlyWhilePrivate(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	h := api.Handler(n, api.HandlerOptions{})
	dir := nodetest.Folder(t, map[string]string{"igname.md": "# L'igname\n\nL'igname se plante en mars.\n"})
	item, err := n.Add(t.Context(), dir, node.AddOptions{Title: "Jardin"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path, from string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1"+api.Prefix+path, nil)
		req.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
	path := "/passages/" + item.Root + "/0"
	if w := get(path, "127.0.0.1:4000"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"marked":"L'igname se plante en mars."`) {
		t.Errorf("at home: %d %s", w.Code, w.Body)
	}
	if w := get(path, "192.0.2.7:4000"); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "mars") {
		t.Errorf("a private one from elsewhere: %d %s", w.Code, w.Body)
	}
	if w := get("/passages/"+item.Root+"/x", "127.0.0.1:4000"); w.Code != http.StatusBadRequest {
		t.Errorf("no number: %d", w.Code)
	}
	if _, err := n.Publish(t.Context(), item.Ref, node.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	if w := get(path, "192.0.2.7:4000"); w.Code != http.StatusOK {
		t.Errorf("a published one: %d %s", w.Code, w.Body)
	}
}

func TestErrorsKeepTheirCodeAndExitAcrossHTTP(t *testing.T) {
	c, _ := start(t)
	ctx := t.Context()
	empty := t.TempDir()
	outside := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(outside, "link.txt")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		code string
		exit int
		call func() error
	}{
		{"nothing of that name", "not_found", 4, func() error { _, err := c.Show(ctx, "rien"); return err }},
		{"pull of nothing", "not_found", 4, func() error { _, err := c.Pull(ctx, "rien", nil); return err }},
		{"an empty folder", "empty_folder", 1, func() error { _, err := c.Add(ctx, empty, node.AddOptions{}, nil); return err }},
		{"a link out of the folder", "outside_folder", 5, func() error { _, err := c.Add(ctx, outside, node.AddOptions{}, nil); return err }},
		{"a folder that is not there", "unreadable", 4, func() error { _, err := c.Add(ctx, "/nowhere/at/all", node.AddOptions{}, nil); return err }},
		{"an empty question", "empty_question", 2, func() error { _, err := c.Search(ctx, node.Question{Text: "  ?"}); return err }},
		{"a question of 100 kB", "question_too_long", 2, func() error {
			_, err := c.Ask(ctx, node.Question{Text: strings.Repeat("igname ", 15000)}, func(rag.Event) error { return nil })
			return err
		}},
		{"a request beyond all limits", "too_large", 2, func() error {
			_, err := c.Search(ctx, node.Question{Text: strings.Repeat("igname ", 200000)})
			return err
		}},
		{"an address that is none", "bad_address", 2, func() error { _, err := c.Join(ctx, "bonjour", false); return err }},
		{"a peer that does not answer", "unreachable", 11, func() error {
			_, err := c.Join(ctx, "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGNBmLRxS4K3V4ZUZRT1hKuK17jif55hyvDFHyYVwqZo5", false)
			return err
		}},
		{"no model to use", "not_found", 4, func() error { _, err := c.UseModel(ctx, "qwen", nil); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var e *api.Error
			if err := test.call(); !errors.As(err, &e) {
				t.Fatalf("error %v is not an api error", err)
			}
			if e.Code != test.code || e.Exit != test.exit {
				t.Errorf("code %s exit %d (%s), want %s exit %d", e.Code, e.Exit, e.Message, test.code, test.exit)
			}
		})
	}
}

func TestANodeThatDoesNotRunIsSaidSo(t *testing.T) {
	c, server := start(t)
	server.Close()
	if _, err := c.Status(t.Context()); !errors.Is(err, api.ErrNotRunning) {
		t.Errorf("status of a stopped node: %v", err)
	}
}

func TestPagesOfOtherSitesAndForeignNamesAreRefused(t *testing.T) {
	_, server := start(t)
	for _, test := range []struct {
		name, host, origin, site string
		want                     int
	}{
		{name: "by address", want: http.StatusOK},
		{name: "by localhost", host: "localhost:7117", want: http.StatusOK},
		{name: "by a known name", host: "savoirs.local", want: http.StatusOK},
		{name: "by a name that was made to point here", host: "evil.example", want: http.StatusForbidden},
		{name: "from a page of another site", origin: "http://evil.example", want: http.StatusForbidden},
		{name: "from an opaque page", origin: "null", want: http.StatusForbidden},
		{name: "from our own page", origin: server.URL, want: http.StatusOK},
		{name: "a browser says cross-site", site: "cross-site", want: http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+api.Prefix+"/search", strings.NewReader(`{"text":"igname"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if test.host != "" {
				req.Host = test.host
			}
			if test.origin != "" {
				req.Header.Set("Origin", test.origin)
			}
			if test.site != "" {
				req.Header.Set("Sec-Fetch-Site", test.site)
			}
			resp, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != test.want {
				body, _ := io.ReadAll(resp.Body)
				t.Errorf("status %d, want %d: %s", resp.StatusCode, test.want, body)
			}
		})
	}
}

func TestAFormOfAnotherSiteCannotBeTakenForJSON(t *testing.T) {
	_, server := start(t)
	resp, err := server.Client().Post(server.URL+api.Prefix+"/items/remove", "text/plain", strings.NewReader(`{"ref":"jardin"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a text/plain body gave %s, want 400", resp.Status)
	}
}

func TestChangesAreAcceptedFromThisMachineOnly(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	h := api.Handler(n, api.HandlerOptions{})
	for _, test := range []struct {
		path, body, from string
		want             int
	}{
		{"/items/remove", `{"ref":"rien"}`, "192.0.2.7:4000", http.StatusForbidden},
		{"/items/remove", `{"ref":"rien"}`, "127.0.0.1:4000", http.StatusNotFound},
		{"/items/remove", `{"ref":"rien"}`, "[::1]:4000", http.StatusNotFound},
		{"/search", `{"text":"igname"}`, "192.0.2.7:4000", http.StatusOK},
	} {
		req := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1"+api.Prefix+test.path, strings.NewReader(test.body))
		req.Header.Set("Content-Type", "application/json")
		req.RemoteAddr = test.from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != test.want {
			t.Errorf("%s from %s: %d, want %d", test.path, test.from, w.Code, test.want)
		}
	}
}

func TestLeavingInTheMiddleEndsTheGesture(t *testing.T) {
	c, _ := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("list after leaving: %v", err)
	}
}

func start(t *testing.T) (*api.Client, *httptest.Server) {
	t.Helper()
	n := nodetest.Start(t, 1)[0]
	server := httptest.NewServer(api.Handler(n, api.HandlerOptions{Hosts: []string{"savoirs.local"}}))
	t.Cleanup(server.Close)
	return api.NewClient(server.URL), server
}
