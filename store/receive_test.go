package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	car "github.com/ipld/go-car/v2"
)

// blocksOf returns the blocks of an item, parents first.
func blocksOf(t testing.TB, s *Store, root cid.Cid) []blocks.Block {
	t.Helper()
	var buf bytes.Buffer
	must(t, s.Export(context.Background(), root, &buf))
	r, err := car.NewBlockReader(&buf)
	must(t, err)
	var bs []blocks.Block
	for {
		b, err := r.Next()
		if err == io.EOF {
			return bs
		}
		must(t, err)
		bs = append(bs, b)
	}
}

func receive(t testing.TB, s *Store, root cid.Cid, o ReceiveOptions) *Incoming {
	t.Helper()
	in, err := s.Receive(context.Background(), root, o)
	must(t, err)
	t.Cleanup(func() { in.Close() })
	return in
}

func TestReceiveInAnyOrderMakesTheSameItem(t *testing.T) {
	files := someFiles()
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	all := blocksOf(t, from, src.Root)
	for name, order := range map[string]func([]blocks.Block){
		"parents first": func([]blocks.Block) {},
		"children first": func(bs []blocks.Block) {
			for i, j := 0, len(bs)-1; i < j; i, j = i+1, j-1 {
				bs[i], bs[j] = bs[j], bs[i]
			}
		},
		"shuffled": func(bs []blocks.Block) {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bs := append([]blocks.Block(nil), all...)
			order(bs)
			s := openTest(t)
			in := receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Title: "t", Size: src.Size})
			for len(bs) > 0 {
				n := min(7, len(bs))
				must(t, in.PutMany(context.Background(), bs[:n]))
				bs = bs[n:]
			}
			if in.Have() != src.Size {
				t.Errorf("have %d, want %d", in.Have(), src.Size)
			}
			if left, _ := os.ReadDir(in.waitDir()); len(left) > 0 {
				t.Errorf("%d blocks wait though their place is known", len(left))
			}
			got, err := in.Complete(context.Background())
			must(t, err)
			want := src
			want.Space, want.Title = Mesh, "t"
			if d := diff(want, got); d != "" {
				t.Fatal(d)
			}
			checkFiles(t, s, got, files)
			if d, err := s.Verify(context.Background(), got.Root, nil); err != nil || len(d) > 0 {
				t.Fatalf("%+v, %v", d, err)
			}
			if left, _ := os.ReadDir(s.mesh.incoming()); len(left) > 0 {
				t.Errorf("left in incoming: %v", left)
			}
			checkIndexAgrees(t, s)
		})
	}
}

// checkIndexAgrees says that the index is what a rebuild would make it, but for places that mean the same.
func checkIndexAgrees(t *testing.T, s *Store) {
	t.Helper()
	for _, sp := range []*space{s.private, s.mesh} {
		must(t, sp.idx.each(sp.blockKey(""), func(k, v []byte) error {
			refs, err := decodeRefs(v)
			must(t, err)
			c := cid.NewCidV1(cid.Raw, k[2:])
			for _, r := range refs {
				if data, err := sp.read(r); err != nil || !matches(c, data) {
					t.Errorf("reference %+v of %s leads to wrong bytes: %v", r, c, err)
				}
			}
			return nil
		}))
	}
}

func TestReceiveResumesAfterClose(t *testing.T) {
	testResume(t, func(t *testing.T, s *Store, in *Incoming) *Store {
		must(t, in.Close())
		return s
	})
}

func TestReceiveResumesAfterCloseOfTheStore(t *testing.T) {
	testResume(t, func(t *testing.T, s *Store, in *Incoming) *Store {
		dir := s.dir
		must(t, in.Close())
		must(t, s.Close())
		return reopen(t, dir)
	})
}

func TestReceiveResumesAfterACrash(t *testing.T) {
	testResume(t, func(t *testing.T, s *Store, in *Incoming) *Store { return crash(t, s) })
}

func TestReceiveResumesAfterACrashAndTheLossOfTheIndex(t *testing.T) {
	testResume(t, func(t *testing.T, s *Store, in *Incoming) *Store {
		dir := t.TempDir()
		must(t, os.CopyFS(dir, os.DirFS(s.dir)))
		must(t, os.RemoveAll(filepath.Join(dir, "index")))
		return reopen(t, dir)
	})
}

// crash opens what is on the disk now, as after a kill: nothing was closed.
func crash(t *testing.T, s *Store) *Store {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(s.dir)))
	return reopen(t, dir)
}

func testResume(t *testing.T, interrupt func(*testing.T, *Store, *Incoming) *Store) {
	files := someFiles()
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	bs := blocksOf(t, from, src.Root)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(bs)-1, func(i, j int) { bs[i+1], bs[j+1] = bs[j+1], bs[i+1] })
	half := len(bs) / 2

	s := openTest(t)
	in := receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Title: "t", Kind: "dataset", Size: src.Size})
	for _, part := range [][]blocks.Block{bs[:half/2], bs[half/2 : half]} {
		must(t, in.PutMany(context.Background(), part))
	}
	have := in.Have()
	if _, err := in.Complete(context.Background()); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v, want ErrIncomplete", err)
	}
	s = interrupt(t, s, in)

	unfinished, err := s.Unfinished()
	must(t, err)
	if len(unfinished) != 1 || unfinished[0].Title != "t" || unfinished[0].Size != src.Size {
		t.Fatalf("unfinished: %+v", unfinished)
	}
	if _, err := s.Item(src.Root); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an unfinished item shows: %v", err)
	}
	in = receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Size: src.Size})
	if in.Have() != have {
		t.Errorf("have %d after the interruption, %d before", in.Have(), have)
	}
	for _, b := range bs[:half] {
		if ok, err := in.Has(context.Background(), b.Cid()); err != nil || !ok {
			t.Errorf("block %s is lost: %v", b.Cid(), err)
		}
		if got, err := in.Get(context.Background(), b.Cid()); err != nil || !bytes.Equal(got.RawData(), b.RawData()) {
			t.Errorf("block %s cannot be read: %v", b.Cid(), err)
		}
	}
	must(t, in.PutMany(context.Background(), bs[half:]))
	got, err := in.Complete(context.Background())
	must(t, err)
	if got.Title != "t" || got.Kind != "dataset" {
		t.Errorf("%+v", got)
	}
	checkFiles(t, s, got, files)
	checkIndexAgrees(t, s)
}

func TestReceiveTakesBlocksTheStoreHoldsAlready(t *testing.T) {
	files := someFiles()
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	s := openTest(t)
	old := someFiles()
	delete(old, "readme.txt")
	add(t, s, writeTree(t, old), AddOptions{Space: Mesh})

	in := receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Size: src.Size})
	sent := 0
	for _, b := range blocksOf(t, from, src.Root) {
		ok, err := in.Has(context.Background(), b.Cid())
		must(t, err)
		if !ok {
			sent++
			must(t, in.Put(context.Background(), b))
		}
	}
	if sent == 0 || sent > 3 {
		t.Errorf("%d blocks were sent, want the root and one file", sent)
	}
	got, err := in.Complete(context.Background())
	must(t, err)
	checkFiles(t, s, got, files)
}

func TestAWrongBlockIsRefusedAndChangesNothing(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, someFiles()), AddOptions{})
	bs := blocksOf(t, from, src.Root)
	s := openTest(t)
	in := receive(t, s, src.Root, ReceiveOptions{Size: src.Size})
	lie, err := blocks.NewBlockWithCid([]byte("not it"), bs[1].Cid())
	must(t, err)
	if err := in.PutMany(context.Background(), []blocks.Block{bs[0], lie}); !errors.Is(err, blocks.ErrWrongHash) {
		t.Fatalf("got %v, want ErrWrongHash", err)
	}
	if ok, _ := in.Has(context.Background(), bs[0].Cid()); ok {
		t.Fatal("the batch was taken in part")
	}
	must(t, in.PutMany(context.Background(), bs))
	if _, err := in.Complete(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestReceiveRefusesWhatDoesNotFitBeforeByteOne(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, map[string][]byte{"a": []byte("a")}), AddOptions{})
	s := openTest(t)
	free, err := s.Free()
	must(t, err)
	if _, err := s.Receive(context.Background(), src.Root, ReceiveOptions{Size: free + 1}); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("got %v, want ErrNoSpace", err)
	}
	checkNothingLeft(t, s)
}

func TestOneIncomingAtATime(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, map[string][]byte{"a": []byte("a")}), AddOptions{})
	s := openTest(t)
	in := receive(t, s, src.Root, ReceiveOptions{})
	if _, err := s.Receive(context.Background(), src.Root, ReceiveOptions{}); !errors.Is(err, ErrBusy) {
		t.Fatalf("got %v, want ErrBusy", err)
	}
	must(t, in.Close())
	receive(t, s, src.Root, ReceiveOptions{})
}

func TestAbandonLeavesNothing(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, someFiles()), AddOptions{})
	bs := blocksOf(t, from, src.Root)
	s := openTest(t)
	in := receive(t, s, src.Root, ReceiveOptions{})
	must(t, in.PutMany(context.Background(), bs[:len(bs)-1]))
	must(t, in.Abandon())
	checkNothingLeft(t, s)
}

func TestReceivingACompleteItemReturnsIt(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, someFiles()), AddOptions{Title: "mine"})
	in := receive(t, s, it.Root, ReceiveOptions{Space: Mesh})
	got, err := in.Complete(context.Background())
	must(t, err)
	if d := diff(it, got); d != "" {
		t.Fatal(d) // above all: it is private still
	}
}

func TestAnItemAddedWhileItIsReceivedIsComplete(t *testing.T) {
	for _, to := range []Space{Private, Mesh} {
		t.Run("received into "+string(to), func(t *testing.T) {
			from := openTest(t)
			dir := writeTree(t, someFiles())
			src := add(t, from, dir, AddOptions{})
			bs := blocksOf(t, from, src.Root)
			s := openTest(t)
			in := receive(t, s, src.Root, ReceiveOptions{Space: to})
			must(t, in.PutMany(context.Background(), bs[:4]))
			add(t, s, dir, AddOptions{Space: Private})
			must(t, in.PutMany(context.Background(), bs[4:]))
			got, err := in.Complete(context.Background())
			must(t, err)
			checkFiles(t, s, got, someFiles())
			if got.Space != Private {
				t.Error("receiving published a private item")
			}
			if u, _ := s.Unfinished(); len(u) > 0 {
				t.Fatalf("%+v", u)
			}
			checkServed(t, s, Mesh, bs, false)
			checkIndexAgrees(t, s)
		})
	}
}

func TestIncomingFilesAreNotItemsUntilComplete(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, someFiles()), AddOptions{})
	bs := blocksOf(t, from, src.Root)
	s := openTest(t)
	in := receive(t, s, src.Root, ReceiveOptions{})
	must(t, in.PutMany(context.Background(), bs[:len(bs)-1]))
	for range s.Items() {
		t.Fatal("an item shows")
	}
	if _, err := s.FS(src.Root); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.private.items(), src.Root.String())); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestWhatIsKeptForOthersStaysSoUntilItIsOwned(t *testing.T) {
	from, dir := openTest(t), t.TempDir()
	kept := add(t, from, writeTree(t, someFiles()), AddOptions{}).Root
	own := add(t, from, writeTree(t, map[string][]byte{"a": noise(9, 300<<10)}), AddOptions{}).Root
	s := reopen(t, dir)
	for _, root := range []cid.Cid{kept, own} {
		in := receive(t, s, root, ReceiveOptions{Space: Mesh, Kept: true})
		if root == own { // while it arrives
			if err := s.Own(own); err != nil {
				t.Fatal(err)
			}
		}
		if err := in.PutMany(t.Context(), blocksOf(t, from, root)); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Complete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = reopen(t, dir)
	is := func(root cid.Cid) bool {
		it, err := s.Item(root)
		if err != nil {
			t.Fatal(err)
		}
		return it.Kept
	}
	if !is(kept) || is(own) {
		t.Errorf("kept for others: %v and %v", is(kept), is(own))
	}
	if err := s.Own(kept); err != nil || is(kept) {
		t.Errorf("still kept for others, %v", err)
	}
	if err := s.Own(cid.NewCidV1(cid.Raw, kept.Hash())); !errors.Is(err, ErrNotFound) {
		t.Errorf("owning what is not there: %v", err)
	}
}

func TestABatchLandsAfterThoseThatWereGivenBefore(t *testing.T) {
	from, to := openTest(t), openTest(t)
	it := add(t, from, writeTree(t, map[string][]byte{"large.bin": noise(7, 1<<20)}), AddOptions{})
	all := blocksOf(t, from, it.Root)
	parents, last := all[:len(all)-1], all[len(all)-1:]
	in := receive(t, to, it.Root, ReceiveOptions{Size: it.Size})
	hashing := make(chan struct{}) // a call with the parents
	in.lastCall = hashing
	put := make(chan error, 1)
	go func() { put <- in.PutMany(t.Context(), last) }()
	select {
	case err := <-put:
		t.Fatalf("it overtook its parents: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	_, err := in.land(t.Context(), parents)
	must(t, err)
	close(hashing)
	must(t, <-put)
	if in.stray > 0 {
		t.Errorf("%d bytes had to wait for their place", in.stray)
	}
}
