package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/ipfs/go-cid"
)

// openTest opens a store in a fresh folder, without a free-space floor.
func openTest(t testing.TB) *Store {
	t.Helper()
	return reopen(t, t.TempDir())
}

func reopen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, FreeFloor: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// noise returns n bytes that depend on seed only.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return b
}

// writeTree makes a folder of files and returns it.
func writeTree(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for name, data := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func someFiles() map[string][]byte {
	return map[string][]byte{
		"readme.txt":            []byte("Bonjour\n"),
		"empty.txt":             {},
		"big.bin":               noise(1, 3<<20),
		"jardins/creole.md":     []byte("# Jardin créole\n"),
		"jardins/deep/a/b.txt":  noise(2, 300<<10),
		"models/tiny.gguf":      noise(3, 2<<20+17),
		"models/same-as-big.gz": noise(1, 3<<20),
	}
}

func add(t testing.TB, s *Store, dir string, o AddOptions) Item {
	t.Helper()
	it, err := s.Add(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// checkFiles reads an item through FS and compares.
func checkFiles(t testing.TB, s *Store, it Item, want map[string][]byte) {
	t.Helper()
	fsys, err := s.FS(it.Root)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		got, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		if w, ok := want[p]; !ok || !bytes.Equal(got, w) {
			t.Errorf("%s: %d bytes, want %d (known: %v)", p, len(got), len(w), ok)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != len(want) {
		t.Errorf("%d files, want %d", n, len(want))
	}
}

func TestAnItemIsAnFS(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	it := add(t, s, writeTree(t, files), AddOptions{})
	checkFiles(t, s, it, files)
	fsys, err := s.FS(it.Root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for n := range files {
		names = append(names, n)
	}
	if err := fstest.TestFS(fsys, names...); err != nil {
		t.Fatal(err)
	}
}

func TestASecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	reopen(t, dir)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	}
}

// diff compares with cmp, and CIDs by what they are.
func diff(want, got any) string { return cmp.Diff(want, got, cmp.Comparer(cid.Cid.Equals)) }

func itoa(i int) string { return strconv.Itoa(i) }
