package store

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The benchmarks compare with what the machine can do at best, in the same run:
//
//	x-copy   our time, by that of copying the same files and flushing once
//	x-hash   our CPU time, by that of SHA-256 over the same bytes on one core
//
// A plain run is short. STORE_BENCH_MIB=1024 and STORE_BENCH_FILES=10000 are the sizes that targets are given for.

func benchEnv(b *testing.B, name string, short int) int {
	b.Helper()
	v := os.Getenv(name)
	if v == "" {
		return short
	}
	n, err := strconv.Atoi(v)
	must(b, err)
	return n
}

// benchFile makes a file of STORE_BENCH_MIB of noise, or 64 MiB, without holding it in memory.
func benchFile(b *testing.B, name string) (path string, size int64) {
	b.Helper()
	size = int64(benchEnv(b, "STORE_BENCH_MIB", 64)) << 20
	path = filepath.Join(b.TempDir(), name)
	f, err := os.Create(path)
	must(b, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	must(b, err)
	must(b, f.Sync())
	must(b, f.Close())
	return path, size
}

// benchTree makes a folder with STORE_BENCH_FILES files of 10 KiB, or 1,000, so many to a folder.
func benchTree(b *testing.B, perFolder int) (dir string, size int64) {
	b.Helper()
	const each = 10 << 10
	dir = filepath.Join(b.TempDir(), "tree")
	n := benchEnv(b, "STORE_BENCH_FILES", 1000)
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("d%03d", i/perFolder))
		must(b, os.MkdirAll(sub, 0o755))
		must(b, os.WriteFile(filepath.Join(sub, fmt.Sprintf("page-%05d.html", i)), noise(uint64(i), each), 0o644))
	}
	must(b, syncFileSystem(dir))
	return dir, int64(n) * each
}

// meter measures the parts of a benchmark that count.
type meter struct {
	began    time.Time
	cpu      time.Duration
	wallSum  time.Duration
	cpuSum   time.Duration
	baseCopy time.Duration
	baseHash time.Duration
}

// newMeter measures the anchors: copying path and flushing once, and hashing it.
func newMeter(b *testing.B, path string) *meter {
	b.Helper()
	m := &meter{}
	to := filepath.Join(b.TempDir(), "copy")
	m.start()
	must(b, copyTree(path, to))
	m.baseCopy, _ = m.lap() // and it stays: ext4 is slow to make files where many have just been removed
	m.start()
	must(b, hashTree(path))
	_, m.baseHash = m.lap()
	m.wallSum, m.cpuSum = 0, 0
	runtime.GC()
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak of the memory counts from here
	return m
}

func (m *meter) start() { m.began, m.cpu = time.Now(), cpuTime() }

func (m *meter) lap() (wall, cpu time.Duration) {
	wall, cpu = time.Since(m.began), cpuTime()-m.cpu
	m.wallSum += wall
	m.cpuSum += cpu
	return wall, cpu
}

// report says how it went for n laps over so many bytes each.
func (m *meter) report(b *testing.B, bytes int64) {
	b.SetBytes(bytes)
	n := float64(b.N)
	gib := n * float64(bytes) / (1 << 30)
	b.ReportMetric(m.wallSum.Seconds()/n, "s/lap")
	b.ReportMetric(m.cpuSum.Seconds()/gib, "cpu-s/GiB")
	b.ReportMetric(m.wallSum.Seconds()/n/m.baseCopy.Seconds(), "x-copy")
	b.ReportMetric(m.cpuSum.Seconds()/n/m.baseHash.Seconds(), "x-hash")
	b.ReportMetric(m.baseCopy.Seconds(), "copy-s")
	b.ReportMetric(m.baseHash.Seconds(), "hash-cpu-s")
	b.ReportMetric(0, "ns/op")
	status, err := os.ReadFile("/proc/self/status")
	must(b, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	must(b, err)
	b.ReportMetric(kb/1024, "peak-RSS-MB")
}

// cpuTime is what this process has used of all processors, in the kernel too.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func copyTree(from, to string) error {
	buf := make([]byte, 1<<20)
	err := filepath.WalkDir(from, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := to + strings.TrimPrefix(p, from)
		if d.IsDir() {
			return os.Mkdir(at, 0o755)
		}
		out, err := os.Create(at)
		if err != nil {
			return err
		}
		defer out.Close()
		return readInto(p, out, buf)
	})
	if err != nil {
		return err
	}
	return syncFileSystem(filepath.Dir(to))
}

func hashTree(dir string) error {
	sum, buf := sha256.New(), make([]byte, 1<<20)
	return filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return readInto(p, sum, buf)
	})
}

// readInto reads as a program does that has to look at the bytes.
func readInto(path string, w io.Writer, buf []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{f}, buf)
	return err
}
