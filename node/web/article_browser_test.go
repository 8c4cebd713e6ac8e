package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/nodetest"
	"savoirs/node/web"
	"savoirs/rag/zim/zimtest"
)

func TestAnArticleShowsItsPicturesAndAsksTheNodeNothing(t *testing.T) {
	ctx := browser(t)
	n := nodetest.Start(t, 1)[0]
	file := filepath.Join(t.TempDir(), "plantes.zim")
	page := `<html><head><title>Igname</title></head><body><h1>Igname</h1><p>L'igname se plante en mars, sur des billons, après les premières pluies.</p>
<script>document.title = "pris"</script><img src="/ask?q=igname"><img src="/web/icon.svg"><img src="I/igname.svg"><a id="next" href="Manioc">Manioc</a></body></html>`
	data := zimtest.Archive{Entries: []zimtest.Entry{
		{Name: "C/Igname", Title: "Igname", Text: page}, {Name: "C/Cassave", Title: "Cassave", Text: "<h1 id='there'>Cassave</h1><p>Le manioc râpé se cuit en galettes.</p>"},
		{Name: "C/Manioc", To: "C/Cassave"}, {Name: "C/I/igname.svg", MIME: "image/svg+xml", Text: `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`},
	}}.Bytes()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	it, err := n.Add(t.Context(), file, node.AddOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards asked
	asked := map[string]bool{}
	pages := web.Handler(n, web.Options{Lang: "fr"})
	server := httptest.NewServer(api.Handler(n, api.HandlerOptions{Web: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path] = true
		mu.Unlock()
		pages.ServeHTTP(w, r)
	})}))
	t.Cleanup(server.Close)
	at := "/documents/" + it.Root + "/plantes.zim/"
	do(t, ctx, chromedp.Navigate(server.URL+at+"Igname"), chromedp.WaitVisible("#next"))
	if title := run(t, ctx, chromedp.Title()); title != "Igname" {
		t.Errorf("title %q", title)
	}
	do(t, ctx, chromedp.Click("#next"), chromedp.WaitVisible("#there"))
	if where := run(t, ctx, chromedp.Location()); !strings.HasSuffix(where, at+"Cassave") {
		t.Errorf("the link leads to %s", where)
	}
	mu.Lock()
	defer mu.Unlock()
	if !asked[at+"I/igname.svg"] || asked["/ask"] || asked["/web/icon.svg"] {
		t.Errorf("asked for %v", asked)
	}
}
