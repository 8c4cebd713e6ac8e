package node_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"savoirs/node"
	"savoirs/node/nodetest"
)

// hurried makes copies be looked at ten times a second.
func hurried(_ int, o *node.Options) { o.Pace = 100 * time.Millisecond }

// documents is an item of some size, unlike any other of another name.
func documents(name string, size int) map[string]string {
	return map[string]string{"texte.md": strings.Repeat("Le savoir de "+name+" se garde. ", 1+size/30)}
}

const someKB = 20_000

func copiesOf(t *testing.T, n *node.Node, root string) node.Spread {
	t.Helper()
	for _, it := range list(t, n) {
		if it.Root == root {
			return it.Spread
		}
	}
	return node.Spread{}
}

func waitForCopies(t *testing.T, n *node.Node, root string, copies int) {
	t.Helper()
	nodetest.Until(t, "the copies are counted", func() bool { return copiesOf(t, n, root).Copies == copies })
}

func isHere(t *testing.T, n *node.Node, root string) bool {
	t.Helper()
	for _, it := range list(t, n) {
		if it.Root == root {
			return it.Here
		}
	}
	return false
}

// stays fails if a state is left within a second: ten looks at the copies.
func stays(t *testing.T, what string, state func() bool) {
	t.Helper()
	end := time.NewTimer(time.Second)
	defer end.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for state() {
		select {
		case <-end.C:
			return
		case <-look.C:
		}
	}
	t.Fatal("no longer: " + what)
}

func pin(t *testing.T, n *node.Node, root string, copies int) {
	t.Helper()
	if _, err := n.Pin(t.Context(), root, copies); err != nil {
		t.Fatal(err)
	}
}

func lend(t *testing.T, n *node.Node, bytes int64, whom ...string) {
	t.Helper()
	if _, err := n.SetPledge(bytes, whom); err != nil {
		t.Fatal(err)
	}
}

func connectAll(t *testing.T, nodes ...*node.Node) {
	t.Helper()
	for i, a := range nodes {
		for _, b := range nodes[i+1:] {
			nodetest.Connect(t, a, b)
		}
	}
}

func TestANodeThatLendsMakesTheCopyThatLacksAndOthersDoNot(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 3, territories("Vieux-Bourg", "Marie-Galante", "Vieux-Bourg"), hurried)
	a, b, c := nodes[0], nodes[1], nodes[2]
	connectAll(t, a, b, c)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	lend(t, b, 1e6)
	pin(t, a, item.Root, 2)
	want := node.Spread{Copies: 2, Territories: 2, Target: 2}
	for _, n := range nodes {
		waitForCopies(t, n, item.Root, 2)
		if diff := cmp.Diff(want, copiesOf(t, n, item.Root)); diff != "" {
			t.Error(diff)
		}
	}
	kept := show(t, b, item.Root)
	if !kept.Here || !kept.Kept || kept.Pinned || kept.Passages != 0 || isHere(t, c, item.Root) {
		t.Errorf("kept by the one that lends: %+v, by the other: %v", kept.Item, isHere(t, c, item.Root))
	}
	if p, err := b.Pledge(); err != nil || p.Items != 1 || p.Used != item.Size {
		t.Errorf("the pledge: %+v, %v", p, err)
	}
	if _, err := c.Pull(t.Context(), item.Root, nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes { // "3 copies in 2 territories"
		waitForCopies(t, n, item.Root, 3)
		if got := copiesOf(t, n, item.Root); got.Territories != 2 {
			t.Errorf("%+v", got)
		}
	}
}

func TestNothingIsFetchedBeyondThePledgeNorForOthersThanThoseLentTo(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 4, territories("Vieux-Bourg", "Marie-Galante", "", "Marie-Galante"), hurried)
	a, small, named, foreign := nodes[0], nodes[1], nodes[2], nodes[3]
	connectAll(t, nodes...)
	item := publish(t, a, "Jardin", documents("Jardin", someKB))
	for _, n := range nodes {
		waitForOffer(t, n, item.Root)
	}
	lend(t, small, item.Size-1)
	lend(t, named, 1e6, small.ID().ID)
	lend(t, foreign, 1e6, "territory")
	pin(t, a, item.Root, 4)
	nodetest.Until(t, "all know what is wanted", func() bool {
		return copiesOf(t, small, item.Root).Target == 4 && copiesOf(t, named, item.Root).Target == 4 && copiesOf(t, foreign, item.Root).Target == 4
	})
	stays(t, "one copy", func() bool {
		return !isHere(t, small, item.Root) && !isHere(t, named, item.Root) && !isHere(t, foreign, item.Root)
	})
	lend(t, small, item.Size)
	waitForCopies(t, a, item.Root, 2)
	if isHere(t, named, item.Root) || isHere(t, foreign, item.Root) {
		t.Error("fetched for a node that is not lent to")
	}
	lend(t, named, 1e6, a.ID().ID)
	waitForCopies(t, a, item.Root, 3)
}

func TestTwoThatLendDoNotBothFetchTheOneCopyThatLacks(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 3, func(_ int, o *node.Options) { o.Pace = time.Second }) // 5 s for a fetch
	a, b, c := nodes[0], nodes[1], nodes[2]
	connectAll(t, nodes...)
	var items []node.Item
	for _, title := range []string{"Un", "Deux", "Trois", "Quatre"} {
		items = append(items, publish(t, a, title, documents(title, 1000)))
	}
	waitForOffer(t, b, items[3].Root)
	waitForOffer(t, c, items[3].Root)
	lend(t, b, 1e6)
	lend(t, c, 1e6)
	knowsOf(t, c, b)
	knowsOf(t, b, c)
	for _, it := range items {
		pin(t, a, it.Root, 2)
	}
	for _, it := range items {
		waitForCopies(t, a, it.Root, 2)
	}
	stays(t, "one of them has each item", func() bool {
		for _, it := range items {
			if isHere(t, b, it.Root) == isHere(t, c, it.Root) {
				return false
			}
		}
		return true
	})
}

// knowsOf waits until n knows what other says of itself by now, of which it sees
// something said last.
func knowsOf(t *testing.T, n, other *node.Node) {
	t.Helper()
	last := publish(t, other, "Dernier de "+other.ID().ID, documents(other.ID().ID, 1000))
	pin(t, other, last.Root, 1)
	nodetest.Until(t, "it is known", func() bool { return copiesOf(t, n, last.Root).Target == 1 })
}

func TestTheRarestIsKeptWhereThePledgeHasRoomForOne(t *testing.T) {
	t.Parallel()
	var said spoken
	nodes := nodetest.Start(t, 3, hurried, func(i int, o *node.Options) {
		if i == 1 {
			o.Log = slog.New(slog.NewTextHandler(&said, nil))
		}
	})
	a, b, c := nodes[0], nodes[1], nodes[2]
	connectAll(t, nodes...)
	common := publish(t, a, "Commun", documents("Commun", someKB))
	rare := publish(t, a, "Rare", documents("Rare", someKB))
	waitForOffer(t, c, common.Root)
	if _, err := c.Pull(t.Context(), common.Root, nil); err != nil {
		t.Fatal(err)
	}
	pin(t, a, common.Root, 5)
	pin(t, a, rare.Root, 5)
	waitForCopies(t, b, common.Root, 2)
	waitForOffer(t, b, rare.Root)
	nodetest.Until(t, "both are wanted", func() bool {
		return copiesOf(t, b, common.Root).Target == 5 && copiesOf(t, b, rare.Root).Target == 5
	})
	lend(t, b, rare.Size+common.Size-1)
	waitForCopies(t, a, rare.Root, 2)
	stays(t, "only the rare one", func() bool { return isHere(t, b, rare.Root) && !said.has("item=Commun") })

	// A rarer one takes the place of what others have more of.
	if _, err := c.Pull(t.Context(), rare.Root, nil); err != nil {
		t.Fatal(err)
	}
	rarest := publish(t, a, "Très rare", documents("Très rare", someKB))
	waitForOffer(t, b, rarest.Root)
	pin(t, a, rarest.Root, 5)
	nodetest.Until(t, "the rarest has taken its place", func() bool {
		p, err := b.Pledge()
		if err != nil || p.Used > p.Bytes {
			t.Fatalf("beyond the pledge: %+v, %v", p, err)
		}
		return isHere(t, b, rarest.Root) && !isHere(t, b, rare.Root)
	})
}

func TestTwoEquallyRareDoNotTakeTurns(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, hurried)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	x, y := publish(t, a, "Un", documents("Un", someKB)), publish(t, a, "Deux", documents("Deux", someKB))
	waitForOffer(t, b, y.Root)
	pin(t, a, x.Root, 3)
	pin(t, a, y.Root, 3)
	lend(t, b, x.Size+y.Size/2)
	nodetest.Until(t, "one of them is kept", func() bool { return isHere(t, b, x.Root) || isHere(t, b, y.Root) })
	first := isHere(t, b, x.Root)
	stays(t, "the same one", func() bool { return isHere(t, b, x.Root) == first && isHere(t, b, y.Root) != first })
}

// spoken is what a node logged.
type spoken struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (s *spoken) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *spoken) has(words string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), words)
}

func TestAPinAndTheLastCopySurviveAShrinkingPledge(t *testing.T) {
	t.Parallel()
	oa := nodetest.Options(t, t.TempDir())
	ob := nodetest.Options(t, t.TempDir())
	hurried(0, &oa)
	hurried(1, &ob)
	a, stopA := nodetest.Run(t, oa)
	b, stopB := nodetest.Run(t, ob)
	nodetest.Connect(t, b, a)
	lend(t, b, 1e6)
	x, y := publish(t, a, "Un", documents("Un", someKB)), publish(t, a, "Deux", documents("Deux", someKB))
	pin(t, a, x.Root, 2)
	pin(t, a, y.Root, 2)
	waitForCopies(t, a, x.Root, 2)
	waitForCopies(t, a, y.Root, 2)
	pin(t, b, y.Root, 0)

	stopA()
	nodetest.Until(t, "the author is gone", func() bool { return len(b.Peers()) == 0 })
	lend(t, b, 0)
	stays(t, "the pinned one and the last copy", func() bool { return isHere(t, b, x.Root) && isHere(t, b, y.Root) })

	// Nor does a restart lose anything that was kept.
	want := show(t, b, x.Root).Spread
	stopB()
	b, _ = nodetest.Run(t, ob)
	got := show(t, b, x.Root)
	if diff := cmp.Diff(want, got.Spread); diff != "" || !got.Kept || !show(t, b, y.Root).Pinned {
		t.Errorf("after a restart: %+v\n%s", got.Item, diff)
	}
	a, _ = nodetest.Run(t, oa)
	nodetest.Connect(t, b, a)
	nodetest.Until(t, "what another holds is dropped", func() bool { return !isHere(t, b, x.Root) })
	if !isHere(t, b, y.Root) {
		t.Error("the pinned one was dropped")
	}
	waitForCopies(t, a, x.Root, 1)
}

func TestWhatIsWithdrawnIsKeptForOthersNoMoreUnlessPinned(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, hurried)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	lend(t, b, 1e6)
	x, y := publish(t, a, "Un", documents("Un", 1000)), publish(t, a, "Deux", documents("Deux", 1000))
	for _, it := range []node.Item{x, y} {
		pin(t, a, it.Root, 2)
		waitForCopies(t, a, it.Root, 2)
	}
	pin(t, b, y.Root, 0)
	for _, it := range []node.Item{x, y} {
		if _, err := a.Remove(t.Context(), it.Root); err != nil {
			t.Fatal(err)
		}
	}
	nodetest.Until(t, "it is dropped", func() bool { return !isHere(t, b, x.Root) })
	if !isHere(t, b, y.Root) {
		t.Error("the pinned one was dropped")
	}
}

func TestWhatAPersonTakesOrRemovesIsNoLongerKeptForOthers(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, hurried)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	lend(t, b, 1e6)
	taken, unwanted := publish(t, a, "Jardin", garden), publish(t, a, "Autre", documents("Autre", 1000))
	for _, it := range []node.Item{taken, unwanted} {
		pin(t, a, it.Root, 2)
		waitForCopies(t, a, it.Root, 2)
	}
	if hits := search(t, b, "igname"); len(hits) != 0 {
		t.Errorf("what is kept for others is searched: %v", hits)
	}
	if it, err := b.Pull(t.Context(), taken.Root, nil); err != nil || !it.Existed || it.Kept || it.Passages == 0 {
		t.Errorf("pulled: %+v, %v", it, err)
	}
	mustFind(t, b, "Quand planter l'igname ?", "igname.md")
	stays(t, "the other is not read", func() bool { return show(t, b, unwanted.Root).Passages == 0 })
	if _, err := b.Remove(t.Context(), unwanted.Root); err != nil {
		t.Fatal(err)
	}
	waitForCopies(t, a, unwanted.Root, 1)
	stays(t, "not fetched again", func() bool { return !isHere(t, b, unwanted.Root) })
	if p, err := b.Pledge(); err != nil || p.Items != 0 || p.Used != 0 {
		t.Errorf("the pledge: %+v, %v", p, err)
	}
}

func TestPinAndPledgeRefuseWhatCannotBe(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, hurried)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	secret, public := add(t, a, "Privé", garden), publish(t, a, "Public", documents("Public", 1000))
	waitForOffer(t, b, public.Root)
	try := func(n *node.Node, root string, copies int) error {
		_, err := n.Pin(t.Context(), root, copies)
		return err
	}
	lend := func(whom ...string) error { _, err := a.SetPledge(1e6, whom); return err }
	for name, test := range map[string]struct{ got, want error }{
		"copies of a private item": {try(a, secret.Root, 2), node.ErrPrivate},
		"what is not here":         {try(b, public.Root, 2), node.ErrNotHere},
		"less than no copy":        {try(a, public.Root, -1), node.ErrCopies},
		"a thousand copies":        {try(a, public.Root, 1000), node.ErrCopies},
		"nobody known":             {lend("Personne"), node.ErrWhom},
		"no territory":             {lend("territory"), node.ErrNoTerritory},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	if it, err := a.Pin(t.Context(), secret.Root, 0); err != nil || !it.Pinned {
		t.Errorf("a private item is pinned: %+v, %v", it, err)
	}
	pin(t, a, public.Root, 3)
	if it, err := a.Unpin(t.Context(), public.Root); err != nil || it.Pinned || it.Target != 0 {
		t.Errorf("unpinned: %+v, %v", it, err)
	}
	said, err := os.ReadDir(filepath.Join(show(t, a, secret.Root).Path, "..", "..", "..", "..", "catalogue", "holdings"))
	if err != nil || len(said) == 0 {
		t.Errorf("nothing was said: %v, %v", said, err)
	}
}

// Two that lend are told to stop at once, and nobody else has what they keep.
func TestTwoThatDropTheSameAtOnceLeaveOneCopy(t *testing.T) {
	t.Parallel()
	oa := nodetest.Options(t, t.TempDir())
	hurried(0, &oa)
	a, stop := nodetest.Run(t, oa)
	nodes := nodetest.Start(t, 2, hurried)
	b, c := nodes[0], nodes[1]
	connectAll(t, a, b, c)
	lend(t, b, 1e6)
	lend(t, c, 1e6)
	var items []node.Item
	for _, title := range []string{"Un", "Deux", "Trois", "Quatre", "Cinq"} {
		it := publish(t, a, title, documents(title, 1000))
		pin(t, a, it.Root, 3)
		items = append(items, it)
	}
	for _, it := range items {
		waitForCopies(t, b, it.Root, 3)
		waitForCopies(t, c, it.Root, 3)
	}
	stop()
	nodetest.Until(t, "the author is gone", func() bool { return len(b.Peers()) == 1 && len(c.Peers()) == 1 })
	lend(t, b, 0)
	lend(t, c, 0)
	held := func(most int) func() bool {
		return func() bool {
			for _, it := range items {
				onB, onC := isHere(t, b, it.Root), isHere(t, c, it.Root)
				if !onB && !onC || most == 1 && onB && onC {
					return false
				}
			}
			return true
		}
	}
	nodetest.Until(t, "each has one copy", held(1))
	stays(t, "the last copies", held(2))
}

func TestADiskNearlyFullKeepsNothingForOthers(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, hurried, func(i int, o *node.Options) {
		if i == 1 {
			o.FreeFloor = 1 << 50
		}
	})
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	lend(t, b, 1e6)
	pin(t, a, item.Root, 2)
	waitForOffer(t, b, item.Root)
	nodetest.Until(t, "it is wanted", func() bool { return copiesOf(t, b, item.Root).Target == 2 })
	stays(t, "nothing begun", func() bool {
		d := show(t, b, item.Root)
		return !d.Here && !d.Unfinished
	})
}

func TestADiskAtItsFloorGivesBackWhatOthersHold(t *testing.T) {
	t.Parallel()
	a := nodetest.Start(t, 1, hurried)[0]
	o := nodetest.Options(t, t.TempDir())
	hurried(1, &o)
	b, stop := nodetest.Run(t, o)
	nodetest.Connect(t, b, a)
	lend(t, b, 1e6)
	x, y := publish(t, a, "Un", documents("Un", 1000)), publish(t, a, "Deux", documents("Deux", 1000))
	for _, it := range []node.Item{x, y} {
		pin(t, a, it.Root, 2)
		waitForCopies(t, b, it.Root, 2)
	}
	pin(t, b, y.Root, 0)
	stop()
	o.FreeFloor = 1 << 50
	b, _ = nodetest.Run(t, o)
	nodetest.Until(t, "what the other holds is dropped", func() bool { return !isHere(t, b, x.Root) })
	if !isHere(t, b, y.Root) {
		t.Error("the pinned one was dropped")
	}
}

func TestWhatANodeHoldsIsKnownBeyondItsNeighbours(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 3, territories("Vieux-Bourg", "", "Marie-Galante"), hurried)
	a, b, c := nodes[0], nodes[1], nodes[2]
	nodetest.Connect(t, a, b)
	nodetest.Connect(t, b, c) // a and c never meet
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, c, item.Root)
	pin(t, a, item.Root, 2)
	nodetest.Until(t, "the far node knows the copy and the wish", func() bool {
		return copiesOf(t, c, item.Root) == node.Spread{Copies: 1, Territories: 1, Target: 2}
	})
	if err := b.Block(a.ID().ID); err != nil {
		t.Fatal(err)
	}
	if got := copiesOf(t, b, item.Root).Copies; got != 0 {
		t.Errorf("%d copies with their only holder blocked", got)
	}
}
