// Package nodetest starts several real nodes in one process for tests: real
// stores in temporary folders, real libp2p on 127.0.0.1, no multicast, no
// model unless one is given. They know nothing of each other until the test
// connects them.
package nodetest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"savoirs/node"
)

// Start returns count running nodes, stopped at the end of the test. Each edit
// may change the options of node i before it opens.
func Start(t testing.TB, count int, edits ...func(i int, o *node.Options)) []*node.Node {
	t.Helper()
	nodes := make([]*node.Node, count)
	for i := range nodes {
		o := Options(t, t.TempDir())
		for _, edit := range edits {
			edit(i, &o)
		}
		nodes[i], _ = Run(t, o)
	}
	return nodes
}

// Options are those of a test node in dir, which it makes if need be.
func Options(t testing.TB, dir string) node.Options {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "identity.key")); err != nil {
		if _, err := node.Init(dir); err != nil {
			t.Fatal(err)
		}
	}
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	return node.Options{
		Dir:    dir,
		Listen: []string{"/ip4/127.0.0.1/tcp/0"}, OllamaHost: "none",
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level})),
	}
}

// Run opens and runs a node until the end of the test or until stop is called,
// whichever is first.
func Run(t testing.TB, o node.Options) (n *node.Node, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n, err := node.Open(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(stop)
	return n, stop
}

// Connect makes a and b neighbours.
func Connect(t testing.TB, a, b *node.Node) {
	t.Helper()
	if _, err := a.Join(t.Context(), b.ID().Addrs[0], false); err != nil {
		t.Fatal(err)
	}
	Until(t, "both see each other", func() bool { return sees(a, b) && sees(b, a) })
}

func sees(a, b *node.Node) bool {
	for _, p := range a.Peers() {
		if p.ID.String() == b.ID().ID {
			return true
		}
	}
	return false
}

// Until waits for a state, at most 20 seconds.
func Until(t testing.TB, what string, reached func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !reached() {
		select {
		case <-deadline.C:
			t.Fatalf("20 s passed without: %s", what)
		case <-look.C:
		}
	}
}

// Folder makes a folder of documents: names and texts.
func Folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "documents")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
