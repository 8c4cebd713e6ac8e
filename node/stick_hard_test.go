package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	"golang.org/x/sys/unix"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/store/catalog"
	"savoirs/store/stick"
)

func TestALoadThatIsCutAnywhereGoesOn(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("A", "B"))
	a, b := nodes[0], nodes[1]
	trust(t, b, a)
	usb := t.TempDir()
	var roots []string
	for _, name := range []string{"Ponts", "Routes", "Eau"} {
		roots = append(roots, publish(t, a, name, map[string]string{"texte.dat": babble(name, 300_000), "mot.md": "Le mot de " + name}).Root)
	}
	pack(t, a, usb, node.PackOptions{All: true})
	cuts := 0
	for step := 0; ; step++ {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		_, err := b.LoadStick(ctx, usb, func(node.Progress) {
			if seen++; seen > step {
				cancel()
			}
		})
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cut after %d steps: %v", step, err)
		}
		cuts++
	}
	if cuts < 4 {
		t.Errorf("it was cut %d times only", cuts)
	}
	for _, root := range roots {
		if !isHere(t, b, root) {
			t.Errorf("%s is not at B", root)
		}
	}
	receipts, err := b.StickReceipts(t.Context())
	if err != nil || len(receipts) != len(roots) {
		t.Errorf("receipts %+v, %v", receipts, err)
	}
}

func TestAPackingThatIsCutLeavesTheStickAsItWas(t *testing.T) {
	a := nodetest.Start(t, 1, schools("A"))[0]
	usb := t.TempDir()
	publish(t, a, "Jardin", garden)
	before := pack(t, a, usb, node.PackOptions{All: true})
	publish(t, a, "Eau", map[string]string{"texte.dat": babble("Eau", 3_000_000)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := a.PackStick(ctx, usb, node.PackOptions{All: true}, func(node.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	info, err := node.InspectStick(usb)
	if err != nil || info.Count != before.Count || len(info.Items) != 1 {
		t.Errorf("after the cut: %+v, %v", info, err)
	}
	if after := pack(t, a, usb, node.PackOptions{All: true}); after.Count != before.Count+1 {
		t.Errorf("packed again: %+v", after)
	}
	if r, err := node.VerifyStick(t.Context(), usb, nil); err != nil || !r.Right || len(r.Items) != 2 {
		t.Errorf("verified: %+v, %v", r, err)
	}
}

func TestAnIncompleteItemIsAskedForAndMadeWholeByTheNextStick(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("A", "B"))
	a, b := nodes[0], nodes[1]
	trust(t, b, a)
	usb := t.TempDir()
	item := publish(t, a, "Ponts", map[string]string{"texte.dat": babble("Ponts", 3_000_000)})
	pack(t, a, usb, node.PackOptions{All: true})
	spoil(t, usb, 2_000_000)
	got := load(t, b, usb)
	if len(got.Items) != 1 || got.Items[0].State != node.ArrivedDamaged || got.Items[0].Lacks == 0 || isHere(t, b, item.Root) {
		t.Fatalf("loaded %+v", got.Items)
	}
	other := t.TempDir()
	pack(t, b, other, node.PackOptions{All: true}) // carries what B lacks
	second := pack(t, a, other, node.PackOptions{For: []string{"B"}})
	if len(second.Items) != 1 || !second.Items[0].Wanted || second.Written > 2_000_000 {
		t.Errorf("packed %+v", second)
	}
	if got := load(t, b, other); len(got.Items) != 1 || got.Items[0].State != node.Delivered || !isHere(t, b, item.Root) {
		t.Errorf("made whole: %+v", got.Items)
	}
}

// spoil changes a byte of the largest file of a stick.
func spoil(t *testing.T, usb string, at int64) {
	t.Helper()
	var largest string
	var size int64
	err := filepath.Walk(usb, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	})
	must(t, err)
	f, err := os.OpenFile(largest, os.O_RDWR, 0)
	must(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	must(t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	must(t, errors.Join(err, f.Close()))
}

// drive is a file system of its own of so many bytes, for root only.
func drive(t *testing.T, size string) (dir string, readOnly func()) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("no file system can be mounted here: ", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	return dir, func() { must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")) }
}

func TestAStickThatCannotBeWrittenIsLoadedAndReceiptsGoWithTheNext(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("A", "B"))
	a, b := nodes[0], nodes[1]
	trust(t, b, a)
	usb, readOnly := drive(t, "16m")
	publish(t, a, "Jardin", garden)
	pack(t, a, usb, node.PackOptions{All: true})
	readOnly()
	got := load(t, b, usb)
	if states(got)["Jardin"] != node.Delivered || got.Written || got.WhyNot != "read_only" {
		t.Errorf("loaded %+v", got)
	}
	next := t.TempDir()
	pack(t, b, next, node.PackOptions{All: true})
	if got := load(t, a, next); len(got.Receipts) != 1 {
		t.Errorf("receipts read at A: %+v", got.Receipts)
	}
}

func TestAFullStickIsNamedBeforeTheFirstByte(t *testing.T) {
	a := nodetest.Start(t, 1, schools("A"))[0]
	usb, _ := drive(t, "3m")
	publish(t, a, "Ponts", map[string]string{"texte.dat": babble("Ponts", 3_000_000)})
	_, err := a.PackStick(t.Context(), usb, node.PackOptions{All: true}, nil)
	var space *stick.SpaceError
	if !errors.As(err, &space) || space.Need < 3_000_000 {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(usb); err != nil || len(left) != 0 {
		t.Errorf("on the stick: %v, %v", left, err)
	}
}

func TestAStickFullOfStrangersDoesNotFillTheCatalogue(t *testing.T) {
	if testing.Short() {
		t.Skip("signs thousands of entries")
	}
	n := nodetest.Start(t, 1, schools("A"))[0]
	usb := t.TempDir()
	key := newKey(t)
	w, err := stick.OpenWriter(t.Context(), usb, stick.Options{Key: key})
	must(t, err)
	var entries [][]byte
	for range 3600 {
		entries = append(entries, strangersEntry(t))
	}
	must(t, w.PutEntries(slices.Values(entries)))
	_, err = w.Commit(t.Context())
	must(t, errors.Join(err, w.Close()))
	got := load(t, n, usb)
	if got.Entries+got.Refused[node.WhyQuota] != 3600 || got.Refused[node.WhyQuota] < 500 {
		t.Errorf("%d entries taken, refused %v", got.Entries, got.Refused)
	}
}

// strangersEntry is an entry of a fresh author, as large as entries may be.
func strangersEntry(t *testing.T) []byte {
	t.Helper()
	key := newKey(t)
	id, err := peer.IDFromPrivateKey(key)
	must(t, err)
	root, err := cid.Decode("bafybeifnzk5go42bcg25z3mvdnrx4wkrvtuowj2mum7h6uwyb27zkzfpfy")
	must(t, err)
	mode, err := cbor.CoreDetEncOptions().EncMode()
	must(t, err)
	said, err := mode.Marshal(catalog.Entry{
		V: 1, Author: id, Seq: 1, Kind: catalog.Dataset, Verb: catalog.Publish, Title: "Moi", Root: root, Size: 1,
		Card: strings.Repeat("x", 7900), Sketch: make([]byte, 7900),
	})
	must(t, err)
	env, err := record.Seal(entryPayload{said}, key)
	must(t, err)
	b, err := env.Marshal()
	must(t, err)
	return b
}

type entryPayload struct{ said []byte }

func (entryPayload) Domain() string                   { return "savoirs-catalogue-entry" }
func (entryPayload) Codec() []byte                    { return []byte("/savoirs/entry/1") }
func (p entryPayload) MarshalRecord() ([]byte, error) { return p.said, nil }
func (entryPayload) UnmarshalRecord([]byte) error     { return nil }

func trust(t *testing.T, n, author *node.Node) {
	t.Helper()
	if _, err := n.Trust(author.ID().ID); err != nil {
		t.Fatal(err)
	}
}
