package node_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
)

func TestALostIndexIsMadeAgainAtTheNextStart(t *testing.T) {
	o := nodetest.Options(t, t.TempDir())
	n, stop := nodetest.Run(t, o)
	add(t, n, "Jardin", garden)
	stop()
	if err := os.RemoveAll(filepath.Join(o.Dir, "index")); err != nil {
		t.Fatal(err)
	}
	n, _ = nodetest.Run(t, o)
	nodetest.Until(t, "the item is found again", func() bool { return len(search(t, n, "igname")) > 0 })
}

func TestADamagedItemIsFoundOutAndRepairedFromANeighbour(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	if _, err := b.Pull(t.Context(), item.Root, nil); err != nil {
		t.Fatal(err)
	}
	flipByte(t, filepath.Join(show(t, b, item.Root).Path, "igname.md"))

	found, err := b.Verify(t.Context(), item.Root, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Damage) != 1 || found.Damage[0].Path != "igname.md" || show(t, b, item.Root).Bad != 1 {
		t.Errorf("damage found: %+v", found.Damage)
	}
	repaired, err := b.Verify(t.Context(), "", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if repaired.Repaired != 1 || len(repaired.Damage) != 0 || show(t, b, item.Root).Bad != 0 {
		t.Errorf("after the repair: %+v", repaired)
	}
}

func TestNeighboursAreNotAskedForADamagedPrivateItem(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	publish(t, a, "Jardin", garden) // has what b lacks, were it asked
	private := add(t, b, "Jardin", garden)
	flipByte(t, filepath.Join(show(t, b, private.Root).Path, "igname.md"))
	v, err := b.Verify(t.Context(), private.Root, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Repaired != 0 || len(v.Damage) != 1 {
		t.Errorf("after asking nobody: %+v", v)
	}
}

func TestAPullThatWasCutGoesOnAfterARestart(t *testing.T) {
	a := nodetest.Start(t, 1)[0]
	ob := nodetest.Options(t, t.TempDir())
	b, stop := nodetest.Run(t, ob)
	nodetest.Connect(t, b, a)
	item := publishBytes(t, a, 48<<20)
	waitForOffer(t, b, item.Root)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := b.Pull(ctx, item.Root, func(p node.Progress) {
		if p.Stage == "fetch" && p.Done > p.Total/2 {
			cancel()
		}
	})
	if reason, _ := node.ReasonOf(err); err == nil || reason != node.Incomplete {
		t.Fatalf("a pull that was cut: %v", err)
	}
	stop()

	b, _ = nodetest.Run(t, ob)
	half := show(t, b, item.Root)
	if !half.Unfinished || half.Have < item.Size/2 {
		t.Fatalf("after the restart: %+v", half.Item)
	}
	nodetest.Until(t, "b found a again", func() bool { return len(b.Peers()) == 1 })
	first := int64(-1)
	whole, err := b.Pull(t.Context(), item.Root, func(p node.Progress) {
		if p.Stage == "fetch" && first < 0 {
			first = p.Done
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !whole.Here || first < half.Have {
		t.Errorf("it began again at %d of %d, with %d here before", first, item.Size, half.Have)
	}
}

func TestAPullWithoutRoomIsRefusedBeforeByteOne(t *testing.T) {
	a := nodetest.Start(t, 1)[0]
	b := nodetest.Start(t, 1, func(_ int, o *node.Options) { o.FreeFloor = 1 << 60 })[0]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	_, err := b.Pull(t.Context(), item.Root, nil)
	if reason, args := node.ReasonOf(err); reason != node.NoSpace || args["need"] == "" {
		t.Errorf("pull on a full disk: %v (%s %v)", err, reason, args)
	}
}

func TestASecondNodeOnTheSameDirectoryIsRefused(t *testing.T) {
	o := nodetest.Options(t, t.TempDir())
	nodetest.Run(t, o)
	n, err := node.Open(t.Context(), o)
	if err == nil {
		err = errors.Join(errors.New("it opened"), n.Close())
	}
	if reason, _ := node.ReasonOf(err); reason != node.InUse {
		t.Errorf("second node: %v", err)
	}
}

func publishBytes(t *testing.T, n *node.Node, size int) node.Item {
	t.Helper()
	b := make([]byte, size)
	rand.Read(b)
	p, err := n.Publish(t.Context(), add(t, n, "Masse", map[string]string{"masse.bin": string(b)}).Root, node.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Item
}

func flipByte(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
