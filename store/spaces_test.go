package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

func rawBlock(t testing.TB, data []byte) blocks.Block {
	t.Helper()
	c, err := leafPrefix.Sum(data)
	must(t, err)
	b, err := blocks.NewBlockWithCid(data, c)
	must(t, err)
	return b
}

// checkServed says whether every or no block of a list is in a space, by every way to ask.
func checkServed(t *testing.T, s *Store, sp Space, bs []blocks.Block, want bool) {
	t.Helper()
	ctx := context.Background()
	view := s.Blocks(sp)
	for _, b := range bs {
		has, err := view.Has(ctx, b.Cid())
		must(t, err)
		_, gerr := view.Get(ctx, b.Cid())
		_, serr := view.GetSize(ctx, b.Cid())
		if has != want || (gerr == nil) != want || (serr == nil) != want {
			t.Errorf("block %s in %s: has %v, get %v, size %v; want %v", b.Cid(), sp, has, gerr, serr, want)
		}
		if !want && (!ipld.IsNotFound(gerr) || !ipld.IsNotFound(serr)) {
			t.Errorf("block %s: %v, %v", b.Cid(), gerr, serr)
		}
	}
	keys, err := view.AllKeysChan(ctx)
	must(t, err)
	all := make(map[string]bool)
	for c := range keys {
		all[string(c.Hash())] = true
	}
	for _, b := range bs {
		if all[string(b.Cid().Hash())] != want {
			t.Errorf("block %s among the keys of %s: %v, want %v", b.Cid(), sp, !want, want)
		}
	}
}

func TestPrivateBlocksAreAbsentFromTheMeshSpaceUntilPublished(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	it := add(t, s, writeTree(t, files), AddOptions{Title: "t", Pin: true})
	bs := blocksOf(t, s, it.Root)
	checkServed(t, s, Private, bs, true)
	checkServed(t, s, Mesh, bs, false)
	open, err := s.FS(it.Root)
	must(t, err)
	f, err := open.Open("big.bin")
	must(t, err)
	buf := make([]byte, 10)
	_, err = f.Read(buf)
	must(t, err)

	for range 2 { // publishing again changes nothing
		got, err := s.Move(it.Root, Mesh)
		must(t, err)
		want := it
		want.Space = Mesh
		if d := diff(want, got); d != "" {
			t.Fatal(d)
		}
	}
	checkServed(t, s, Private, bs, false)
	checkServed(t, s, Mesh, bs, true)
	checkFiles(t, s, it, files)
	if rest, err := f.(interface {
		ReadAt([]byte, int64) (int, error)
	}).ReadAt(buf, 2<<20); rest != 10 || err != nil {
		t.Errorf("a file that was open does not read on: %v", err)
	}
	if left, _ := os.ReadDir(s.private.items()); len(left) > 0 {
		t.Errorf("left in private: %v", left)
	}
	dir := s.dir
	must(t, s.Close())
	s = reopen(t, dir)
	checkServed(t, s, Mesh, bs, true)
	if s.Rebuilt() {
		t.Error("rebuilt")
	}
}

func TestPublishInPlace(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	it := add(t, s, writeTree(t, files), AddOptions{InPlace: true})
	got, err := s.Move(it.Root, Mesh)
	must(t, err)
	if got.InPlace != it.InPlace || got.Space != Mesh {
		t.Fatalf("%+v", got)
	}
	s = crash(t, s)
	checkFiles(t, s, it, files)
	checkServed(t, s, Mesh, blocksOf(t, s, it.Root), true)
}

func TestPublishOfWhatIsNotThere(t *testing.T) {
	s := openTest(t)
	if _, err := s.Move(rawBlock(t, []byte("x")).Cid(), Mesh); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

// A publish can be cut between any two of its steps.
func TestAnInterruptedPublishIsOneOrTheOther(t *testing.T) {
	files := map[string][]byte{"a": noise(1, 1<<20), "b": []byte("b")}
	for _, step := range []string{"nodes shared", "card written", "folder moved"} {
		t.Run(step, func(t *testing.T) {
			s := openTest(t)
			it := add(t, s, writeTree(t, files), AddOptions{Title: "t"})
			bs := blocksOf(t, s, it.Root)
			from := filepath.Join(s.private.items(), it.Root.String())
			to := filepath.Join(s.mesh.items(), it.Root.String())
			must(t, share(from+".dag", to+".dag"))
			if step != "nodes shared" {
				must(t, share(from+".json", to+".json"))
			}
			if step == "folder moved" {
				must(t, os.Rename(from, to))
			}
			s = crash(t, s)
			checkServed(t, s, Mesh, bs, step == "folder moved")
			checkServed(t, s, Private, bs, step != "folder moved")
			got, err := s.Move(it.Root, Mesh)
			must(t, err)
			if got.Title != "t" || got.Space != Mesh {
				t.Errorf("%+v", got)
			}
			checkServed(t, s, Mesh, bs, true)
			checkServed(t, s, Private, bs, false)
			checkFiles(t, s, got, files)
		})
	}
}

// A stranger publishes an item that names blocks of a private one, to have them copied into the mesh space.
func TestAMeshItemCannotDrawOutPrivateBlocks(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	secret := add(t, s, writeTree(t, map[string][]byte{"secret.txt": []byte("le secret")}), AddOptions{})
	bs := blocksOf(t, s, secret.Root)

	bait := folderNode(t, map[string]cid.Cid{"mine": secret.Root})
	in := receive(t, s, bait.Cid(), ReceiveOptions{Space: Mesh})
	must(t, in.Put(ctx, bait))
	for _, b := range bs {
		if ok, _ := in.Has(ctx, b.Cid()); ok {
			t.Errorf("a mesh Incoming has the private block %s", b.Cid())
		}
	}
	if _, err := in.Complete(ctx); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v, want ErrIncomplete", err)
	}
	checkServed(t, s, Mesh, bs, false)

	// The other way round is fine.
	shared := add(t, s, writeTree(t, map[string][]byte{"open.txt": []byte("ouvert")}), AddOptions{Space: Mesh})
	node := folderNode(t, map[string]cid.Cid{"theirs": shared.Root})
	private := receive(t, s, node.Cid(), ReceiveOptions{Space: Private})
	must(t, private.Put(ctx, node))
	if _, err := private.Complete(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDropKeepsSharedBlocksOfAPinnedItem(t *testing.T) {
	s := openTest(t)
	shared := noise(1, 2<<20)
	kept := add(t, s, writeTree(t, map[string][]byte{"a": shared, "k": []byte("k")}), AddOptions{Space: Mesh, Pin: true})
	gone := add(t, s, writeTree(t, map[string][]byte{"b": shared, "g": []byte("g")}), AddOptions{Space: Mesh})
	keptBlocks, goneBlocks := blocksOf(t, s, kept.Root), blocksOf(t, s, gone.Root)
	if err := s.Drop(kept.Root); !errors.Is(err, ErrPinned) {
		t.Fatalf("got %v, want ErrPinned", err)
	}
	must(t, s.Drop(gone.Root))
	checkServed(t, s, Mesh, keptBlocks, true)
	only := map[string]bool{}
	for _, b := range keptBlocks {
		only[b.Cid().KeyString()] = true
	}
	var rest []blocks.Block
	for _, b := range goneBlocks {
		if !only[b.Cid().KeyString()] {
			rest = append(rest, b)
		}
	}
	checkServed(t, s, Mesh, rest, false)
	if err := s.Drop(gone.Root); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
	must(t, s.Unpin(kept.Root))
	must(t, s.Drop(kept.Root))
	checkNothingLeft(t, s)
}

func TestPinsSurviveARestart(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a": []byte("a")}), AddOptions{})
	must(t, s.Pin(it.Root))
	s = crash(t, s)
	if err := s.Drop(it.Root); !errors.Is(err, ErrPinned) {
		t.Fatal(err)
	}
	must(t, s.Unpin(it.Root))
	s = crash(t, s)
	must(t, s.Drop(it.Root))
}

func TestAnInterruptedDropIsOneOrTheOther(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, someFiles()), AddOptions{})
	must(t, os.Rename(filepath.Join(s.private.items(), it.Root.String()), filepath.Join(s.private.staging(), "drop-x")))
	s = crash(t, s)
	checkNothingLeft(t, s)
}

func TestLooseBlocksStayWithinTheirRoom(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	b := rawBlock(t, noise(1, 1000))
	must(t, s.Blocks(Mesh).Put(ctx, b))
	checkServed(t, s, Mesh, []blocks.Block{b}, true)
	checkServed(t, s, Private, []blocks.Block{b}, false)
	s = crash(t, s)
	checkServed(t, s, Mesh, []blocks.Block{b}, true)
	must(t, s.Blocks(Mesh).DeleteBlock(ctx, b.Cid()))
	checkServed(t, s, Mesh, []blocks.Block{b}, false)

	var bs []blocks.Block
	for i := range 20 {
		bs = append(bs, rawBlock(t, noise(uint64(100+i), 1000)))
	}
	must(t, s.Blocks(Mesh).PutMany(ctx, bs))
	must(t, s.mesh.trimLoose(10_000))
	left := 0
	for _, b := range bs {
		if ok, _ := s.Blocks(Mesh).Has(ctx, b.Cid()); ok {
			left++
		}
	}
	if left != 10 || s.mesh.looseBytes != 10_000 {
		t.Fatalf("%d blocks, %d bytes left", left, s.mesh.looseBytes)
	}
	lie, err := blocks.NewBlockWithCid([]byte("lie"), b.Cid())
	must(t, err)
	if err := s.Blocks(Mesh).Put(ctx, lie); !errors.Is(err, blocks.ErrWrongHash) {
		t.Fatalf("got %v, want ErrWrongHash", err)
	}
}

func TestViewGivesWhatGetGivesAndNothingWrong(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a": noise(1, 700<<10), "b": []byte("b"), "c.gguf": noise(2, 1<<20)}), AddOptions{Space: Mesh})
	view := s.Blocks(Mesh).(blockstore.Viewer)
	bs := blocksOf(t, s, it.Root)
	for _, b := range bs {
		must(t, view.View(ctx, b.Cid(), func(data []byte) error {
			if !bytes.Equal(data, b.RawData()) {
				t.Errorf("block %s differs", b.Cid())
			}
			return nil
		}))
	}
	file := filepath.Join(s.mesh.items(), it.Root.String(), "c.gguf")
	must(t, os.Chmod(file, 0o644))
	must(t, os.WriteFile(file, noise(3, 1<<20), 0o644))
	wrong := 0
	for _, b := range bs {
		err := view.View(ctx, b.Cid(), func(data []byte) error {
			if !bytes.Equal(data, b.RawData()) {
				t.Errorf("wrong bytes for block %s", b.Cid())
			}
			return nil
		})
		if ipld.IsNotFound(err) {
			wrong++
		} else {
			must(t, err)
		}
	}
	if wrong != 1 {
		t.Errorf("%d blocks are gone, want the one that was overwritten", wrong)
	}
}
