package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The test binary is also, by its first argument, the engine it starts, the runner
// of that engine, and a parent to be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "fake-engine", "fake-engine-whose-runner-stays":
			fakeEngine(os.Args[1], os.Args[2])
			return
		case "fake-runner":
			select {}
		case "parent":
			parent(os.Args[2], os.Args[3:])
			return
		}
	}
	os.Exit(m.Run())
}

// fakeEngine serves a fake Ollama on socket, with a runner of its own. The model
// "dies" ends the engine in the middle of its answer; the answer of "environment"
// is the environment; that of "runner" the process number of the runner.
func fakeEngine(kind, socket string) {
	runner := exec.Command(os.Args[0], "fake-runner", socket)
	if kind == "fake-engine" { // as the real one does
		runner.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	if err := runner.Start(); err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "fake engine on", socket)
	f := newFakeOllama()
	for _, n := range []string{"dies", "environment", "runner"} {
		f.models[n+":latest"] = fakeModel{gguf: digestOf(n)}
	}
	f.chat = func(model string, say func(string)) (bool, string) {
		switch model {
		case "dies:latest":
			say("Fermer")
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case "environment:latest":
			say(strings.Join(os.Environ(), "\n"))
		case "runner:latest":
			say(strconv.Itoa(runner.Process.Pid))
		}
		return true, ""
	}
	ln, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	_ = http.Serve(ln, f)
}

// parent opens an engine, says so, and waits to be killed. With models it answers
// once with the first of them, so that a runner is there.
func parent(dir string, command []string) {
	e, err := Open(context.Background(), Options{Host: "none", Command: command, Dir: dir})
	if err != nil {
		panic(err)
	}
	if g, _, err := e.Generator(context.Background(), ""); err == nil {
		if err := g.Generate(context.Background(), promptOf("un"), func(string) error { return nil }); err != nil {
			panic(err)
		}
	}
	fmt.Println("ready")
	select {}
}

// shortDir is a folder whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// openChild returns an engine whose embedded engine is the fake one, with Run going.
func openChild(t *testing.T, dir string) *Engine {
	t.Helper()
	e, err := Open(t.Context(), Options{
		Host: "none", Command: []string{os.Args[0], "fake-engine-whose-runner-stays"}, Dir: dir,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	supervise(t, e)
	return e
}

// supervise has e run until the test ends, and then closes it.
func supervise(t *testing.T, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// processesOf lists the processes that have dir in their command line, but for
// the test's own.
func processesOf(dir string) []int {
	var pids []int
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		line, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		if err == nil && pid != os.Getpid() && strings.Contains(string(line), dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestAnEngineThatDiesInAnAnswerIsAnErrorAndTheNextCallWorks(t *testing.T) {
	e := openChild(t, shortDir(t))
	for range 2 {
		text, err := generate(t.Context(), t, e, "dies")
		if !errors.Is(err, ErrEngineDied) || text != "Fermer" {
			t.Errorf("text %q, error %v", text, err)
		}
		if text, err := generate(t.Context(), t, e, "environment"); err != nil || text == "" {
			t.Fatalf("the next call: %v", err)
		}
	}
}

func TestTheRunnersOfAnEngineThatDiesAreEnded(t *testing.T) {
	dir := shortDir(t)
	e := openChild(t, dir)
	text, err := generate(t.Context(), t, e, "runner")
	if err != nil {
		t.Fatal(err)
	}
	runner, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = generate(t.Context(), t, e, "dies")
	eventually(t, "the runner is gone", func() bool {
		for _, pid := range processesOf(dir) {
			if pid == runner {
				return false
			}
		}
		return true
	})
}

func TestClosingLeavesNoProcessAndNoSocket(t *testing.T) {
	dir := shortDir(t)
	e := openChild(t, dir)
	if n := len(processesOf(dir)); n != 2 {
		t.Errorf("%d processes while open, want the engine and its runner", n)
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if pids := processesOf(dir); len(pids) != 0 {
		t.Errorf("processes left: %v", pids)
	}
	if _, err := os.Stat(filepath.Join(dir, "engine.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket left: %v", err)
	}
	if _, _, err := e.Generator(t.Context(), ""); err == nil {
		t.Error("a closed engine still answers")
	}
}

func TestAParentThatIsKilledLeavesNoProcess(t *testing.T) {
	killParent(t, shortDir(t), os.Args[0], "fake-engine")
}

// killParent starts a parent with an engine, kills it, and waits until nothing of
// it is left.
func killParent(t *testing.T, dir string, command ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"parent", dir}, command...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		_ = cmd.Process.Kill()
		t.Fatalf("parent said %q, %v", line, err)
	}
	if n := len(processesOf(dir)); n < 3 {
		t.Errorf("%d processes, want a parent, an engine and a runner", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "no process of it is left", func() bool { return len(processesOf(dir)) == 0 })
}

func TestALongFolderGetsAShortSocket(t *testing.T) {
	dir := filepath.Join(shortDir(t), strings.Repeat("x", 100))
	e := openChild(t, dir)
	if len(e.child.socket) > maxSocketPath {
		t.Errorf("socket %s", e.child.socket)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(e.child.scratch); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder left: %v", err)
	}
}

func TestTheEngineGetsNothingOfOurEnvironment(t *testing.T) {
	t.Setenv("OLLAMA_HOST", "192.0.2.1")
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1")
	t.Setenv("TMPDIR", os.TempDir())
	dir := shortDir(t)
	text, err := generate(t.Context(), t, openChild(t, dir), "environment")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		got[name] = value
	}
	want := map[string]string{
		"HOME": dir, "PATH": os.Getenv("PATH"), "TMPDIR": os.TempDir(), "GIN_MODE": "release",
		"OLLAMA_MODELS": filepath.Join(dir, "models"), "OLLAMA_NOPRUNE": "1", "OLLAMA_NO_CLOUD": "1", "OLLAMA_MAX_LOADED_MODELS": "2",
		"OLLAMA_NUM_PARALLEL": "1", "OLLAMA_KEEP_ALIVE": "10m", "OLLAMA_CONTEXT_LENGTH": "4096",
	}
	delete(got, "LD_LIBRARY_PATH")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnEngineThatDoesNotStartSaysWhy(t *testing.T) {
	dir := shortDir(t)
	if _, err := Open(t.Context(), Options{Host: "none", Command: []string{filepath.Join(dir, "none")}, Dir: dir}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such program: %v", err)
	}
	_, err := Open(t.Context(), Options{Host: "none", Command: []string{"/bin/sh", "-c", "echo illegal instruction >&2; exit 1"}, Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "illegal instruction") {
		t.Errorf("ends at once: %v", err)
	}
}
