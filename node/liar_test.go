package node_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/store/catalog"
)

// liar is a node that says what it likes of what it holds.
type liar struct {
	mesh *p2p.Mesh
	key  crypto.PrivKey
	id   peer.ID
}

func newLiar(t *testing.T, near ...*node.Node) liar {
	t.Helper()
	key := newKey(t)
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p2p.Open(p2p.Options{Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Blocks: emptyBlocks()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	for _, n := range near {
		info, err := peer.AddrInfoFromString(n.ID().Addrs[0])
		if err == nil {
			err = m.Connect(t.Context(), *info)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return liar{m, key, id}
}

// says signs a holding.
func (l liar) says(t *testing.T, h catalog.Holding) catalog.SealedHolding {
	t.Helper()
	dir := t.TempDir()
	said, err := catalog.OpenHoldings(catalog.HoldingsOptions{Dir: dir, Self: l.id})
	if err == nil {
		_, _, err = said.State(l.key, h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sealedOf(t, filepath.Join(dir, l.id.String()))
}

func sealedOf(t *testing.T, path string) catalog.SealedHolding {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tell sends a holding to a node; what it answers does not matter.
func (l liar) tell(t *testing.T, n *node.Node, said catalog.SealedHolding) {
	t.Helper()
	to, err := peer.Decode(n.ID().ID)
	if err != nil {
		t.Fatal(err)
	}
	type question struct {
		Digest [16]byte       `cbor:"digest"`
		Told   []catalog.Told `cbor:"told"`
	}
	p2p.Call[question, struct{}](t.Context(), l.mesh, to, "holding", p2p.Limit{}, question{Told: []catalog.Told{{Holding: said}}})
}

func claimOf(t *testing.T, root string) catalog.Holding {
	t.Helper()
	c, err := cid.Decode(root)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Holding{Territory: "Nulle-Part", Held: catalog.MakeShorts([]catalog.Short{catalog.ShortOf(c)})}
}

// A liar makes others keep less than was wanted; it makes nobody drop anything.
func TestALieAboutCopiesIsCountedAndDropsNothing(t *testing.T) {
	t.Parallel()
	oa := nodetest.Options(t, t.TempDir())
	hurried(0, &oa)
	a, stop := nodetest.Run(t, oa)
	b := nodetest.Start(t, 1, hurried)[0]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	lend(t, b, 1e6)
	pin(t, a, item.Root, 2)
	waitForCopies(t, b, item.Root, 2)
	l := newLiar(t, b)
	l.tell(t, b, l.says(t, claimOf(t, item.Root)))
	waitForCopies(t, b, item.Root, 3)
	stop()
	lend(t, b, 0)
	stays(t, "the copy that only a liar says it has too", func() bool { return isHere(t, b, item.Root) })

	if err := b.Block(l.id.String()); err != nil {
		t.Fatal(err)
	}
	if got := copiesOf(t, b, item.Root).Copies; got != 2 {
		t.Errorf("%d copies with the liar blocked", got)
	}
}

func TestAForgedHoldingIsNotBelievedAndBansWhoMadeIt(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, hurried)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForCopies(t, b, item.Root, 1)
	l := newLiar(t, b)
	forged := l.says(t, claimOf(t, item.Root))
	forged[len(forged)-1] ^= 1
	l.tell(t, b, forged)
	nodetest.Until(t, "the one who signed falsely is banned", func() bool {
		records, err := b.Why(l.id.String())
		return err == nil && records[0].Banned
	})
	if got := copiesOf(t, b, item.Root).Copies; got != 1 {
		t.Errorf("%d copies", got)
	}
}
