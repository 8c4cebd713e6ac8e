package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/nodetest"
	"savoirs/node/web"
)

// plugged starts a node beside a drive, which is a folder that a table of mounts
// calls one, and serves it. The drive's folder is returned.
func plugged(t *testing.T, title string) (*node.Node, http.Handler, string) {
	t.Helper()
	media := t.TempDir()
	drive := filepath.Join(media, "CLE")
	table := filepath.Join(t.TempDir(), "mountinfo")
	line := "36 35 8:17 / " + drive + " rw - vfat /dev/sdb1 rw\n"
	if err := os.Mkdir(drive, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(table, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	n := nodetest.Start(t, 1, func(_ int, o *node.Options) {
		o.Name, o.Media = title, node.Media{Table: table, Roots: []string{media}}
	})[0]
	dir := nodetest.Folder(t, map[string]string{"fiche.md": "# " + title + "\n\nUne fiche de savoirs.\n"})
	item, err := n.Add(t.Context(), dir, node.AddOptions{Title: title}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Publish(t.Context(), item.Ref, node.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	return n, api.Handler(n, api.HandlerOptions{Web: web.Handler(n, web.Options{Lang: "fr"})}), drive
}

func TestAStickIsPreparedAndLoadedInABrowser(t *testing.T) {
	ctx := browser(t)
	_, h, drive := plugged(t, "Jardin")
	a := httptest.NewServer(h)
	t.Cleanup(a.Close)
	do(t, ctx, chromedp.Navigate(a.URL+"/stick?lang=fr"), chromedp.WaitVisible(".drive"))
	do(t, ctx, chromedp.Click(`form[action="/stick/prepare"] button`), chromedp.WaitVisible(`input[name="all"]`))
	do(t, ctx, chromedp.Click(`input[name="all"]`), chromedp.Click(`form[action="/stick/prepare"] button`), chromedp.WaitVisible(".plan"))
	if plan := run(t, ctx, chromedp.Text(".plan")); !strings.Contains(plan, "Jardin") {
		t.Errorf("what would be written: %q", plan)
	}
	if _, err := os.Stat(filepath.Join(drive, "savoirs", "MANIFEST")); err == nil {
		t.Error("something was written before it was shown and said yes to")
	}
	do(t, ctx, chromedp.Click(".plan button"), chromedp.WaitVisible(".result"))
	if text := run(t, ctx, chromedp.Text(".result")); !strings.Contains(text, "porte 1 élément") {
		t.Errorf("packed: %q", text)
	}

	_, h, other := plugged(t, "Puits")
	if err := os.CopyFS(other, os.DirFS(drive)); err != nil {
		t.Fatal(err)
	}
	b := httptest.NewServer(h)
	t.Cleanup(b.Close)
	do(t, ctx, chromedp.Navigate(b.URL+"/stick?lang=fr"), chromedp.WaitVisible(`form[action="/stick/load"]`))
	if text := run(t, ctx, chromedp.Text(".drive")); !strings.Contains(text, "Écrite par") || !strings.Contains(text, "Jardin") {
		t.Errorf("on the stick: %q", text)
	}
	do(t, ctx, chromedp.Click(`form[action="/stick/load"] button`), chromedp.WaitVisible(".result"))
	if text := run(t, ctx, chromedp.Text(".result")); !strings.Contains(text, "Jardin") || !strings.Contains(text, "attend votre accord") {
		t.Errorf("loaded: %q", text)
	}
	// Nothing can be unmounted here, and so nothing is said to be safe to remove.
	do(t, ctx, chromedp.Click(`.result form button`), chromedp.WaitVisible(".fault"))
}

func TestSticksAreForThisMachineAndOurOwnPages(t *testing.T) {
	_, h, drive := plugged(t, "Jardin")
	elsewhere := t.TempDir()
	for _, test := range []struct {
		name, method, path, from, origin, site, dir string
		want                                        int
	}{
		{name: "read at home", method: "GET", path: "/stick", from: "127.0.0.1:4000", want: http.StatusOK},
		{name: "read elsewhere", method: "GET", path: "/stick", from: "192.0.2.7:4000", want: http.StatusForbidden},
		{name: "prepared elsewhere", method: "GET", path: "/stick/prepare", from: "192.0.2.7:4000", dir: drive, want: http.StatusForbidden},
		{name: "written elsewhere", method: "POST", path: "/stick/pack", from: "192.0.2.7:4000", origin: "http://127.0.0.1", dir: drive, want: http.StatusForbidden},
		{name: "from nobody knows where", method: "POST", path: "/stick/load", from: "127.0.0.1:4000", dir: drive, want: http.StatusForbidden},
		{name: "from another site", method: "POST", path: "/stick/load", from: "127.0.0.1:4000", origin: "http://evil.example", dir: drive, want: http.StatusForbidden},
		{name: "from another site, as the browser says", method: "POST", path: "/stick/load", from: "127.0.0.1:4000", site: "cross-site", dir: drive, want: http.StatusForbidden},
		{name: "a folder that is no drive", method: "POST", path: "/stick/pack", from: "127.0.0.1:4000", origin: "http://127.0.0.1", dir: elsewhere, want: http.StatusConflict},
		{name: "a stick that is none", method: "POST", path: "/stick/load", from: "127.0.0.1:4000", site: "same-origin", dir: drive, want: http.StatusSeeOther},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := url.Values{"dir": {test.dir}, "all": {"1"}}.Encode()
			target := "http://127.0.0.1" + test.path
			if test.method == "GET" {
				target += "?" + body
			}
			r := httptest.NewRequestWithContext(t.Context(), test.method, target, strings.NewReader(body))
			r.RemoteAddr = test.from
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for name, value := range map[string]string{"Origin": test.origin, "Sec-Fetch-Site": test.site} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("%d, not %d: %s", w.Code, test.want, w.Body)
			}
			if w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), drive) {
				t.Error("it names what is plugged")
			}
		})
	}
}
