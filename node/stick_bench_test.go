package node_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"savoirs/node"
	"savoirs/node/nodetest"
)

// BenchmarkStick packs and loads SAVOIRS_STICK_MB megabytes (256 unless said)
// and copies as many with fsync: the ratios are what is looked at.
func BenchmarkStick(b *testing.B) {
	size := 256
	if v, err := strconv.Atoi(os.Getenv("SAVOIRS_STICK_MB")); err == nil {
		size = v
	}
	from, home := b.TempDir(), b.TempDir()
	random := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, 1<<20)
	for i := range 4 {
		f, err := os.Create(filepath.Join(from, strconv.Itoa(i)+".dat"))
		must(b, err)
		for range size / 4 {
			random.Read(buf)
			_, err := f.Write(buf)
			must(b, err)
		}
		must(b, f.Close())
	}
	nodes := nodetest.Start(b, 2, schools("A", "B"))
	it, err := nodes[0].Add(b.Context(), from, node.AddOptions{Title: "Beaucoup", InPlace: true}, nil)
	must(b, err)
	_, err = nodes[0].Publish(b.Context(), it.Root, node.PublishOptions{})
	must(b, err)
	for b.Loop() {
		usb, err := os.MkdirTemp(home, "")
		must(b, err)
		began := time.Now()
		_, err = nodes[0].PackStick(b.Context(), usb, node.PackOptions{All: true}, nil)
		must(b, err)
		packed := time.Since(began)
		began = time.Now()
		l, err := nodes[1].LoadStick(b.Context(), usb, nil)
		must(b, err)
		loaded := time.Since(began)
		if len(l.Items) != 1 || l.Bytes < int64(size)<<20 {
			b.Fatalf("loaded %+v", l)
		}
		began = time.Now()
		copyAll(b, from, filepath.Join(home, "copy"))
		copied := time.Since(began)
		b.ReportMetric(packed.Seconds()/copied.Seconds(), "pack/cp")
		b.ReportMetric(loaded.Seconds()/copied.Seconds(), "load/cp")
		b.ReportMetric(copied.Seconds(), "cp-s")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// copyAll is cp and fsync.
func copyAll(b *testing.B, from, to string) {
	must(b, os.CopyFS(to, os.DirFS(from)))
	f, err := os.Open(to)
	must(b, err)
	must(b, unix.Syncfs(int(f.Fd())))
	must(b, f.Close())
	must(b, os.RemoveAll(to))
}
