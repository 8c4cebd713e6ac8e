package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"savoirs/node"
	"savoirs/node/api"
)

// BenchmarkMemory runs the real binary, without a model, and prints the
// resident memory of a node: idle, and at its highest while 1 GiB is added and
// fetched by another node. SAVOIRS_BENCH_MIB changes the size.
//
//	go test -run '^$' -bench Memory -benchtime 1x ./cmd/savoirs
func BenchmarkMemory(b *testing.B) {
	mib := 1024
	if s := os.Getenv("SAVOIRS_BENCH_MIB"); s != "" {
		var err error
		if mib, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	binary := filepath.Join(b.TempDir(), "savoirs")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	for b.Loop() {
		source, here, there := randomFolder(b, mib), runNode(b, binary), runNode(b, binary)
		b.ReportMetric(here.memory(b, "VmRSS"), "MB-idle")

		here.resetPeak(b)
		start := time.Now()
		item, err := here.client.Add(b.Context(), source, node.AddOptions{Title: "masse"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(mib)/time.Since(start).Seconds(), "MiB/s-add")
		b.ReportMetric(here.memory(b, "VmHWM"), "MB-add")

		if _, err := here.client.Publish(b.Context(), item.Ref, node.PublishOptions{}); err != nil {
			b.Fatal(err)
		}
		id, err := here.client.ID(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := there.client.Join(b.Context(), id.Addrs[0], false); err != nil {
			b.Fatal(err)
		}
		until(b, "the offer arrives", func() bool {
			items, err := there.client.List(b.Context())
			return err == nil && len(items) == 1
		})
		here.resetPeak(b)
		there.resetPeak(b)
		start = time.Now()
		if _, err := there.client.Pull(b.Context(), item.Root, nil); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(mib)/time.Since(start).Seconds(), "MiB/s-pull")
		b.ReportMetric(there.memory(b, "VmHWM"), "MB-pull")
		b.ReportMetric(here.memory(b, "VmHWM"), "MB-serve")
	}
}

// nodeProcess is a node in a process of its own.
type nodeProcess struct {
	pid    int
	client *api.Client
}

func runNode(b *testing.B, binary string) nodeProcess {
	b.Helper()
	dir := b.TempDir()
	if out, err := exec.Command(binary, "--data", dir, "init").CombinedOutput(); err != nil {
		b.Fatalf("init: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--data", dir, "serve", "--local", "--listen", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "OLLAMA_HOST=none")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		cmd.Wait()
		if b.Failed() {
			b.Log(log.String())
		}
	})
	p := nodeProcess{pid: cmd.Process.Pid}
	until(b, "the node answers", func() bool {
		addr, err := os.ReadFile(filepath.Join(dir, "http.addr"))
		if err != nil {
			return false
		}
		p.client = api.NewClient(strings.TrimSpace(string(addr)))
		_, err = p.client.Status(b.Context())
		return err == nil
	})
	return p
}

// memory reads a field of /proc/PID/status in MB.
func (p nodeProcess) memory(b *testing.B, field string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		b.Fatalf("no %s", field)
	}
	kb, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb * 1024 / 1e6
}

// resetPeak makes VmHWM count from now (proc(5), clear_refs).
func (p nodeProcess) resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0o200); err != nil {
		b.Fatal(err)
	}
}

func randomFolder(b *testing.B, mib int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "masse")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "masse.bin"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.Reader, int64(mib)<<20); err != nil {
		b.Fatal(err)
	}
	return dir
}

func until(tb testing.TB, what string, reached func() bool) {
	tb.Helper()
	deadline := time.After(30 * time.Second)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !reached() {
		select {
		case <-deadline:
			tb.Fatalf("30 s passed without: %s", what)
		case <-look.C:
		}
	}
}
