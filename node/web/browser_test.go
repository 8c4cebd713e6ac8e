package web_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/nodetest"
	"savoirs/node/web"
)

// browser starts a real Chromium, headless. Where there is none the test is
// skipped, which in CI is a failure.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("no chromium on this machine")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// serve runs a real node with one dataset behind its real handler.
func serve(t *testing.T) string {
	t.Helper()
	n := nodetest.Start(t, 1)[0]
	dir := nodetest.Folder(t, map[string]string{
		"igname.md":  "# L'igname\n\nL'igname se plante en mars, sur des billons, après les premières pluies.\n",
		"citerne.md": "# La citerne\n\nNettoyez la citerne chaque année et fermez-la contre les moustiques.\n",
		"danger.md":  "# Danger\n\nLe mancenillier <script>document.title='pris'</script> brûle la peau : ne le touchez pas.\n",
	})
	if _, err := n.Add(t.Context(), dir, node.AddOptions{Title: "Jardin"}, nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler(n, api.HandlerOptions{Web: web.Handler(n, web.Options{Lang: "fr"})}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAPersonAsksInABrowserAndReadsTheSources(t *testing.T) {
	url := serve(t)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(url+"/"), chromedp.SendKeys("#q", "Quand planter l'igname ?\r"), chromedp.WaitVisible(".sources li"))
	if where := run(t, ctx, chromedp.Text(".sources li .where")); !strings.Contains(where, "igname") {
		t.Errorf("first source: %q", where)
	}
	if text := run(t, ctx, chromedp.Text(".sources li blockquote")); !strings.Contains(text, "mars") {
		t.Errorf("its passage: %q", text)
	}
	if ready := run(t, ctx, chromedp.Poll[string](`document.getElementById("ready").textContent`)); ready == "" {
		t.Error("the live region says nothing")
	}
	if address := run(t, ctx, chromedp.Location()); !strings.Contains(address, "/ask?q=") {
		t.Errorf("address of the answer: %s", address)
	}
}

func TestASourceOpensItsDocumentAtThePassageMarked(t *testing.T) {
	url := serve(t)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(url+"/"), chromedp.SendKeys("#q", "Quand planter l'igname ?\r"), chromedp.WaitVisible(".sources li:first-child a.open"))
	do(t, ctx, chromedp.Click(".sources li:first-child a.open"), chromedp.WaitVisible("mark#passage"))
	if marked := run(t, ctx, chromedp.Text("mark#passage")); !strings.Contains(marked, "se plante en mars") || strings.Contains(marked, "# L'igname") {
		t.Errorf("marked: %q", marked)
	}
	if text := run(t, ctx, chromedp.Text(".opened .text")); !strings.Contains(text, "# L'igname") {
		t.Errorf("the document around it: %q", text)
	}
	// The same without the script: links of the plain page lead to the same place.
	do(t, ctx, chromedp.Navigate(url+"/ask?q=mancenillier+peau"), chromedp.WaitVisible(".sources li:first-child a.open"))
	do(t, ctx, chromedp.Click(".sources li:first-child a.open"), chromedp.WaitVisible("mark#passage"))
	if title := run(t, ctx, chromedp.Title()); title == "pris" {
		t.Error("a script of a document ran in the page that shows it")
	}
	do(t, ctx, chromedp.Click("a.document"), chromedp.WaitVisible("pre"))
	if text := run(t, ctx, chromedp.Text("pre")); !strings.Contains(text, "<script>") || run(t, ctx, chromedp.Title()) == "pris" {
		t.Errorf("the document itself: %q", text)
	}
}

func TestWhatADocumentSaysNeverRunsInTheBrowser(t *testing.T) {
	url := serve(t)
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(url+"/"), chromedp.SendKeys("#q", "mancenillier brûle la peau\r"), chromedp.WaitVisible(".sources li"))
	if title := run(t, ctx, chromedp.Title()); title == "pris" {
		t.Error("a script of a document ran after asking in the page")
	}
	do(t, ctx, chromedp.Navigate(url+"/ask?q=mancenillier+peau"), chromedp.WaitVisible(".sources li"))
	if shown := run(t, ctx, chromedp.Text(".sources")); !strings.Contains(shown, "mancenillier") {
		t.Errorf("sources: %q", shown)
	}
	if title := run(t, ctx, chromedp.Title()); title == "pris" {
		t.Error("a script of a document ran in the plain page")
	}
}

func TestAPhoneOf320PixelsNeedsNoSidewaysScrolling(t *testing.T) {
	url := serve(t)
	ctx := browser(t)
	do(t, ctx, chromedp.EmulateViewport(320, 640), chromedp.Navigate(url+"/ask?q=igname"), chromedp.WaitVisible(".sources li"))
	if run(t, ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`)) {
		t.Error("the page is wider than the screen")
	}
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func run[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
