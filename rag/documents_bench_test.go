package rag_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"savoirs/rag/extract"
	"savoirs/rag/zim/zimtest"
)

// BenchmarkAnArchive reads an archive of 5,000 articles of some kB, or the one that SAVOIRS_TEST_ZIM
// names, alone and as a set that is indexed, and tells how many articles that is a second and the most
// memory that was in use.
func BenchmarkAnArchive(b *testing.B) {
	name := os.Getenv("SAVOIRS_TEST_ZIM")
	if name == "" {
		name = filepath.Join(b.TempDir(), "gardens.zim")
		if err := os.WriteFile(name, gardens(5000), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	fsys, base := os.DirFS(filepath.Dir(name)), filepath.Base(name)
	b.Run("reading", func(b *testing.B) {
		n, peak := 0, uint64(0)
		for b.Loop() {
			l, err := extract.OpenLibrary(fsys, base)
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range l.Articles(b.Context(), extract.Options{}) {
				if err != nil && !errors.Is(err, extract.ErrNoText) {
					b.Fatal(err)
				}
				if n++; n%500 == 0 {
					peak = max(peak, inUse())
				}
			}
			l.Close()
		}
		tell(b, n, peak)
	})
	b.Run("indexing", func(b *testing.B) {
		n, peak := 0, uint64(0)
		for b.Loop() {
			x := open(b, b.TempDir())
			report, err := x.Add(b.Context(), "s", "", only{fsys, base}, func(done, _ int) {
				if done%500 == 0 {
					peak = max(peak, inUse())
				}
			})
			if err != nil {
				b.Fatal(err)
			}
			n, peak = n+report.Documents, max(peak, inUse())
			x.Close()
		}
		tell(b, n, peak)
	})
}

func tell(b *testing.B, articles int, peak uint64) {
	b.ReportMetric(float64(articles)/b.Elapsed().Seconds(), "articles/s")
	b.ReportMetric(float64(peak)/(1<<20), "MiB-in-use")
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// gardens is an archive of n articles.
func gardens(n int) []byte {
	entries := []zimtest.Entry{zimtest.Metadata("Language", "fra")}
	for i := range n {
		var text bytes.Buffer
		fmt.Fprintf(&text, "<h1>Jardin %d</h1>", i)
		for k := range 40 {
			fmt.Fprintf(&text, "<p>Le carré %d donne du manioc, des ignames et du giraumon en saison %d ; la coopérative en vend une part.</p>", k, i+k)
		}
		entries = append(entries, zimtest.Entry{Name: fmt.Sprintf("C/%07d", i), Title: fmt.Sprintf("Jardin %d", i), Text: text.String()})
	}
	return zimtest.Archive{Compression: zimtest.Zstd, PerCluster: 300, Entries: entries}.Bytes()
}

// only is a folder of which one file is seen.
type only struct {
	fs.FS
	name string
}

func (o only) ReadDir(string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(o.FS, o.name)
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, err
}
