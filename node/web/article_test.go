package web

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"savoirs/node"
)

// OpenArticle opens what is in plants.zim.
func (s shelf) OpenArticle(_ context.Context, _, name string, atHome bool) (node.Article, bool, error) {
	archive, inside, ok := strings.Cut(name, ".zim/")
	if !ok {
		return node.Article{}, false, nil
	}
	a := node.Article{Document: name, Archive: archive + ".zim"}
	switch {
	case !atHome:
		return a, true, node.ErrKeptHome
	case inside == "Yuca" || inside == "":
		a.Document = a.Archive + "/A/le manioc"
		a.Type = "text/html"
	case inside == "A/le manioc":
		a.Type = "text/html;raw=false"
	case inside == "plant.png":
		a.Type = "image/png"
	case inside == "run.js":
		a.Type = "application/javascript"
	default:
		return a, true, node.ErrNotFound
	}
	a.ReadSeekCloser = content{bytes.NewReader([]byte("<script>alert(1)</script>"))}
	return a, true, nil
}

type content struct{ io.ReadSeeker }

func (content) Close() error { return nil }

func TestAnArticleLoadsFromItsOwnArchiveAndRunsNothing(t *testing.T) {
	for name, want := range map[string]struct{ kind, disposition string }{
		"my, plants.zim/A/le%20manioc": {"text/html; charset=utf-8", ""},
		"my, plants.zim/plant.png":     {"image/png", ""},
		"my, plants.zim/run.js":        {"application/octet-stream", "attachment"},
	} {
		w := from(home, "/documents/bafy/"+strings.ReplaceAll(name, " ", "%20"))
		h := w.Header()
		if got := h.Get("Content-Type"); w.Code != 200 || got != want.kind {
			t.Errorf("%s: %d, %q", name, w.Code, got)
		}
		if got := h.Get("Content-Disposition"); !strings.HasPrefix(got, want.disposition) || want.disposition == "" && got != "" {
			t.Errorf("%s: disposition %q", name, got)
		}
		policy := h.Get("Content-Security-Policy")
		wants(t, policy, "sandbox; default-src 'none'", "img-src http://example.com/documents/bafy/my%2C%20plants.zim/ ", "form-action 'none'")
		if strings.Contains(policy, "script-src") || strings.Contains(policy, "allow-") || strings.Contains(policy, "'self'") {
			t.Errorf("%s: policy %q", name, policy)
		}
	}
}

func TestAnArticleUnderAnotherNameIsShownUnderItsOwn(t *testing.T) {
	for _, name := range []string{"plants.zim/Yuca", "plants.zim/"} {
		w := from(home, "/documents/bafy/"+name)
		if got := w.Header().Get("Location"); w.Code != 302 || got != "/documents/bafy/plants.zim/A/le%20manioc" {
			t.Errorf("%s: %d to %q", name, w.Code, got)
		}
	}
	if w := from(home, "/documents/bafy/plants.zim/nothing"); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	if w := from(away, "/documents/bafy/plants.zim/Yuca"); w.Code != 403 {
		t.Errorf("from another machine: %d", w.Code)
	}
}
