package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// carried puts the blocks of an item of another store into the inbox.
func carried(t *testing.T, s *Store, files map[string][]byte, o ReceiveOptions) (Item, []blocks.Block) {
	t.Helper()
	far := openTest(t)
	it := add(t, far, writeTree(t, files), AddOptions{})
	bs := blocksOf(t, far, it.Root)
	o.Space = Inbox
	in := receive(t, s, it.Root, o)
	must(t, in.PutMany(t.Context(), bs))
	got, err := in.Complete(t.Context())
	must(t, err)
	return got, bs
}

func TestWhatWaitsIsInNoOtherSpaceAndSurvivesEverythingElsewhere(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	o := ReceiveOptions{Title: "t", Kind: "dataset", Origin: "author", Bearer: "bearer", Came: time.Unix(1_700_000_000, 0)}
	it, bs := carried(t, s, files, o)
	if it.Space != Inbox || it.Bearer != "bearer" || !it.Came.Equal(o.Came) {
		t.Errorf("%+v", it)
	}
	check := func() {
		t.Helper()
		checkServed(t, s, Inbox, bs, true)
		checkServed(t, s, Private, bs, false)
		checkServed(t, s, Mesh, bs, false)
		for listed := range s.Items() {
			t.Errorf("listed: %+v", listed)
		}
		whole, unfinished := s.Waiting()
		if len(whole) != 1 || len(unfinished) != 0 || !whole[0].Came.Equal(o.Came) {
			t.Errorf("waiting %+v, unfinished %+v", whole, unfinished)
		}
		got, err := s.Item(it.Root)
		must(t, err)
		checkFiles(t, s, got, files)
	}
	check()
	s = crash(t, s)
	check()
	dir := s.dir
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "index")))
	s = reopen(t, dir)
	check()
	if d, err := s.Verify(t.Context(), it.Root, nil); err != nil || len(d) != 0 {
		t.Errorf("verify: %v, %v", d, err)
	}
	must(t, s.Drop(it.Root))
	checkServed(t, s, Inbox, bs, false)
	checkNothingLeft(t, s)
}

func TestAnUnfinishedItemOfTheInboxGoesOnAfterALostIndex(t *testing.T) {
	ctx := t.Context()
	far := openTest(t)
	files := map[string][]byte{"a": noise(1, 3<<20), "b": noise(2, 1<<20)}
	it := add(t, far, writeTree(t, files), AddOptions{})
	bs := blocksOf(t, far, it.Root)
	s := openTest(t)
	in := receive(t, s, it.Root, ReceiveOptions{Space: Inbox, Size: it.Size})
	must(t, in.PutMany(ctx, bs[:len(bs)/2]))
	must(t, in.Close())
	dir := s.dir
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "index")))
	s = reopen(t, dir)
	if u, _ := s.Unfinished(); len(u) != 0 {
		t.Errorf("listed outside of the inbox: %+v", u)
	}
	if _, u := s.Waiting(); len(u) != 1 || u[0].Have == 0 {
		t.Errorf("unfinished in the inbox: %+v", u)
	}
	in = receive(t, s, it.Root, ReceiveOptions{Space: Inbox})
	must(t, in.PutMany(ctx, bs))
	got, err := in.Complete(ctx)
	must(t, err)
	checkFiles(t, s, got, files)
}

func TestItemsGoFromTheInboxToMeshOrPrivateAndNeverBack(t *testing.T) {
	for _, to := range []Space{Mesh, Private} {
		s := openTest(t)
		files := someFiles()
		it, bs := carried(t, s, files, ReceiveOptions{Title: "t"})
		for range 2 {
			got, err := s.Move(it.Root, to)
			must(t, err)
			if got.Space != to || got.Title != "t" {
				t.Errorf("%+v", got)
			}
		}
		s = crash(t, s)
		checkServed(t, s, to, bs, true)
		checkServed(t, s, Inbox, bs, false)
		got, err := s.Item(it.Root)
		must(t, err)
		checkFiles(t, s, got, files)
		if _, err := s.Move(it.Root, Inbox); !errors.Is(err, ErrNoWay) {
			t.Errorf("from %s to the inbox: %v", to, err)
		}
		if _, err := s.Move(it.Root, Private); to == Mesh && !errors.Is(err, ErrNoWay) {
			t.Errorf("out of the mesh: %v", err)
		}
	}
}

func TestASealedItemGoesToThePrivateSpaceOnly(t *testing.T) {
	s := openTest(t)
	it, bs := carried(t, s, someFiles(), ReceiveOptions{Sealed: true})
	s = crash(t, s)
	if _, err := s.Move(it.Root, Mesh); !errors.Is(err, ErrNoWay) {
		t.Errorf("a sealed item to the mesh: %v", err)
	}
	checkServed(t, s, Mesh, bs, false)
	got, err := s.Move(it.Root, Private)
	must(t, err)
	if got.Space != Private || !got.Sealed {
		t.Errorf("%+v", got)
	}
}

func TestAnInterruptedMoveOutOfTheInboxIsOneOrTheOther(t *testing.T) {
	files := map[string][]byte{"a": noise(1, 1<<20), "b": []byte("b")}
	for _, step := range []string{"nodes shared", "card written", "folder moved"} {
		t.Run(step, func(t *testing.T) {
			s := openTest(t)
			it, bs := carried(t, s, files, ReceiveOptions{Title: "t"})
			from := filepath.Join(s.inbox.items(), it.Root.String())
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
			checkServed(t, s, Inbox, bs, step != "folder moved")
			got, err := s.Move(it.Root, Mesh)
			must(t, err)
			if got.Title != "t" || got.Space != Mesh {
				t.Errorf("%+v", got)
			}
			checkServed(t, s, Mesh, bs, true)
			checkServed(t, s, Inbox, bs, false)
			checkFiles(t, s, got, files)
		})
	}
}

func TestAnItemOfTheInboxUsesMeshBlocksAndCannotDrawOutPrivateOnes(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	secret := add(t, s, writeTree(t, map[string][]byte{"secret.txt": []byte("le secret")}), AddOptions{})
	shared := add(t, s, writeTree(t, map[string][]byte{"open.txt": []byte("ouvert")}), AddOptions{Space: Mesh})

	bait := folderNode(t, map[string]cid.Cid{"mine": secret.Root})
	in := receive(t, s, bait.Cid(), ReceiveOptions{Space: Inbox})
	must(t, in.Put(ctx, bait))
	for _, b := range blocksOf(t, s, secret.Root) {
		if ok, _ := in.Has(ctx, b.Cid()); ok {
			t.Errorf("an Incoming of the inbox has the private block %s", b.Cid())
		}
	}
	if _, err := in.Complete(ctx); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v, want ErrIncomplete", err)
	}
	node := folderNode(t, map[string]cid.Cid{"theirs": shared.Root})
	in = receive(t, s, node.Cid(), ReceiveOptions{Space: Inbox})
	must(t, in.Put(ctx, node))
	if _, err := in.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	// Nor does what waits come out into the mesh by way of another item.
	waits, bs := carried(t, s, map[string][]byte{"w": []byte("en attente")}, ReceiveOptions{})
	bait = folderNode(t, map[string]cid.Cid{"waits": waits.Root})
	in = receive(t, s, bait.Cid(), ReceiveOptions{Space: Mesh})
	must(t, in.Put(ctx, bait))
	if _, err := in.Complete(ctx); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("got %v, want ErrIncomplete", err)
	}
	checkServed(t, s, Mesh, bs, false)
}

func TestAddingWhatWaitsTakesItOutOfTheInbox(t *testing.T) {
	s := openTest(t)
	files := someFiles()
	carried(t, s, files, ReceiveOptions{})
	it := add(t, s, writeTree(t, files), AddOptions{})
	if it.Space != Private || !it.Existed {
		t.Errorf("%+v", it)
	}
	if whole, _ := s.Waiting(); len(whole) != 0 {
		t.Errorf("waits still: %+v", whole)
	}
}

func TestAnItemThatBecomesWholeElsewhereIsNoLongerBegunInTheInbox(t *testing.T) {
	ctx := t.Context()
	far := openTest(t)
	it := add(t, far, writeTree(t, someFiles()), AddOptions{})
	bs := blocksOf(t, far, it.Root)
	s := openTest(t)
	in := receive(t, s, it.Root, ReceiveOptions{Space: Inbox})
	must(t, in.PutMany(ctx, bs[:1]))
	must(t, in.Close())
	in = receive(t, s, it.Root, ReceiveOptions{Space: Mesh})
	must(t, in.PutMany(ctx, bs))
	_, err := in.Complete(ctx)
	must(t, err)
	if _, u := s.Waiting(); len(u) != 0 {
		t.Errorf("still begun: %+v", u)
	}
	must(t, s.Drop(it.Root))
	checkNothingLeft(t, s)
}
