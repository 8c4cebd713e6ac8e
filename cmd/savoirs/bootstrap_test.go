package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestANodeIsMadeFromAStickWithNoNetwork runs what a stranger with a stick and a
// printed page does, in a network namespace that has nothing but itself: a
// school packs a bootstrap stick, and install.sh makes a node from it, twice.
func TestANodeIsMadeFromAStickWithNoNetwork(t *testing.T) {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root may make a namespace")
	}
	for _, shell := range []string{"dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip("no " + shell + " on this machine")
			}
			made := installed(t, path)
			for _, want := range []string{
				"Jardin", // of the school, on the new node
				"STOPPED THE DAMAGED ONE", "TWICE", "ONE IDENTITY", "no engine for models",
			} {
				if !strings.Contains(made, want) {
					t.Errorf("no %q in:\n%s", want, made)
				}
			}
		})
	}
}

// installed runs it all and returns what was said.
func installed(t *testing.T, shell string) string {
	t.Helper()
	work := t.TempDir()
	program, err := os.Executable() // which is savoirs when it is called that: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`set -eu
ip link set lo up
cd %s
mkdir -p tools kit/bin kit/systemd kit/model stick home docs kit/model/petit
ln %[2]s tools/savoirs 2>/dev/null || cp %[2]s tools/savoirs
cp tools/savoirs kit/bin/savoirs-linux-%[3]s
cp %[4]s/deploy/bootstrap/install.sh %[4]s/deploy/bootstrap/README.txt kit/
cp %[4]s/deploy/systemd/savoirs.service kit/systemd/
echo "no model, but the name of one" >kit/model/petit/petit.gguf
(cd kit && find . -type f ! -name SHA256SUMS | sed 's,^\./,,' | xargs sha256sum >SHA256SUMS)
export SAVOIRS_LANG=en SAVOIRS_ENGINE=none SAVOIRS_HTTP=127.0.0.1:0 HOME=$PWD/home
school() { SAVOIRS_DATA=$PWD/school tools/savoirs "$@"; }
echo "The yam is planted in March." >docs/yam.md
school init -q
school serve --local &
node=$!
until school status -q >/dev/null 2>&1; do kill -0 $node; sleep 0.1; done
school add docs --title Jardin >/dev/null
school publish jardin --yes >/dev/null
school stick pack stick --bootstrap=kit --yes
kill $node
wait $node || :

%[5]s stick/savoirs/install.sh --user
before=$(sha256sum home/.local/share/savoirs/identity.key)
%[5]s stick/savoirs/install.sh --user && echo TWICE
[ "$before" = "$(sha256sum home/.local/share/savoirs/identity.key)" ] && echo ONE IDENTITY
home/.local/bin/savoirs list
echo x >>stick/savoirs/README.txt
%[5]s stick/savoirs/install.sh --user || echo STOPPED THE DAMAGED ONE
`, work, program, runtime.GOARCH, filepath.Join(mustWD(t), "..", ".."), shellWord(shell))
	// The node that install.sh leaves running ends with its namespace of processes.
	run := exec.CommandContext(t.Context(), "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script)
	text, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(text)
}

func mustWD(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// shellWord is how a shell is called with a script.
func shellWord(path string) string {
	if filepath.Base(path) == "busybox" {
		return path + " sh"
	}
	return path
}
