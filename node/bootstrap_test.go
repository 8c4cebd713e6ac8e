package node_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
)

// kit makes a folder as deploy/bootstrap/build.sh does, from names and texts.
func kit(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := nodetest.Folder(t, files)
	var sums strings.Builder
	for name, text := range files {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(text)), name)
	}
	write(t, filepath.Join(dir, "SHA256SUMS"), sums.String())
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestABootstrapStickHoldsTheKitAndItsSums(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	from := kit(t, map[string]string{"install.sh": "true", "README.txt": "read me", "bin/savoirs-linux-amd64": "program", "bin/savoirs-linux-amd64-engine.cpu": "avx2"})
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, "mine")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "savoirs"), 0o700), os.Symlink(outside, filepath.Join(dir, "savoirs", "README.txt"))); err != nil {
		t.Fatal(err)
	}
	plan, err := n.PlanBootstrap(t.Context(), dir, from)
	if err != nil || plan.Size != int64(len("trueread meprogramavx2")) || strings.Join(plan.Programs, " ") != "savoirs-linux-amd64" {
		t.Errorf("%+v, %v", plan, err)
	}
	b, err := n.PackBootstrap(t.Context(), dir, from, nil)
	if err != nil || b.Written != plan.Size {
		t.Fatalf("%+v, %v", b, err)
	}
	check := exec.CommandContext(t.Context(), "sha256sum", "-c", "SHA256SUMS")
	check.Dir = filepath.Join(dir, "savoirs")
	if text, err := check.CombinedOutput(); err != nil || strings.Count(string(text), ": OK") != 4 {
		t.Errorf("%v %s", err, text)
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "mine" {
		t.Errorf("what a link on the stick leads to: %q, %v", b, err)
	}
	if again, err := n.PackBootstrap(t.Context(), dir, from, nil); err != nil || again.Written != 0 {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	write(t, filepath.Join(dir, "savoirs", "README.txt"), "re")
	if again, err := n.PackBootstrap(t.Context(), dir, from, nil); err != nil || again.Written != int64(len("read me")) {
		t.Errorf("after one was cut: %+v, %v", again, err)
	}
}

func TestAKitThatIsNotWholeMakesNoBootstrapStick(t *testing.T) {
	n := nodetest.Start(t, 1)[0]
	whole := map[string]string{"install.sh": "true", "README.txt": "read me"}
	for name, spoil := range map[string]func(dir string){
		"no sums":          func(dir string) { os.Remove(filepath.Join(dir, "SHA256SUMS")) },
		"a file is gone":   func(dir string) { os.Remove(filepath.Join(dir, "README.txt")) },
		"another content":  func(dir string) { write(t, filepath.Join(dir, "README.txt"), "other") },
		"a name elsewhere": func(dir string) { write(t, filepath.Join(dir, "SHA256SUMS"), strings.Repeat("0", 64)+"  ../x\n") },
		"no install.sh":    func(dir string) { write(t, filepath.Join(dir, "SHA256SUMS"), "") },
	} {
		t.Run(name, func(t *testing.T) {
			from, dir := kit(t, whole), t.TempDir()
			spoil(from)
			if b, err := n.PackBootstrap(t.Context(), dir, from, nil); !errors.Is(err, node.ErrNoKit) {
				t.Errorf("%+v, %v", b, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "savoirs", "SHA256SUMS")); err == nil {
				t.Error("it says that it is whole")
			}
		})
	}
}
