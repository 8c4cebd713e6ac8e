package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/rag"
)

var _ Asker = (*node.Node)(nil)

// shelf answers every question with the same answer.
type shelf struct {
	Carrier
	Judge
	status node.Status
	answer rag.Answer
	err    error
}

func (s shelf) Status(context.Context) (node.Status, error) { return s.status, nil }

func (s shelf) Ask(_ context.Context, q node.Question, emit func(rag.Event) error) (rag.Answer, error) {
	if errors.Is(s.err, rag.ErrQuestionTooLong) {
		return rag.Answer{}, s.err
	}
	if err := emit(rag.Event{Kind: rag.EventSources, Sources: s.answer.Sources}); err != nil {
		return rag.Answer{}, err
	}
	s.answer.Question = q.Text
	return s.answer, s.err
}

func cyclone() shelf {
	return shelf{
		status: node.Status{Items: 1, Passages: 1200, Peers: 2, Chat: "qwen"},
		answer: rag.Answer{
			Text: "Rentrez ce qui peut s'envoler [1]. Le 12 [2024] reste du texte [7].", Lang: "fr", Known: true,
			Sources: []rag.Citation{
				{N: 1, Passage: rag.Passage{Doc: "cyclone.md", Title: "Préparer un cyclone", Heading: "Avant", Page: 2, Lang: "fr", Text: "Rentrez tout."}},
				{N: 2, Passage: rag.Passage{Doc: "siklon.txt", Lang: "gcf", Context: "Avan siklòn :", Text: "Séré tout biten."}},
			},
		},
	}
}

func get(t *testing.T, n Asker, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	Handler(n, Options{}).ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(b)
}

func wants(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("page lacks %q", text)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

func TestTheFirstPageHasABoxExamplesAndCounts(t *testing.T) {
	resp, page := get(t, cyclone(), "/")
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	wants(t, page, `<html lang="fr">`, `<label for="q">`, `action="/ask"`, "1\u00a0200 passages", "2 nœuds reliés")
	if n := strings.Count(page, `<a href="/ask?q=`); n != 3 {
		t.Errorf("%d examples, want 3", n)
	}
}

func TestAnAnswerPageIsCompleteWithoutJavaScript(t *testing.T) {
	_, page := get(t, cyclone(), "/ask?q="+url.QueryEscape("Que faire ?"))
	wants(t, page, "<h1>Que faire ?</h1>", `id="s1"`, "Préparer un cyclone · Avant", "page 2", `<blockquote lang="gcf"><span class="doc">Avan siklòn :</span>Séré tout biten.</blockquote>`,
		`<a class="cite" href="#s1">[1]</a>`, "[2024]", "[7]", "</html>")
	if strings.Contains(page, `href="#s7"`) {
		t.Error("a number that is no source became a link")
	}
	if strings.Index(page, `id="s1"`) > strings.Index(page, `class="cite"`) {
		t.Error("the answer comes before its sources")
	}
}

func TestWithoutAModelThePassagesStandOpen(t *testing.T) {
	n := cyclone()
	n.status.Chat, n.answer.Text = "", ""
	_, page := get(t, n, "/ask?q=cyclone")
	if c := strings.Count(page, "<details open>"); c != 2 {
		t.Errorf("%d passages open, want 2", c)
	}
	wants(t, page, "Aucun modèle ne répond ici")
}

func TestNothingForeignIsEverMarkup(t *testing.T) {
	n := cyclone()
	evil := `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	n.status.Name, n.status.Territory = evil, evil
	n.answer.Text, n.answer.Lang = evil, evil
	n.answer.Doubts = []rag.Doubt{{Kind: rag.DoubtQuote, Text: evil}}
	n.answer.Sources[0].Passage = rag.Passage{Doc: evil, Title: evil, Heading: evil, Lang: evil, Text: evil}
	_, page := get(t, n, "/ask?q="+url.QueryEscape(evil))
	for _, bad := range []string{"<script>alert", "<img", `onerror=alert(1)>`} {
		if i := strings.Index(page, bad); i >= 0 {
			t.Errorf("page holds %q: %s", bad, page[max(0, i-80):i+80])
		}
	}
}

func TestEveryPageForbidsWhatIsNotOurs(t *testing.T) {
	for _, target := range []string{"/", "/ask?q=a", "/nowhere", "/web/ask.js"} {
		resp, page := get(t, cyclone(), target)
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		if target != "/web/ask.js" && regexp.MustCompile(`(?i)(src|href)="(https?:)?//|<style|style="|onclick=|<script>`).MatchString(page) {
			t.Errorf("%s: something foreign or inline in %s", target, page)
		}
	}
}

func TestTheLanguageIsTheOneChosenThenTheBrowsers(t *testing.T) {
	for _, c := range []struct{ target, header, value, want string }{
		{"/", "", "", "fr"},
		{"/", "Accept-Language", "ht,en-GB;q=0.8,fr;q=0.5", "en"},
		{"/?lang=fr", "Accept-Language", "en", "fr"},
		{"/", "Cookie", "lang=en", "en"},
		{"/?lang=xx", "", "", "fr"},
	} {
		resp, page := get(t, cyclone(), c.target, c.header, c.value)
		if !strings.Contains(page, fmt.Sprintf("<html lang=%q>", c.want)) {
			t.Errorf("%s %s: not in %s", c.target, c.value, c.want)
		}
		if chosen := strings.Contains(c.target, "lang=fr"); chosen != (len(resp.Cookies()) == 1) {
			t.Errorf("%s: cookies %v", c.target, resp.Cookies())
		}
	}
}

func TestAnAnswerThatFailsKeepsItsSourcesAndSaysSo(t *testing.T) {
	n := cyclone()
	n.err = errors.New("the model went away")
	_, page := get(t, n, "/ask?q=cyclone")
	wants(t, page, "Rentrez tout.", "La réponse n’a pas pu être écrite", "</html>")
}

func TestATooLongQuestionIsRefusedInWords(t *testing.T) {
	n := cyclone()
	n.err = rag.ErrQuestionTooLong
	resp, page := get(t, n, "/ask?q=long")
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error(resp.Status)
	}
	wants(t, page, "trop longue")
}

func TestAnEmptyQuestionLeadsHome(t *testing.T) {
	resp, _ := get(t, cyclone(), "/ask?q=+")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
		t.Errorf("%s to %q", resp.Status, resp.Header.Get("Location"))
	}
}

func TestPagesAndTheirFilesStayWithinTheBudget(t *testing.T) {
	for name, most := range map[string]int{"style.css": 12 << 10, "ask.js": 20 << 10, "icon.svg": 2 << 10} {
		resp, body := get(t, cyclone(), "/web/"+name)
		if resp.StatusCode != http.StatusOK || len(body) > most || resp.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %s, %d bytes of at most %d, %q", name, resp.Status, len(body), most, resp.Header.Get("Content-Type"))
		}
		again, _ := get(t, cyclone(), "/web/"+name, "If-None-Match", resp.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s asked again: %s", name, again.Status)
		}
	}
	if _, page := get(t, cyclone(), "/"); len(page) > 30<<10 {
		t.Errorf("first page has %d bytes", len(page))
	}
}

func TestThePageGivesTheScriptEveryWordItSays(t *testing.T) {
	_, script := get(t, cyclone(), "/web/ask.js")
	_, page := get(t, cyclone(), "/")
	upper := regexp.MustCompile(`[A-Z]`)
	said := regexp.MustCompile(`\bwords\.([a-zA-Z]+)`).FindAllStringSubmatch(script, -1)
	if len(said) < 5 {
		t.Fatalf("the script says only %v", said)
	}
	for _, m := range said {
		name := "data-" + upper.ReplaceAllStringFunc(m[1], func(c string) string { return "-" + strings.ToLower(c) })
		if !strings.Contains(page, name+`="`) || strings.Contains(page, name+`=""`) {
			t.Errorf("the script says words.%s and the page has no %s", m[1], name)
		}
	}
}

func TestAPathThatDoesNotExistSaysSo(t *testing.T) {
	resp, page := get(t, cyclone(), "/nowhere")
	if resp.StatusCode != http.StatusNotFound {
		t.Error(resp.Status)
	}
	wants(t, page, "Cette page n’existe pas")
	if resp, _ := get(t, cyclone(), "/web/../web.go"); resp.StatusCode == http.StatusOK {
		t.Error("a file outside static was served")
	}
}
