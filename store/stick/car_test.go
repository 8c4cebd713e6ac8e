package stick

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	car "github.com/ipld/go-car/v2"
)

func TestAPackIsACarThatOthersRead(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a, b := src.file(t, 1, 9, 10_000), src.file(t, 2, 30, 100)
	m := pack(t, dir, src, Options{}, a.parcel(), b.parcel())
	got := make(map[cid.Cid]bool)
	roots := make(map[cid.Cid]bool)
	for _, p := range m.Packs {
		f, err := os.Open(filepath.Join(dir, top, p.car()))
		try(t, err)
		defer f.Close()
		r, err := car.NewBlockReader(f)
		try(t, err)
		if r.Version != 1 {
			t.Errorf("version %d", r.Version)
		}
		for _, c := range r.Roots {
			roots[c] = true
		}
		n := 0
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			try(t, err)
			if !bytes.Equal(b.RawData(), src.blocks[b.Cid()]) || got[b.Cid()] {
				t.Errorf("block %s", b.Cid())
			}
			got[b.Cid()] = true
			n++
		}
		if n != p.Blocks {
			t.Errorf("%d blocks, %d named", n, p.Blocks)
		}
	}
	if len(got) != len(a.refs)+len(b.refs) || len(roots) != 2 || !roots[a.root] || !roots[b.root] {
		t.Errorf("%d blocks, roots %v", len(got), roots)
	}
}

// TestKuboImportsTheSameRoots needs the program SAVOIRS_TEST_KUBO, which deploy/bench/peers.sh builds.
func TestKuboImportsTheSameRoots(t *testing.T) {
	program := os.Getenv("SAVOIRS_TEST_KUBO")
	if program == "" {
		if os.Getenv("SAVOIRS_REQUIRE_KUBO") == "1" {
			t.Fatal("SAVOIRS_TEST_KUBO is not set")
		}
		t.Skip("no real kubo: SAVOIRS_TEST_KUBO is not set")
	}
	dir, src, repo := t.TempDir(), newSource(), t.TempDir()
	a, b := src.file(t, 1, 9, 10_000), src.file(t, 2, 30, 100)
	m := pack(t, dir, src, Options{}, a.parcel(), b.parcel())
	ipfs := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), "IPFS_PATH="+repo, "IPFS_TELEMETRY=off")
		cmd.Stderr = t.Output()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ipfs %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	ipfs("init", "--empty-repo", "--profile=test")
	ipfs("config", "--json", "AutoConf.Enabled", "false")
	args := []string{"dag", "import", "--pin-roots=false", "--enc=json"}
	for _, p := range m.Packs {
		args = append(args, filepath.Join(dir, top, p.car()))
	}
	ipfs(args...)
	for _, it := range []item{a, b} {
		var content []byte
		for _, r := range it.refs[1:] {
			content = append(content, src.blocks[r.Cid]...)
		}
		if got := ipfs("cat", "--offline", it.root.String()); got != string(content) {
			t.Errorf("%s has %d bytes there, not %d", it.root, len(got), len(content))
		}
		var pinned struct{ Pins []string }
		try(t, json.Unmarshal([]byte(ipfs("pin", "add", "--offline", "--enc=json", it.root.String())), &pinned))
		if !slices.Equal(pinned.Pins, []string{it.root.String()}) {
			t.Errorf("pinned %v", pinned.Pins)
		}
	}
}
