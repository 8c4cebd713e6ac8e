package api_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/api"
	"savoirs/node/nodetest"
)

func TestWhatIsPluggedIsToldToThisMachineOnly(t *testing.T) {
	media := t.TempDir()
	table := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(table, []byte("36 35 8:17 / "+media+" rw - vfat /dev/sdb1 rw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := nodetest.Start(t, 1, func(_ int, o *node.Options) { o.Media = node.Media{Table: table, Roots: []string{media}} })[0]
	h := api.Handler(n, api.HandlerOptions{})
	for from, want := range map[string]bool{"127.0.0.1:4000": true, "192.0.2.7:4000": false} {
		req := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1"+api.Prefix+"/status", nil)
		req.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if strings.Contains(w.Body.String(), media) != want {
			t.Errorf("asked from %s: %d %s", from, w.Code, w.Body)
		}
	}
}
