package node_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/store/catalog"
)

func TestAPublicationIsKnownAtTheEndOfALineWithinTwoSeconds(t *testing.T) {
	nodes := nodetest.Start(t, 6)
	keepInLine(t, nodes)
	for i := range nodes[1:] {
		nodetest.Connect(t, nodes[i], nodes[i+1])
	}
	last := nodes[len(nodes)-1]
	waitForOffer(t, last, publish(t, nodes[0], "Marées", map[string]string{"marees.md": "# Marées\n"}).Root)
	var took time.Duration
	for try := range 3 { // the rule is of the mesh, not of a machine busy with other tests
		item := publish(t, nodes[0], fmt.Sprint("Jardin ", try), map[string]string{"a.md": fmt.Sprint("# Jardin\n\nNuméro ", try, ".\n")})
		start := time.Now()
		waitForOffer(t, last, item.Root)
		if took = time.Since(start); took < 2*time.Second {
			return
		}
	}
	t.Errorf("known five nodes away after %v", took)
}

func TestWhatWasSaidApartIsKnownEverywhereOnceTheHalvesMeet(t *testing.T) {
	nodes, _, _ := halves(t, 6, func(i int, c *catalog.Catalog) {})
	nodetest.Connect(t, nodes[2], nodes[3])
	for _, n := range nodes {
		nodetest.Until(t, "everybody offers all", func() bool { return len(list(t, n)) == len(nodes) })
	}
}

// keepInLine lets each node meet the one before and after it only, where the
// DHT would soon have them all connected. Nobody blocks the first, whose
// entries they would refuse then; it blocks them.
func keepInLine(t *testing.T, nodes []*node.Node) {
	t.Helper()
	for i, a := range nodes {
		for j, b := range nodes {
			if i == 0 && j > 1 || i > 0 && j > 0 && i != j && i != j+1 && j != i+1 {
				if err := a.Block(b.ID().ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// halves starts two lines of nodes that have nothing to say to each other any
// more: each has heard the others of its line. prepare adds to the catalogues.
func halves(t *testing.T, count int, prepare func(i int, c *catalog.Catalog)) (nodes []*node.Node, options []node.Options, stops []func()) {
	t.Helper()
	for i := range count {
		o := nodetest.Options(t, t.TempDir())
		inCatalogue(t, o, func(c *catalog.Catalog) {
			say(t, c, newKey(t), fmt.Sprint("Cahier ", i))
			prepare(i, c)
		})
		n, stop := nodetest.Run(t, o)
		nodes, options, stops = append(nodes, n), append(options, o), append(stops, stop)
	}
	keepInLine(t, nodes)
	for i := range nodes[1:] {
		if i+1 != count/2 {
			nodetest.Connect(t, nodes[i], nodes[i+1])
		}
	}
	for i, n := range nodes {
		nodetest.Until(t, "all of a half are heard", func() bool {
			heard := 0
			for _, it := range list(t, n) {
				var by int
				if k, _ := fmt.Sscanf(it.Title, "Cahier %d", &by); k == 1 && by/(count/2) == i/(count/2) {
					heard++
				}
			}
			return heard == count/2
		})
	}
	return nodes, options, stops
}

func TestWhatWasWithdrawnOrRevisedIsSoOnEveryNodeAlsoOneThatWasAway(t *testing.T) {
	away := nodetest.Options(t, t.TempDir())
	nodes := nodetest.Start(t, 2)
	a, between := nodes[0], nodes[1]
	c, stop := nodetest.Run(t, away)
	nodetest.Connect(t, a, between)
	nodetest.Connect(t, c, between)
	gone := publish(t, a, "Citerne", map[string]string{"citerne.md": garden["citerne.md"]})
	old := publish(t, a, "Jardin", garden)
	kept := publish(t, a, "Marées", map[string]string{"marees.md": "# Marées\n\nElles montent deux fois par jour.\n"})
	for _, root := range []string{gone.Root, old.Root, kept.Root} {
		waitForOffer(t, c, root)
	}
	stop()

	if _, err := a.Remove(t.Context(), gone.Ref); err != nil {
		t.Fatal(err)
	}
	revised := publish(t, a, "Jardin", map[string]string{"igname.md": "# L'igname\n\nElle se plante plutôt en avril.\n"})
	waitForOffer(t, between, revised.Root)
	c, _ = nodetest.Run(t, away)
	nodetest.Connect(t, c, between)
	waitForOffer(t, c, revised.Root)
	for name, n := range map[string]*node.Node{"the neighbour": between, "the one that was away": c} {
		offered := map[string]bool{}
		for _, it := range list(t, n) {
			offered[it.Root] = true
		}
		if offered[gone.Root] || offered[old.Root] || !offered[kept.Root] {
			t.Errorf("%s lists withdrawn %v, replaced %v, kept %v", name, offered[gone.Root], offered[old.Root], offered[kept.Root])
		}
		for _, ref := range []string{"citerne", gone.Root, old.Root} {
			if it, err := n.Pull(t.Context(), ref, nil); err == nil {
				t.Errorf("%s pulled %+v", name, it)
			}
		}
		if _, err := n.Pull(t.Context(), "jardin", nil); err != nil {
			t.Errorf("%s pulls the revision: %v", name, err)
		}
		mustFind(t, n, "Quand planter l'igname ?", "igname.md")
		for _, h := range search(t, n, "citerne mars") {
			t.Errorf("%s finds %+v", name, h)
		}
	}
}

func TestANodeThatComesBackAfterAMonthHasAllThatWasSaidMeanwhile(t *testing.T) {
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, stopA := nodetest.Run(t, oa)
	b, stopB := nodetest.Run(t, ob)
	nodetest.Connect(t, a, b)
	before := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, before.Root)
	stopB()
	stopA()
	said := map[string]bool{before.Root: true}
	inCatalogue(t, oa, func(c *catalog.Catalog) {
		for author := range 150 {
			key := newKey(t)
			for i := range 2 {
				said[say(t, c, key, fmt.Sprint("Cahier ", author, " ", i)).Root.String()] = true
			}
		}
	})
	a, _ = nodetest.Run(t, oa)
	b, _ = nodetest.Run(t, ob)
	nodetest.Connect(t, b, a)
	nodetest.Until(t, "the one that was away offers all", func() bool {
		offers := list(t, b)
		for _, it := range offers {
			if !said[it.Root] {
				t.Errorf("offered by nobody: %+v", it)
			}
		}
		return len(offers) == len(said)
	})
}

// Each half of a mesh saw one of two statements with one number, one each of an
// author whose key was on two machines.
func TestAForkIsProvedToBothHalvesOnFirstContact(t *testing.T) {
	key := newKey(t)
	author, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	nodes, options, stops := halves(t, 4, func(i int, c *catalog.Catalog) {
		say(t, c, key, "Tronc")
		say(t, c, key, fmt.Sprint("Moitié ", i/2))
	})
	for _, n := range nodes {
		if got := len(list(t, n)); got != 4 {
			t.Fatalf("%d offers before the halves meet", got)
		}
	}
	nodetest.Connect(t, nodes[1], nodes[2])
	for _, n := range nodes {
		nodetest.Until(t, "nothing counts from the fork on", func() bool { return len(list(t, n)) == 5 })
	}
	for i, stop := range stops {
		stop()
		inCatalogue(t, options[i], func(c *catalog.Catalog) {
			forks := c.Forks()
			if len(forks) != 1 || forks[0].Author != author || forks[0].Seq != 2 {
				t.Fatalf("node %d holds as proofs %+v", i, forks)
			}
			for _, s := range []catalog.Sealed{forks[0].A, forks[0].B} {
				if e, err := s.Open(); err != nil || e.Seq != 2 || e.Author != author {
					t.Errorf("node %d holds as proof %+v, %v", i, e, err)
				}
			}
		})
	}
}

// A neighbour tells of an entry and keeps it to itself; another has it.
func TestNewsThatItsTellerDoesNotGiveIsHadFromAnotherNeighbour(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	nodetest.Connect(t, nodes[0], nodes[1])
	key := newKey(t)
	c, err := catalog.Open(catalog.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := p2p.Open(p2p.Options{Key: newKey(t), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Blocks: emptyBlocks()})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p2p.Handle(m, "catalogue", p2p.Limit{}, func(_ context.Context, from peer.ID, q catalog.Question) (catalog.Answer, error) {
		if from.String() != nodes[1].ID().ID {
			return catalog.Answer{Same: true}, nil
		}
		return c.Answer(q)
	})
	for _, n := range nodes {
		to, err := peer.AddrInfoFromString(n.ID().Addrs[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Connect(t.Context(), *to); err != nil {
			t.Fatal(err)
		}
	}
	met := time.Now()
	announce := time.NewTicker(200 * time.Millisecond) // again until both listen
	defer announce.Stop()
	said := 0
	for late := 0; late < 4; {
		if time.Since(met) > 4*time.Second { // neighbours who met lately ask one another anyway
			late++
		}
		var b []byte
		tick := 0
		nodetest.Until(t, "both offer what one was not given", func() bool {
			if tick%25 == 0 { // a head may be lost before both listen, and is sent once
				said++
				say(t, c, key, fmt.Sprint("Cahier ", said))
				b = signedHead(t, c, key)
			}
			tick++
			<-announce.C
			if err := m.Announce(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			return len(list(t, nodes[0])) == said && len(list(t, nodes[1])) == said
		})
	}
}

// signedHead is the gossip message about the last entry of the key's author.
func signedHead(t *testing.T, c *catalog.Catalog, key crypto.PrivKey) []byte {
	t.Helper()
	author, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := c.Head(author)
	if !ok {
		t.Fatal("no entry to tell of")
	}
	e, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	hash := s.Hash()
	head := struct {
		Author []byte
		Seq    uint64
		Hash   []byte
		Sig    []byte
	}{[]byte(author), e.Seq, hash[:], nil}
	unsigned, err := cbor.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(unsigned)
	if head.Sig, err = key.Sign(append([]byte("savoirs-head:"), sum[:]...)); err != nil {
		t.Fatal(err)
	}
	b, err := cbor.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inCatalogue opens the catalogue of a node that does not run.
func inCatalogue(t *testing.T, o node.Options, do func(*catalog.Catalog)) {
	t.Helper()
	c, err := catalog.Open(catalog.Options{Dir: filepath.Join(o.Dir, "catalogue")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do(c)
}

// say has an author publish something.
func say(t *testing.T, c *catalog.Catalog, key crypto.PrivKey, title string) catalog.Entry {
	t.Helper()
	h, err := multihash.Sum([]byte(title), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := c.Append(key, catalog.Entry{Kind: catalog.Dataset, Verb: catalog.Publish, Title: title, Root: cid.NewCidV1(cid.DagProtobuf, h)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
