package store

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	car "github.com/ipld/go-car/v2"
)

// benchSize is how much a benchmark moves: STORE_BENCH_MIB, or 64 MiB.
func benchSize(b *testing.B) int64 {
	if v := os.Getenv("STORE_BENCH_MIB"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		must(b, err)
		return n << 20
	}
	return 64 << 20
}

// benchFile makes a file of noise without holding it in memory.
func benchFile(b *testing.B, name string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), name)
	f, err := os.Create(path)
	must(b, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), benchSize(b))
	must(b, err)
	must(b, f.Sync())
	must(b, f.Close())
	return path
}

// peak resets the peak of the resident memory, and returns a function that reports it.
func peak(b *testing.B) func() {
	runtime.GC()
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return func() {
		status, err := os.ReadFile("/proc/self/status")
		must(b, err)
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		must(b, err)
		b.ReportMetric(kb/1024, "peak-RSS-MB")
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, name := range []string{"by-content.bin", "fixed.gguf"} {
		for _, inPlace := range []bool{false, true} {
			b.Run(name+" in place "+strconv.FormatBool(inPlace), func(b *testing.B) {
				path := benchFile(b, name)
				s := openTest(b)
				b.SetBytes(benchSize(b))
				report := peak(b)
				for b.Loop() {
					it := add(b, s, path, AddOptions{InPlace: inPlace})
					b.StopTimer()
					must(b, s.Drop(it.Root))
					b.StartTimer()
				}
				report()
			})
		}
	}
}

func BenchmarkImport(b *testing.B) {
	benchReceive(b, func(b *testing.B, s *Store, f *os.File, it Item) {
		_, err := s.Import(context.Background(), f, ReceiveOptions{Size: it.Size})
		must(b, err)
	})
}

func BenchmarkReceive(b *testing.B) {
	benchReceive(b, func(b *testing.B, s *Store, f *os.File, it Item) {
		ctx := context.Background()
		in, err := s.Receive(ctx, it.Root, ReceiveOptions{Size: it.Size})
		must(b, err)
		defer in.Close()
		r, err := car.NewBlockReader(bufio.NewReaderSize(f, 256<<10), car.WithTrustedCAR(true))
		must(b, err)
		for done := false; !done; {
			var bs []blocks.Block
			for size := 0; size < 16<<20; {
				n, err := r.Next()
				if done = err == io.EOF; done {
					break
				}
				must(b, err)
				bs = append(bs, n)
				size += len(n.RawData())
			}
			must(b, in.PutMany(ctx, bs))
		}
		_, err = in.Complete(ctx)
		must(b, err)
	})
}

func benchReceive(b *testing.B, do func(*testing.B, *Store, *os.File, Item)) {
	for _, name := range []string{"by-content.bin", "fixed.gguf"} {
		b.Run(name, func(b *testing.B) {
			from := openTest(b)
			it := add(b, from, benchFile(b, name), AddOptions{})
			path := filepath.Join(b.TempDir(), "item.car")
			f, err := os.Create(path)
			must(b, err)
			defer f.Close()
			must(b, from.Export(context.Background(), it.Root, f))
			must(b, f.Sync())
			must(b, from.Close())
			s := openTest(b)
			b.SetBytes(benchSize(b))
			report := peak(b)
			for b.Loop() {
				_, err := f.Seek(0, io.SeekStart)
				must(b, err)
				do(b, s, f, it)
				b.StopTimer()
				must(b, s.Drop(it.Root))
				b.StartTimer()
			}
			report()
		})
	}
}
