package engine

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOllamaHostIsReadAsOllamaReadsIt(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "http://127.0.0.1:11434",
		"localhost":               "http://localhost:11434",
		"0.0.0.0":                 "http://127.0.0.1:11434",
		"0.0.0.0:9000":            "http://127.0.0.1:9000",
		":9000":                   "http://127.0.0.1:9000",
		"192.168.1.2:":            "http://192.168.1.2:11434",
		"[::1]:9000":              "http://[::1]:9000",
		"[::1]":                   "http://[::1]:11434",
		"http://school":           "http://school:80",
		"https://school/ollama/":  "https://school:443/ollama",
		" http://school:11434/a ": "http://school:11434/a",
	} {
		got, err := parseHost(in)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"ftp://x", "http://a b", "http://%zz"} {
		if got, err := parseHost(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestAnEngineElsewhereIsNotCalled(t *testing.T) {
	for address, local := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "192.168.1.2:1": true, "10.0.0.1:1": true, "[fd00::1]:1": true, "[fe80::1%eth0]:1": true,
		"8.8.8.8:443": false, "[2606:4700::1111]:443": false, "[::ffff:8.8.8.8]:443": false, "100.64.0.1:1": false, "name:1": false,
	} {
		if err := onlyLocal("tcp", address, nil); (err == nil) != local || (err != nil && !errors.Is(err, ErrRemoteHost)) {
			t.Errorf("%s: %v", address, err)
		}
	}
	e, err := Open(t.Context(), Options{Host: "https://203.0.113.1"})
	if err != nil || e.Kind() != KindNone {
		t.Errorf("kind %q, %v", e.Kind(), err)
	}
}

func TestAnEngineThatRedirectsIsNotFollowed(t *testing.T) {
	f := newFakeOllama()
	there := httptest.NewServer(f)
	defer there.Close()
	here := httptest.NewServer(http.RedirectHandler(there.URL+"/api/version", http.StatusTemporaryRedirect))
	defer here.Close()
	e, err := Open(t.Context(), Options{Host: here.URL})
	if err != nil || e.Kind() != KindNone || len(f.calls) != 0 {
		t.Errorf("kind %q, %v, calls %v", e.Kind(), err, f.calls)
	}
}
