package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

func TestAddingTheSameFolderTwiceKeepsOneCopy(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	first := add(t, s, writeTree(t, files), AddOptions{Title: "first"})
	second := add(t, s, writeTree(t, files), AddOptions{Title: "second", Pin: true})
	if first.Existed || !second.Existed {
		t.Fatalf("existed: %v, %v", first.Existed, second.Existed)
	}
	want := first
	want.Existed, want.Pinned = true, true
	if d := diff(want, second); d != "" {
		t.Fatal(d)
	}
	copies, err := filepath.Glob(filepath.Join(s.dir, "*", "items", "*", "readme.txt"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("%d copies, %v", len(copies), err)
	}
	if left, _ := os.ReadDir(s.private.staging()); len(left) > 0 {
		t.Fatalf("staging is not empty: %v", left)
	}
}

func TestAddKeepsTitleKindOriginAndCounts(t *testing.T) {
	s := openTest(t)
	var last, total int64
	got := add(t, s, writeTree(t, someFiles()), AddOptions{Kind: "dataset", Origin: "ici", Progress: func(d, n int64) { last, total = d, n }})
	want := Item{Root: got.Root, Space: Private, Title: "tree", Kind: "dataset", Origin: "ici", Files: 7}
	for _, data := range someFiles() {
		want.Size += int64(len(data))
	}
	if d := diff(want, got); d != "" {
		t.Fatal(d)
	}
	if last != want.Size || total != want.Size {
		t.Fatalf("progress ended at %d of %d, want %d", last, total, want.Size)
	}
	dir := s.dir
	s.Close()
	again, err := reopen(t, dir).Item(got.Root)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, again); d != "" {
		t.Fatal(d)
	}
}

func TestAddOneFileWrapsItInAFolder(t *testing.T) {
	s := openTest(t)
	dir := writeTree(t, map[string][]byte{"a.txt": []byte("a"), "b.txt": []byte("b")})
	it := add(t, s, filepath.Join(dir, "a.txt"), AddOptions{})
	checkFiles(t, s, it, map[string][]byte{"a.txt": []byte("a")})
	if it.Title != "a.txt" {
		t.Fatal(it.Title)
	}
}

func TestAddedFilesArePlainAndReadOnly(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	it := add(t, s, writeTree(t, files), AddOptions{})
	for name, want := range files {
		p := filepath.Join(s.dir, "private", "items", it.Root.String(), name)
		got, err := os.ReadFile(p)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
		if st, err := os.Stat(p); err != nil || st.Mode().Perm() != 0o444 {
			t.Errorf("%s: mode %v, %v", name, st.Mode(), err)
		}
	}
}

func TestAddSkipsHiddenFiles(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a.txt": []byte("a"), ".hidden": []byte("h"), ".git/config": []byte("g")}), AddOptions{})
	checkFiles(t, s, it, map[string][]byte{"a.txt": []byte("a")})
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		make func(t *testing.T, dir string)
		want error
		path string
	}{
		{"an empty folder", func(*testing.T, string) {}, ErrEmpty, ""},
		{"only hidden files", func(t *testing.T, d string) { put(t, filepath.Join(d, ".x")) }, ErrEmpty, ""},
		{"only empty folders", func(t *testing.T, d string) { must(t, os.MkdirAll(filepath.Join(d, "a/b"), 0o755)) }, ErrEmpty, ""},
		{"a dangling link", func(t *testing.T, d string) { must(t, os.Symlink("nowhere", filepath.Join(d, "gone"))) }, ErrUnreadable, "gone"},
		{"a link to itself", func(t *testing.T, d string) { must(t, os.Symlink("loop", filepath.Join(d, "loop"))) }, ErrUnreadable, "loop"},
		{"a pipe", func(t *testing.T, d string) { must(t, syscall.Mkfifo(filepath.Join(d, "pipe"), 0o644)) }, ErrUnreadable, "pipe"},
		{"a link to a pipe", func(t *testing.T, d string) {
			must(t, syscall.Mkfifo(filepath.Join(d, ".pipe"), 0o644))
			must(t, os.Symlink(".pipe", filepath.Join(d, "link")))
		}, ErrUnreadable, "link"},
		{"a link out of the folder", func(t *testing.T, d string) {
			rel, err := filepath.Rel(d, outside)
			must(t, err)
			must(t, os.Symlink(rel, filepath.Join(d, "out")))
		}, ErrOutside, "out"},
		{"an absolute link out of the folder", func(t *testing.T, d string) { must(t, os.Symlink(outside, filepath.Join(d, "abs"))) }, ErrOutside, "abs"},
		{"a link to a folder outside", func(t *testing.T, d string) { must(t, os.Symlink("..", filepath.Join(d, "up"))) }, ErrOutside, "up"},
		{"a folder that holds itself", func(t *testing.T, d string) {
			must(t, os.Mkdir(filepath.Join(d, "sub"), 0o755))
			must(t, os.Symlink("../sub", filepath.Join(d, "sub", "again")))
		}, ErrUnreadable, "sub/again"},
		{"a name that is not UTF-8", func(t *testing.T, d string) { put(t, filepath.Join(d, "caf\xe9")) }, ErrUnreadable, "caf"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := openTest(t)
			dir := t.TempDir()
			c.make(t, dir)
			if c.path != "" {
				put(t, filepath.Join(dir, "also.txt"))
			}
			for _, inPlace := range []bool{false, true} {
				_, err := s.Add(context.Background(), dir, AddOptions{InPlace: inPlace})
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if !strings.Contains(err.Error(), filepath.Join(dir, c.path)) {
					t.Errorf("error does not name the path: %v", err)
				}
			}
			checkNothingLeft(t, s)
		})
	}
}

func TestAddFollowsALinkInsideTheFolder(t *testing.T) {
	s := openTest(t)
	dir := writeTree(t, map[string][]byte{"a.txt": []byte("a")})
	must(t, os.Symlink("a.txt", filepath.Join(dir, "b.txt")))
	it := add(t, s, dir, AddOptions{})
	checkFiles(t, s, it, map[string][]byte{"a.txt": []byte("a"), "b.txt": []byte("a")})
}

func TestAddRefusesWhatIsNotThere(t *testing.T) {
	s := openTest(t)
	if _, err := s.Add(context.Background(), filepath.Join(t.TempDir(), "none"), AddOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestAddRefusesWhatDoesNotFitBeforeByteOne(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, FreeFloor: -1})
	must(t, err)
	s.disk.floor = 1 << 50 // as if the disk were full: other tests take and free space meanwhile
	defer s.Close()

	_, err = s.Add(context.Background(), writeTree(t, someFiles()), AddOptions{})
	var full *NoSpaceError
	if !errors.Is(err, ErrNoSpace) || !errors.As(err, &full) {
		t.Fatalf("got %v, want ErrNoSpace", err)
	}
	if full.Need < 8<<20 || full.Have > 2<<20 {
		t.Fatalf("need %d, have %d", full.Need, full.Have)
	}
	checkNothingLeft(t, s)
}

func TestACancelledAddLeavesNothing(t *testing.T) {
	s := openTest(t)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.Add(ctx, writeTree(t, someFiles()), AddOptions{Progress: func(done, _ int64) {
		if done > 1<<20 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	checkNothingLeft(t, s)
}

func TestInPlaceFilesAreNotCopiedAndAChangedOneIsNamed(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	dir := writeTree(t, files)
	it := add(t, s, dir, AddOptions{InPlace: true})
	if it.InPlace != dir {
		t.Fatalf("in place %q, want %q", it.InPlace, dir)
	}
	checkFiles(t, s, it, files)
	if _, err := os.Stat(filepath.Join(s.private.items(), it.Root.String())); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a copy was made: %v", err)
	}
	copied := add(t, openTest(t), dir, AddOptions{})
	if copied.Root != it.Root {
		t.Fatalf("in place %s, copied %s", it.Root, copied.Root)
	}

	must(t, os.WriteFile(filepath.Join(dir, "readme.txt"), []byte("Bonsoir\n"), 0o644))
	fsys, err := s.FS(it.Root)
	must(t, err)
	if _, err := fs.ReadFile(fsys, "readme.txt"); !errors.Is(err, ErrDamaged) {
		t.Fatalf("got %v, want ErrDamaged", err)
	}
	damages, err := s.Verify(context.Background(), it.Root, nil)
	must(t, err)
	if len(damages) != 1 || damages[0].Path != "readme.txt" || !strings.Contains(damages[0].Reason, "changed") {
		t.Fatalf("%+v", damages)
	}
	if _, err := s.Receive(context.Background(), it.Root, ReceiveOptions{}); !errors.Is(err, ErrInPlace) {
		t.Fatalf("got %v, want ErrInPlace", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "readme.txt"), files["readme.txt"], 0o644))
	damages, err = s.Verify(context.Background(), it.Root, nil)
	if err != nil || len(damages) != 0 {
		t.Fatalf("%+v, %v", damages, err)
	}
	checkFiles(t, s, it, files)
	must(t, s.Drop(it.Root))
	if _, err := os.Stat(filepath.Join(dir, "readme.txt")); err != nil {
		t.Fatal(err)
	}
}

// The balanced layout is written here so that hashing can run in parallel; boxo's is the reference.
func TestLayoutIsThatOfBoxo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"empty.bin", "one.bin", "some.bin", "some.gguf", "twolevels.zim"} {
		size := map[string]int{"empty.bin": 0, "one.bin": 100, "some.bin": 5 << 20, "some.gguf": 3<<20 + 1, "twolevels.zim": 180 << 20}[name]
		t.Run(name, func(t *testing.T) {
			if size > 64<<20 && testing.Short() {
				t.Skip("long")
			}
			data := make([]byte, size)
			copy(data, noise(9, min(size, 8<<20)))
			src := writeTree(t, map[string][]byte{name: data})
			s := openTest(t)
			it := add(t, s, src, AddOptions{})
			top, err := s.private.node(it.Root)
			must(t, err)
			o, err := open(place{c: it.Root, role: entry, size: -1}, top)
			must(t, err)

			bs := blockstore.NewBlockstore(dssync.MutexWrap(ds.NewMapDatastore()))
			params := helpers.DagBuilderParams{Dagserv: merkledag.NewDAGService(blockservice.New(bs, nil)),
				Maxlinks: linksPerNode, RawLeaves: true, CidBuilder: nodePrefix}
			b, err := params.New(splitter(bytes.NewReader(data), name, ""))
			must(t, err)
			want, err := balanced.Layout(b)
			must(t, err)
			if o.children[0].c != want.Cid() {
				t.Fatalf("got %s, want %s", o.children[0].c, want.Cid())
			}
		})
	}
}

func TestALargeFolderIsShardedAndReadBack(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	files := make(map[string][]byte)
	for i := range 2500 {
		files["d/"+strings.Repeat("n", 80)+itoa(i)] = []byte{byte(i), byte(i >> 8)}
	}
	it := add(t, s, writeTree(t, files), AddOptions{})
	shards := 0
	must(t, walk(context.Background(), it.Root, s.private.node, func(_ place, o opened, _ []byte) error {
		if o.shape == moreOf {
			shards++
		}
		return nil
	}, func(_ place, err error) error { return err }))
	if shards == 0 {
		t.Fatal("not sharded")
	}
	checkFiles(t, s, it, files)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, path string) { t.Helper(); must(t, os.WriteFile(path, []byte("x"), 0o644)) }

// checkNothingLeft says that a store holds no item and no remains of one.
func checkNothingLeft(t *testing.T, s *Store) {
	t.Helper()
	for it := range s.Items() {
		t.Errorf("item %s is there", it.Root)
	}
	for _, sp := range s.spaces() {
		for _, d := range []string{sp.items(), sp.incoming(), sp.staging(), sp.loose()} {
			if left, err := os.ReadDir(d); err != nil || len(left) > 0 {
				t.Errorf("%s holds %v, %v", d, left, err)
			}
		}
		if err := sp.idx.each([]byte{sp.name[0]}, func(k, _ []byte) error {
			t.Errorf("index holds %q", k)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}
