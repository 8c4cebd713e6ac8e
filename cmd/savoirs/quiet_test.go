package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"savoirs/node"
	"savoirs/p2p/linktest"
)

// BenchmarkQuiet measures real nodes that have met by multicast and have
// nothing to do, each in a network namespace: what leaves the interface, also
// the headers and the multicast, and what it costs the processor. Bytes by
// class, on streams, are logged. SAVOIRS_BENCH_SECONDS changes how long.
//
//	go test -run '^$' -bench Quiet -benchtime 1x ./cmd/savoirs
func BenchmarkQuiet(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "savoirs")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	during := 120 * time.Second
	if s, err := strconv.Atoi(os.Getenv("SAVOIRS_BENCH_SECONDS")); err == nil {
		during = time.Duration(s) * time.Second
	}
	for _, n := range []int{2, 5} {
		b.Run(fmt.Sprintf("%d-nodes", n), func(b *testing.B) {
			for b.Loop() {
				measureQuiet(b, binary, n, during)
			}
		})
	}
}

func measureQuiet(b *testing.B, binary string, n int, during time.Duration) {
	network, err := linktest.New(make([]linktest.Link, n)...)
	if errors.Is(err, linktest.ErrNeedsRoot) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer network.Close()
	var nodes []quietNode
	for i := range n {
		q := startQuiet(b, binary, network.Host(i))
		defer q.stop()
		nodes = append(nodes, q)
	}
	for _, q := range nodes {
		until(b, "everybody has met", func() bool { return len(q.line(b).Traffic.Peers) == n-1 })
	}
	<-time.After(20 * time.Second) // until they have said what they have to say
	var before []quietState
	for _, q := range nodes {
		before = append(before, q.state(b))
	}
	<-time.After(during)
	var sent, cpu float64
	for i, q := range nodes {
		was, is := before[i], q.state(b)
		sent += float64(is.sent-was.sent) / float64(n-1) / float64(n)
		cpu += (is.cpu - was.cpu).Seconds() / float64(n)
		b.Logf("node %d: %d packets; %d bytes on streams: %s", i, is.packets-was.packets,
			is.line.Traffic.Total.Sum().Sent-was.line.Traffic.Total.Sum().Sent, classes(was.line, is.line))
	}
	b.ReportMetric(sent*float64(24*time.Hour/time.Second)/during.Seconds()/1e6, "MB/day/peer")
	b.ReportMetric(cpu*60/during.Seconds(), "cpu-s/min")
	b.ReportMetric(float64(nodes[0].resident(b))/1e6, "MB-rss")
	b.ReportMetric(0, "ns/op")
}

// classes tells what was sent of each class between two looks.
func classes(was, is node.Line) string {
	a, z := was.Traffic.Total, is.Traffic.Total
	return fmt.Sprintf("bulk %d, catalogue %d, discovery %d, search %d, other %d", z.Bulk.Sent-a.Bulk.Sent,
		z.Catalogue.Sent-a.Catalogue.Sent, z.Discovery.Sent-a.Discovery.Sent, z.Search.Sent-a.Search.Sent, z.Other.Sent-a.Other.Sent)
}

// quietNode is a node in a host.
type quietNode struct {
	host        *linktest.Host
	binary, dir string
	pid         int
	stop        func()
}

type quietState struct {
	sent, packets int64
	cpu           time.Duration
	line          node.Line
}

func startQuiet(b *testing.B, binary string, host *linktest.Host) quietNode {
	b.Helper()
	dir := b.TempDir()
	if out, err := exec.Command(binary, "--data", dir, "init").CombinedOutput(); err != nil {
		b.Fatalf("init: %v\n%s", err, out)
	}
	cmd := host.Command(binary, "--data", dir, "serve", "--http", "127.0.0.1:0", "--mdns")
	cmd.Env = append(os.Environ(), "OLLAMA_HOST=none", "SAVOIRS_ENGINE=none")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	until(b, "the node answers", func() bool {
		_, err := os.Stat(filepath.Join(dir, "http.addr"))
		return err == nil
	})
	return quietNode{host: host, binary: binary, dir: dir, pid: cmd.Process.Pid, stop: func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if b.Failed() {
			b.Log(log.String())
		}
	}}
}

func (q quietNode) line(b *testing.B) (l node.Line) {
	b.Helper()
	out, err := q.host.Command(q.binary, "--data", q.dir, "mesh", "limits", "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &l)
	}
	if err != nil {
		b.Fatalf("limits: %v: %s", err, out)
	}
	return l
}

func (q quietNode) state(b *testing.B) quietState {
	b.Helper()
	s := quietState{line: q.line(b)}
	var err error
	if s.sent, s.packets, err = q.host.Sent(); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", q.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after) // utime and stime are fields 14 and 15 of all, in hundredths of a second
	for _, f := range fields[11:13] {
		ticks, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		s.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	return s
}

func (q quietNode) resident(b *testing.B) int64 {
	b.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", q.pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
