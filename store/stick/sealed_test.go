package stick

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	blocks "github.com/ipfs/go-block-format"
	"github.com/libp2p/go-libp2p/core/peer"
)

func newReader(t testing.TB, seed byte) (Reader, *age.X25519Identity) {
	t.Helper()
	_, node := newKey(t, seed)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return Reader{node, id.Recipient()}, id
}

func (it item) secret(title string, size int64) Secret {
	return Secret{Root: it.root, Title: title, Kind: "dataset", Size: size, Blocks: it.refs}
}

// sealOne puts a secret on a new stick.
func sealOne(t *testing.T, dir string, src *source, s Secret, readers ...Reader) Sealed {
	t.Helper()
	key, _ := newKey(t, 1)
	w := write(t, dir, Options{Key: key})
	files, err := w.Seal(context.Background(), src, readers, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	return files[0]
}

func TestOnlyItsReadersOpenASealedFile(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	it := src.file(t, 1, 30, 10_000)
	b, bKey := newReader(t, 2)
	c, cKey := newReader(t, 3)
	_, dKey := newReader(t, 4)
	x := sealOne(t, dir, src, it.secret("Les semences du père", 300_000), b, c)

	s := open(t, dir)
	_, sender := newKey(t, 1)
	for _, r := range []struct {
		Reader
		key *age.X25519Identity
	}{{b, bKey}, {c, cKey}} {
		u, err := s.Unseal(x, r.key, r.Node)
		if err != nil {
			t.Fatal(err)
		}
		if u.Author != sender || !u.Root.Equals(it.root) || u.Title != "Les semences du père" || u.Size != 300_000 || u.Parts != 1 {
			t.Errorf("%+v", u.Enclosure)
		}
		got := map[string][]byte{}
		err = u.Walk(context.Background(), func(_ context.Context, bs []blocks.Block) error {
			for _, block := range bs {
				got[block.Cid().KeyString()] = bytes.Clone(block.RawData())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range it.refs {
			if !bytes.Equal(got[ref.Cid.KeyString()], src.blocks[ref.Cid]) {
				t.Errorf("block %s", ref.Cid)
			}
		}
		u.Close()
	}
	if _, err := s.Unseal(x, dKey, b.Node); !errors.Is(err, ErrNotForUs) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := s.Unseal(x, bKey, sender); !errors.Is(err, ErrNotForUs) {
		t.Errorf("in the name of another: %v", err)
	}
}

func TestALostStickTellsNothingOfWhatIsSealed(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	it := src.file(t, 1, 7, 12_345)
	b, _ := newReader(t, 2)
	title := "Dossier de Ti-Jo"
	x := sealOne(t, dir, src, it.secret(title, 86_415), b)
	if x.Size < 128<<10 || x.Size > 128<<10+4<<10 {
		t.Errorf("%d bytes are of no size class", x.Size)
	}
	digest := it.root.Hash()[2:]
	secrets := map[string][]byte{
		"title": []byte(title), "root": it.root.Bytes(), "root as text": []byte(it.root.String()), "hash of the root": digest,
		"short name": digest[:8], "size": []byte("86415"), "reader": []byte(b.Node), "reader as text": []byte(b.Node.String()),
		"key": []byte(b.Key.String()), "a leaf": it.refs[3].Cid.Hash()[2:], "its bytes": src.blocks[it.refs[3].Cid][:16],
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		for what, secret := range secrets {
			if bytes.Contains(content, secret) || strings.Contains(name, string(secret)) {
				t.Errorf("%s tells the %s", name, what)
			}
		}
		if n := bytes.Count(content[:min(len(content), 8<<10)], []byte("-> X25519 ")); strings.HasPrefix(name, "savoirs/sealed/") && n != 4 {
			t.Errorf("%d keys: how many readers there are is told", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnyAgeProgramOpensASealedFileWithTheKey(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	it := src.file(t, 1, 3, 5_000)
	b, key := newReader(t, 2)
	x := sealOne(t, dir, src, it.secret("Cahier", 15_000), b)
	f, err := os.Open(filepath.Join(dir, "savoirs", x.path()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := age.Decrypt(f, key)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil || len(plain) != leastSealed || !bytes.Contains(plain, src.blocks[it.refs[1].Cid]) {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
}

func TestEveryFlippedByteOfASealedFileIsRefused(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	it := src.file(t, 1, 3, 5_000)
	b, key := newReader(t, 2)
	x := sealOne(t, dir, src, it.secret("Cahier", 15_000), b)
	path := filepath.Join(dir, "savoirs", x.path())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		s := open(t, dir)
		defer s.Close()
		u, err := s.Unseal(x, key, b.Node)
		if err != nil {
			return err
		}
		defer u.Close()
		return u.Walk(context.Background(), func(context.Context, []blocks.Block) error { return nil })
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += len(whole)/150 + 1 {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(); err == nil {
			t.Errorf("byte %d flipped: taken", at)
		}
	}
	if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := read(); err == nil {
		t.Error("cut: taken")
	}
}

func TestAHeaderWithoutAnEndIsRefusedUnread(t *testing.T) {
	dir := t.TempDir()
	key, _ := newKey(t, 1)
	b, id := newReader(t, 2)
	w := write(t, dir, Options{Key: key})
	var files []Sealed
	for _, content := range []string{
		"age-encryption.org/v1\n-> X25519 " + strings.Repeat("A", 1<<20),
		"age-encryption.org/v1\n" + strings.Repeat("-> nobody\n\n", 1<<16),
		"age-encryption.org/v1", "", "PK", "age-encryption.org/v1\n--- \n",
	} {
		x, err := w.PutSealed(strings.NewReader(content+"\x00"), 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, x)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	for i, x := range files {
		if _, err := s.Unseal(x, id, b.Node); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestAnItemLargerThanASealedFileTravelsInSeveral(t *testing.T) {
	src := newSource()
	it := src.file(t, 1, 2, 100)
	var refs []Ref
	for range 1000 {
		refs = append(refs, Ref{it.refs[1].Cid, 2 << 20})
	}
	parts := divide(it.root, refs)
	n := 0
	for _, p := range parts {
		n += len(p)
		if size := sizeClass(carSize(it.root, p) + maxEnclosure); size > mostSealed {
			t.Errorf("a part of %d bytes", size)
		}
	}
	if len(parts) != 3 || n != 1000 {
		t.Errorf("%d parts, %d blocks", len(parts), n)
	}
}

func TestSizesAreHiddenInClasses(t *testing.T) {
	for n, want := range map[int64]int64{1: 64 << 10, 64 << 10: 64 << 10, 64<<10 + 1: 128 << 10, 64 << 20: 64 << 20, 64<<20 + 1: 128 << 20, 130 << 20: 192 << 20} {
		if got := sizeClass(n); got != want {
			t.Errorf("%d in %d", n, got)
		}
	}
}

func TestHowManyReadersThereAreIsHidden(t *testing.T) {
	for readers, keys := range map[int]int{1: 4, 4: 4, 5: 8, 32: 32} {
		var all []Reader
		for i := range readers {
			r, _ := newReader(t, byte(i+1))
			all = append(all, r)
		}
		if got, err := amongOthers(all); err != nil || len(got) != keys {
			t.Errorf("%d readers among %d, %v", readers, len(got), err)
		}
	}
	if _, err := amongOthers(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("nobody: %v", err)
	}
}

func FuzzEnclosure(f *testing.F) {
	key, id := newKey(f, 1)
	c := newSource().file(f, 1, 1, 10).root
	for i := range 3 {
		b, err := Enclosure{V: 1, Author: id, To: Nodes{id}, Root: c, Title: "Cahier " + strconv.Itoa(i), Kind: "dataset", Size: 10, Part: 1, Parts: 1, Blocks: 1, Car: 100}.seal(key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := openEnclosure(b)
		if err == nil && (len(e.To) == 0 || e.Author == peer.ID("") || e.Part > e.Parts) {
			t.Errorf("%+v", e)
		}
	})
}
