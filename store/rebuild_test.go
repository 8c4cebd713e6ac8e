package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

func TestALostOrDamagedIndexIsRebuilt(t *testing.T) {
	t.Parallel()
	each := func(do func(t *testing.T, path string)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			files, err := os.ReadDir(dir)
			must(t, err)
			for _, f := range files {
				do(t, filepath.Join(dir, f.Name()))
			}
		}
	}
	cases := []struct {
		name  string
		spoil func(t *testing.T, index string)
	}{
		{"deleted", func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }},
		{"emptied", each(func(t *testing.T, p string) { must(t, os.Remove(p)) })},
		{"all files cut in half", each(func(t *testing.T, p string) {
			st, err := os.Stat(p)
			must(t, err)
			must(t, os.Truncate(p, st.Size()/2))
		})},
		{"all files empty", each(func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) })},
		{"tables garbled", func(t *testing.T, dir string) {
			tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
			must(t, err)
			if len(tables) == 0 {
				t.Fatal("no tables")
			}
			for _, p := range tables {
				flip(t, p, 100)
			}
		}},
		{"all files garbled", each(func(t *testing.T, p string) {
			st, err := os.Stat(p)
			must(t, err)
			must(t, os.WriteFile(p, noise(3, int(min(st.Size(), 1<<20))), 0o600))
		})},
		{"opening killed the process", func(t *testing.T, dir string) { must(t, os.WriteFile(dir+".opening", nil, 0o600)) }},
		{"a file in its place", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, []byte("?"), 0o600))
		}},
	}
	ctx := context.Background()
	files := someFiles()
	s := openTest(t)
	one := add(t, s, writeTree(t, files), AddOptions{Title: "un", Kind: "dataset", Origin: "o", Pin: true})
	two := add(t, s, writeTree(t, map[string][]byte{"b": []byte("b")}), AddOptions{Title: "deux", Space: Mesh})
	three := add(t, s, writeTree(t, map[string][]byte{"c": []byte("c")}), AddOptions{InPlace: true})
	free := rawBlock(t, []byte("loose"))
	must(t, s.Blocks(Mesh).Put(ctx, free))
	other := openTest(t)
	far := add(t, other, writeTree(t, map[string][]byte{"far": noise(8, 1<<20)}), AddOptions{})
	farBlocks := blocksOf(t, other, far.Root)
	in := receive(t, s, far.Root, ReceiveOptions{Space: Mesh, Title: "loin"})
	must(t, in.PutMany(ctx, farBlocks[:3]))
	must(t, in.Close())
	must(t, s.Close())

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS(s.dir)))
			c.spoil(t, filepath.Join(dir, "index"))
			s := reopen(t, dir)
			if !s.Rebuilt() {
				t.Error("Rebuilt is false")
			}
			for _, want := range []Item{one, two, three} {
				got, err := s.Item(want.Root)
				must(t, err)
				if d := diff(want, got); d != "" {
					t.Error(d)
				}
			}
			checkFiles(t, s, one, files)
			checkFiles(t, s, two, map[string][]byte{"b": []byte("b")})
			checkFiles(t, s, three, map[string][]byte{"c": []byte("c")})
			checkServed(t, s, Mesh, blocksOf(t, s, one.Root), false)
			if got, err := s.Blocks(Mesh).Get(ctx, free.Cid()); err != nil || !bytes.Equal(got.RawData(), []byte("loose")) {
				t.Error(err)
			}
			in := receive(t, s, far.Root, ReceiveOptions{Space: Mesh})
			for _, b := range farBlocks[:3] {
				if ok, _ := in.Has(ctx, b.Cid()); !ok {
					t.Error("a block that had landed is lost")
				}
			}
			must(t, in.PutMany(ctx, farBlocks))
			_, err := in.Complete(ctx)
			must(t, err)
			must(t, s.Close())
			if s = reopen(t, dir); s.Rebuilt() {
				t.Error("rebuilt again")
			}
			checkFiles(t, s, one, files)
		})
	}
}

// Badger leaves out a table whose checksum is wrong, and opens as if nothing were missing.
func TestATableWithAWrongChecksumIsNotLeftOutInSilence(t *testing.T) {
	s := openTest(t)
	add(t, s, writeTree(t, someFiles()), AddOptions{})
	must(t, s.Close())
	tables, err := filepath.Glob(filepath.Join(s.dir, "index", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	flip(t, tables[0], 100)
	db, err := openBadger(filepath.Join(s.dir, "index"), slog.New(slog.DiscardHandler))
	if err == nil {
		db.Close()
		t.Fatal("opened in silence")
	}
}

func TestAFreshStoreIsNotRebuilt(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir)
	if s.Rebuilt() {
		t.Error("fresh, but Rebuilt")
	}
	must(t, s.Close())
	if reopen(t, dir).Rebuilt() {
		t.Error("clean, but Rebuilt")
	}
}

// Badger returns flipped bits as they are; our checksum finds them, and the next start rebuilds.
func TestAWrongValueInTheIndexIsNotBelieved(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a": noise(1, 100)}), AddOptions{})
	leaf := rawBlock(t, noise(1, 100))
	key := s.private.blockKey(string(leaf.Cid().Hash()))
	v, err := s.idx.get(key)
	must(t, err)
	txn := s.idx.db.NewTransaction(true)
	wrong := seal(v)
	wrong[len(wrong)/2] ^= 1
	must(t, txn.Set(key, wrong))
	must(t, txn.Commit())
	if _, err := s.Blocks(Private).Get(context.Background(), leaf.Cid()); err == nil {
		t.Fatal("believed")
	}
	dir := s.dir
	must(t, s.Close())
	s = reopen(t, dir)
	if !s.Rebuilt() {
		t.Fatal("not rebuilt")
	}
	checkServed(t, s, Private, blocksOf(t, s, it.Root), true)
	if got, _ := s.Item(it.Root); got.Bad != 0 {
		t.Fatalf("%d marks", got.Bad)
	}
}

func TestWhatLiesInTheFolderIsAnItem(t *testing.T) {
	files := someFiles()
	s := openTest(t)
	it := add(t, s, writeTree(t, files), AddOptions{Title: "t"})
	dir := s.dir
	must(t, s.Close())
	must(t, os.WriteFile(filepath.Join(dir, "private", "items", it.Root.String()+".json"), []byte("{"), 0o644))
	s = reopen(t, dir)
	got, err := s.Item(it.Root)
	must(t, err)
	if got.Title != "" || got.Files != it.Files || got.Size != it.Size {
		t.Errorf("%+v", got)
	}
	checkFiles(t, s, it, files)
}

func TestCloseMayBeCalledOnAHalfOpenStoreAndTwice(t *testing.T) {
	must(t, (*Store)(nil).Close())
	must(t, (&Store{}).Close())
	s := openTest(t)
	must(t, s.Close())
	must(t, s.Close())
	if _, err := Open(Options{}); err == nil {
		t.Fatal("opened without a folder")
	}
}

func TestDatastoreKeepsRecordsApart(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	a, b := s.Datastore("a"), s.Datastore("ab")
	must(t, a.Put(ctx, ds.NewKey("/x"), []byte("1")))
	must(t, b.Put(ctx, ds.NewKey("/x"), []byte("2")))
	batch, err := a.Batch(ctx)
	must(t, err)
	must(t, batch.Put(ctx, ds.NewKey("/y/z"), nil))
	must(t, batch.Delete(ctx, ds.NewKey("/x")))
	must(t, batch.Commit(ctx))
	s = crash(t, s)
	a, b = s.Datastore("a"), s.Datastore("ab")
	if _, err := a.Get(ctx, ds.NewKey("/x")); !errors.Is(err, ds.ErrNotFound) {
		t.Error(err)
	}
	if v, err := b.Get(ctx, ds.NewKey("/x")); err != nil || string(v) != "2" {
		t.Error(v, err)
	}
	if n, err := a.GetSize(ctx, ds.NewKey("/y/z")); err != nil || n != 0 {
		t.Error(n, err)
	}
	res, err := a.Query(ctx, query.Query{Prefix: "/y"})
	must(t, err)
	all, err := res.Rest()
	must(t, err)
	if len(all) != 1 || all[0].Key != "/y/z" {
		t.Errorf("%+v", all)
	}
}
