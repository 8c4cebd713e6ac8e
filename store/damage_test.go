package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	ipld "github.com/ipfs/go-ipld-format"
)

// flip changes one byte of a file of an item on the disk.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	must(t, os.Chmod(path, 0o644))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	must(t, err)
	_, err = f.WriteAt([]byte{b[0] ^ 1}, at)
	must(t, err)
}

func TestAWrongByteOnDiskIsMarkedNeverServedAndRepaired(t *testing.T) {
	ctx := context.Background()
	files := someFiles()
	delete(files, "models/same-as-big.gz") // no second copy to fall back on
	good := openTest(t)
	src := writeTree(t, files)
	add(t, good, src, AddOptions{})
	s := openTest(t)
	it := add(t, s, src, AddOptions{Space: Mesh})
	onDisk := filepath.Join(s.mesh.items(), it.Root.String(), "big.bin")
	flip(t, onDisk, 1<<20)

	fsys, err := s.FS(it.Root)
	must(t, err)
	if _, err := fs.ReadFile(fsys, "big.bin"); !errors.Is(err, ErrDamaged) {
		t.Fatalf("got %v, want ErrDamaged", err)
	}
	f, err := fsys.Open("big.bin")
	must(t, err)
	head := make([]byte, 1000)
	if _, err := f.(io.ReaderAt).ReadAt(head, 0); err != nil || string(head) != string(files["big.bin"][:1000]) {
		t.Fatalf("a right range does not read: %v", err)
	}
	if got, _ := s.Item(it.Root); got.Bad != 1 {
		t.Fatalf("%d marks, want 1", got.Bad)
	}

	damages, err := s.Verify(ctx, it.Root, nil)
	must(t, err)
	if len(damages) != 1 || damages[0].Path != "big.bin" || damages[0].Offset > 1<<20 || damages[0].Offset+damages[0].Length <= 1<<20 {
		t.Fatalf("%+v", damages)
	}
	bad := damages[0].Block
	if _, err := s.Blocks(Mesh).Get(ctx, bad); !ipld.IsNotFound(err) {
		t.Fatalf("got %v, want not found", err)
	}
	if ok, _ := s.Blocks(Mesh).Has(ctx, bad); ok {
		t.Fatal("a marked block is offered")
	}
	if err := s.Export(ctx, it.Root, io.Discard); !errors.Is(err, ErrDamaged) {
		t.Fatalf("got %v, want ErrDamaged", err)
	}

	// Marks survive a restart.
	dir := s.dir
	must(t, s.Close())
	s = reopen(t, dir)
	if got, _ := s.Item(it.Root); got.Bad != 1 {
		t.Fatalf("%d marks after a restart, want 1", got.Bad)
	}

	in := receive(t, s, it.Root, ReceiveOptions{Space: Mesh})
	if _, err := in.Complete(ctx); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v, want ErrIncomplete", err)
	}
	fetched := 0
	for _, b := range blocksOf(t, good, it.Root) {
		if ok, _ := in.Has(ctx, b.Cid()); !ok {
			fetched++
			must(t, in.Put(ctx, b))
		}
	}
	if fetched != 1 {
		t.Errorf("%d blocks fetched, want 1", fetched)
	}
	got, err := in.Complete(ctx)
	must(t, err)
	if got.Bad != 0 {
		t.Errorf("%d marks after the repair", got.Bad)
	}
	checkFiles(t, s, got, files)
	if d, err := s.Verify(ctx, it.Root, nil); err != nil || len(d) > 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if st, _ := os.Stat(onDisk); st.Mode().Perm() != 0o444 {
		t.Errorf("mode %v after the repair", st.Mode())
	}
}

func TestVerifyFindsAndRepairMends(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		break_ func(t *testing.T, dir string, root string)
		path   string // of the first damage; "" is the .dag file
	}{
		{"a missing file", func(t *testing.T, dir, root string) { must(t, os.Remove(filepath.Join(dir, root, "big.bin"))) }, "big.bin"},
		{"a missing small file", func(t *testing.T, dir, root string) { must(t, os.Remove(filepath.Join(dir, root, "readme.txt"))) }, "readme.txt"},
		{"a missing folder", func(t *testing.T, dir, root string) { must(t, os.RemoveAll(filepath.Join(dir, root, "jardins"))) }, "jardins/creole.md"},
		{"a file cut short", func(t *testing.T, dir, root string) { must(t, os.Truncate(filepath.Join(dir, root, "big.bin"), 1<<20)) }, "big.bin"},
		{"a small file cut short", func(t *testing.T, dir, root string) { must(t, os.Truncate(filepath.Join(dir, root, "readme.txt"), 2)) }, "readme.txt"},
		{"an emptied small file", func(t *testing.T, dir, root string) { must(t, os.Truncate(filepath.Join(dir, root, "readme.txt"), 0)) }, "readme.txt"},
		{"a file that grew", func(t *testing.T, dir, root string) { must(t, os.Truncate(filepath.Join(dir, root, "big.bin"), 9<<20)) }, "big.bin"},
		{"a small file that grew", func(t *testing.T, dir, root string) { must(t, os.Truncate(filepath.Join(dir, root, "readme.txt"), 9)) }, "readme.txt"},
		{"an empty file that grew", func(t *testing.T, dir, root string) { must(t, os.Truncate(filepath.Join(dir, root, "empty.txt"), 9)) }, "empty.txt"},
		{"a wrong node", func(t *testing.T, dir, root string) { flip(t, filepath.Join(dir, root+".dag"), 200) }, ""},
		{"a garbled .dag", func(t *testing.T, dir, root string) {
			must(t, os.WriteFile(filepath.Join(dir, root+".dag"), noise(7, 900), 0o644))
		}, ""},
		{"a missing .dag", func(t *testing.T, dir, root string) { must(t, os.Remove(filepath.Join(dir, root+".dag"))) }, ""},
	}
	files := someFiles()
	delete(files, "models/same-as-big.gz")
	src := writeTree(t, files)
	good := openTest(t)
	want := add(t, good, src, AddOptions{Title: "t"})
	bs := blocksOf(t, good, want.Root)
	for _, c := range cases {
		for _, lost := range []bool{false, true} {
			name := c.name
			if lost {
				name += " and the index lost"
			}
			t.Run(name, func(t *testing.T) {
				ctx := context.Background()
				s := openTest(t)
				it := add(t, s, src, AddOptions{Title: "t"})
				c.break_(t, s.private.items(), it.Root.String())
				if lost {
					dir := s.dir
					must(t, s.Close())
					must(t, os.RemoveAll(filepath.Join(dir, "index")))
					s = reopen(t, dir)
				}
				damages, err := s.Verify(ctx, it.Root, nil)
				must(t, err)
				if len(damages) == 0 {
					t.Fatal("nothing found")
				}
				path := c.path
				if path == "" {
					path = it.Root.String() + ".dag"
				}
				if damages[0].Path != path {
					t.Errorf("%+v, want %s", damages[0], path)
				}
				in := receive(t, s, it.Root, ReceiveOptions{})
				must(t, in.PutMany(ctx, bs))
				got, err := in.Complete(ctx)
				must(t, err)
				if d := diff(want, got); d != "" {
					t.Error(d)
				}
				checkFiles(t, s, got, files)
				if d, err := s.Verify(ctx, it.Root, nil); err != nil {
					t.Errorf("%v", err)
				} else if len(d) > 0 && d[0].Reason != "longer than it should be" {
					t.Errorf("still damaged: %+v", d)
				}
				checkIndexAgrees(t, s)
			})
		}
	}
}

func TestARightCopyElsewhereInTheSpaceIsServed(t *testing.T) {
	s := openTest(t)
	one := add(t, s, writeTree(t, map[string][]byte{"a": noise(1, 1<<20), "one": nil}), AddOptions{})
	two := add(t, s, writeTree(t, map[string][]byte{"b": noise(1, 1<<20), "two": nil}), AddOptions{})
	flip(t, filepath.Join(s.private.items(), one.Root.String(), "a"), 5)
	checkFiles(t, s, one, map[string][]byte{"a": noise(1, 1<<20), "one": nil})
	if got, _ := s.Item(one.Root); got.Bad != 1 {
		t.Fatalf("%d marks, want 1", got.Bad)
	}
	// And the repair needs nobody.
	in := receive(t, s, one.Root, ReceiveOptions{})
	got, err := in.Complete(context.Background())
	must(t, err)
	if got.Bad != 0 {
		t.Fatalf("%d marks", got.Bad)
	}
	checkFiles(t, s, two, map[string][]byte{"b": noise(1, 1<<20), "two": nil})
}

func TestVerifyUnmarksWhatIsRightAgain(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a": noise(1, 1<<20)}), AddOptions{})
	p := filepath.Join(s.private.items(), it.Root.String(), "a")
	flip(t, p, 5)
	if d, err := s.Verify(context.Background(), it.Root, nil); err != nil || len(d) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	flip(t, p, 5)
	if d, err := s.Verify(context.Background(), it.Root, nil); err != nil || len(d) != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if got, _ := s.Item(it.Root); got.Bad != 0 {
		t.Fatalf("%d marks", got.Bad)
	}
}

func TestALooseBlockThatIsWrongIsRemoved(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	b := rawBlock(t, noise(5, 1000))
	must(t, s.Blocks(Mesh).Put(ctx, b))
	flip(t, filepath.Join(s.mesh.loose(), loosePath(b.Cid())), 3)
	if _, err := s.Blocks(Mesh).Get(ctx, b.Cid()); !ipld.IsNotFound(err) {
		t.Fatalf("got %v, want not found", err)
	}
	if _, err := os.Stat(filepath.Join(s.mesh.loose(), loosePath(b.Cid()))); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	must(t, s.Blocks(Mesh).Put(ctx, b))
	if got, err := s.Blocks(Mesh).Get(ctx, b.Cid()); err != nil || got.Cid() != b.Cid() {
		t.Fatal(err)
	}
}

func TestBlocksHashesWhatItReads(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a": noise(1, 1000)}), AddOptions{Space: Mesh})
	flip(t, filepath.Join(s.mesh.items(), it.Root.String(), "a"), 5)
	b := rawBlock(t, noise(1, 1000))
	if _, err := s.Blocks(Mesh).Get(ctx, b.Cid()); !ipld.IsNotFound(err) {
		t.Fatalf("got %v, want not found", err)
	}
	if got, _ := s.Item(it.Root); got.Bad != 1 {
		t.Fatalf("%d marks, want 1", got.Bad)
	}
}
