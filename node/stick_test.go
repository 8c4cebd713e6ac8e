package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag"
)

// schools names nodes and has them look at copies often.
func schools(names ...string) func(int, *node.Options) {
	return func(i int, o *node.Options) {
		hurried(i, o)
		o.Name, o.Territory = names[i], "Ville de "+names[i]
	}
}

func pack(t *testing.T, n *node.Node, dir string, o node.PackOptions) node.Packed {
	t.Helper()
	p, err := n.PackStick(t.Context(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func load(t *testing.T, n *node.Node, dir string) node.Loaded {
	t.Helper()
	l, err := n.LoadStick(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// states is what became of items, by their titles.
func states(l node.Loaded) map[string]node.State {
	s := map[string]node.State{}
	for _, a := range l.Items {
		s[a.Title] = a.State
	}
	return s
}

func TestItemsGoByStickAndReceiptsNameEachOfThem(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("École A", "École B"))
	a, b := nodes[0], nodes[1]
	trust(t, b, a)
	usb := t.TempDir()
	garden := publish(t, a, "Jardin", garden)
	water := publish(t, a, "Eau", documents("Eau", someKB))

	packed := pack(t, a, usb, node.PackOptions{All: true})
	if len(packed.Items) != 2 || packed.Entries != 2 || packed.Count != 1 || packed.Written == 0 {
		t.Errorf("packed %+v", packed)
	}
	brought := load(t, b, usb)
	if diff := cmp.Diff(map[string]node.State{"Jardin": node.Delivered, "Eau": node.Delivered}, states(brought)); diff != "" {
		t.Error(diff)
	}
	if !brought.Written || brought.Entries != 2 || brought.By.Name != "École A" {
		t.Errorf("brought %+v", brought)
	}
	mustFind(t, b, "Quand planter l'igname ?", "igname.md")

	back := load(t, a, usb)
	if diff := cmp.Diff(map[string]node.State{"Jardin": node.AlreadyHere, "Eau": node.AlreadyHere}, states(back)); diff != "" {
		t.Error(diff)
	}
	receipts, err := a.StickReceipts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range receipts {
		if r.State == node.Delivered && r.Mine && !r.Read.IsZero() {
			got[r.Root] = r.Node.Name + " from " + r.By.Name
		}
	}
	if diff := cmp.Diff(map[string]string{garden.Root: "École B from École A", water.Root: "École B from École A"}, got); diff != "" {
		t.Error(diff)
	}
	if len(back.Receipts) != 2 {
		t.Errorf("read for the first time: %+v", back.Receipts)
	}
	if again := load(t, a, usb); len(again.Receipts) != 0 || again.Entries+again.Holdings+again.Wants != 0 || again.Count != back.Count {
		t.Errorf("loaded again: %+v", again)
	}
	nodetest.Until(t, "the copy at B is counted at A", func() bool { return copiesOf(t, a, garden.Root).Copies == 2 })
}

func TestAStickBringsNewsBetweenNodesThatNeverMeet(t *testing.T) {
	nodes := nodetest.Start(t, 3, schools("A", "B", "C"))
	a, b, c := nodes[0], nodes[1], nodes[2]
	trust(t, b, a)
	trust(t, c, a)
	item := publish(t, a, "Jardin", garden)
	ab, bc := t.TempDir(), t.TempDir()
	pack(t, a, ab, node.PackOptions{All: true})
	load(t, b, ab)
	pack(t, b, bc, node.PackOptions{For: []string{c.ID().ID}})
	if got := states(load(t, c, bc)); got["Jardin"] != node.Delivered {
		t.Fatalf("at C: %v", got)
	}
	if show(t, c, item.Root).Author != a.ID().ID {
		t.Error("C does not know who wrote it")
	}
	load(t, b, bc)
	pack(t, b, ab, node.PackOptions{WantList: true})
	load(t, a, ab)
	receipts, err := a.StickReceipts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]node.State{}
	for _, r := range receipts {
		at[r.Node.Name+" by "+r.By.Name] = r.State
	}
	if diff := cmp.Diff(map[string]node.State{"B by A": node.Delivered, "C by B": node.Delivered}, at); diff != "" {
		t.Error(diff)
	}
	m, err := a.MeshMap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names, links := map[string]string{}, map[string]node.LinkKind{}
	for _, k := range m.Nodes {
		names[k.ID] = k.Name
	}
	for _, l := range m.Links {
		x, y := names[l.A], names[l.B]
		links[min(x, y)+max(x, y)] = l.Kind
	}
	if diff := cmp.Diff(map[string]node.LinkKind{"AB": node.LinkStick, "BC": node.LinkStick}, links); diff != "" {
		t.Error(diff)
	}
	nodetest.Until(t, "both copies are counted at A", func() bool { return copiesOf(t, a, item.Root).Copies == 3 })
}

func TestASecondTripCarriesWhatChanged(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("A", "B"))
	a, b := nodes[0], nodes[1]
	trust(t, b, a)
	usb := t.TempDir()
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprint(i, ".dat")] = babble(fmt.Sprint(i), someKB) // nothing that is read
	}
	publish(t, a, "Encyclopédie", files)
	first := pack(t, a, usb, node.PackOptions{All: true})
	load(t, b, usb)
	load(t, a, usb)
	files["7.dat"] += "Une ligne de plus."
	edited := publish(t, a, "Encyclopédie", files)
	for _, usb := range []string{usb, t.TempDir()} { // the stick that knows the first, and another
		second := pack(t, a, usb, node.PackOptions{For: []string{"b"}})
		if len(second.Items) != 1 || second.Written > first.Written/10 || second.Entries != 1 {
			t.Errorf("the second trip carries %d bytes of %d, %d items, %d entries", second.Written, first.Written, len(second.Items), second.Entries)
		}
	}
	load(t, b, usb)
	if !isHere(t, b, edited.Root) {
		t.Error("the edited version is not at B")
	}
}

func TestASmallStickTakesTheMostWantedAndRarestAndNamesTheRest(t *testing.T) {
	nodes := nodetest.Start(t, 3, schools("A", "B", "C"))
	a, b := nodes[0], nodes[1]
	usb := t.TempDir()
	for _, name := range []string{"Ponts", "Routes", "Eau"} {
		publish(t, a, name, map[string]string{"texte.dat": babble(name, 300_000)})
	}
	pack(t, a, usb, node.PackOptions{For: []string{nodes[2].ID().ID}})
	load(t, b, usb) // the entries, not the items
	usb = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := b.Pull(ctx, "routes", nil); err == nil {
		t.Fatal("pulled from nobody")
	}
	pack(t, b, usb, node.PackOptions{All: true}) // its want list
	p, err := a.PlanStick(t.Context(), usb, node.PackOptions{For: []string{"B"}, Max: 400_000})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Items) != 1 || p.Items[0].Title != "Routes" || !p.Items[0].Wanted || len(p.Left) != 2 || p.Left[0].Why != node.WhyNoRoom {
		t.Errorf("planned %+v, left %+v", p.Items, p.Left)
	}
	pack(t, a, usb, node.PackOptions{For: []string{"B"}, Max: 400_000})
	if got := states(load(t, b, usb)); got["Routes"] != node.Delivered || len(got) != 1 {
		t.Errorf("loaded %v", got)
	}
}

func TestAWithdrawnItemDoesNotComeBackByAnOldStick(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("A", "B"))
	a, b := nodes[0], nodes[1]
	old, recent := t.TempDir(), t.TempDir()
	item := publish(t, a, "Jardin", garden)
	pack(t, a, old, node.PackOptions{All: true})
	if _, err := a.Remove(t.Context(), item.Root); err != nil {
		t.Fatal(err)
	}
	pack(t, a, recent, node.PackOptions{All: true})
	load(t, b, recent)
	got := load(t, b, old)
	if len(got.Items) != 1 || got.Items[0].State != node.WasRefused || got.Items[0].Why != node.WhyWithdrawn || isHere(t, b, item.Root) {
		t.Errorf("from the old stick: %+v", got.Items)
	}
}

func TestWhatIsForAnotherIsNotLoaded(t *testing.T) {
	nodes := nodetest.Start(t, 3, schools("A", "B", "C"))
	a, b, c := nodes[0], nodes[1], nodes[2]
	trust(t, b, a)
	trust(t, c, a)
	usb := t.TempDir()
	item := publish(t, a, "Jardin", garden)
	pack(t, a, usb, node.PackOptions{For: []string{c.ID().ID}})
	got := load(t, b, usb)
	if got.Others != 1 || len(got.Items) != 0 || isHere(t, b, item.Root) || got.Entries != 1 {
		t.Errorf("loaded at B: %+v", got)
	}
	if got := states(load(t, c, usb)); got["Jardin"] != node.Delivered {
		t.Errorf("loaded at C: %v", got)
	}
}

// babble is text that nothing else resembles, the same for one name.
func babble(name string, size int) string {
	var seed [32]byte
	copy(seed[:], name)
	from := rand.New(rand.NewChaCha8(seed))
	b := make([]byte, size)
	for i := range b {
		b[i] = "abcdefghijklmnop"[from.IntN(16)]
		if i%7 == 6 {
			b[i] = ' '
		}
	}
	return string(b)
}

func TestADatasetFromAStickIsSearchedByItsPackWithoutEmbedding(t *testing.T) {
	var engines [2]fakeEngine
	nodes := nodetest.Start(t, 2, func(i int, o *node.Options) {
		s := httptest.NewServer(&engines[i])
		t.Cleanup(s.Close)
		o.OllamaHost = s.URL
	})
	a, b := nodes[0], nodes[1]
	trust(t, b, a)
	usb := t.TempDir()
	publishPacked(t, a, a)
	pack(t, a, usb, node.PackOptions{All: true})
	engines[1].held.Lock() // whatever is found is found without
	defer engines[1].held.Unlock()
	got := load(t, b, usb)
	if len(got.Items) != 2 || got.Items[0].State != node.Delivered || got.Items[1].State != node.Delivered {
		t.Errorf("loaded %+v", got.Items)
	}
	r, err := b.Search(t.Context(), node.Question{Text: "igname", Mode: rag.ModeBest})
	if err != nil || r.Mode != rag.ModeHybrid || r.Covered != 3 || r.Hits[0].Doc != "igname.md" {
		t.Errorf("mode %s, %d covered, %d hits, %v", r.Mode, r.Covered, len(r.Hits), err)
	}
}

func TestWhatAStrangerOffersWaitsAndIsSaidSoUntilAPersonDecides(t *testing.T) {
	nodes := nodetest.Start(t, 2, schools("A", "B"))
	a, b := nodes[0], nodes[1]
	usb := t.TempDir()
	item := publish(t, a, "Jardin", garden)
	pack(t, a, usb, node.PackOptions{All: true})
	if got := states(load(t, b, usb)); got["Jardin"] != node.Waits || isHere(t, b, item.Root) {
		t.Fatalf("loaded %v", got)
	}
	load(t, a, usb)
	if d := show(t, a, item.Root).Delivered; len(d) != 1 || d[0].State != node.Waits || d[0].Name != "B" {
		t.Errorf("at A: %+v", d)
	}
	if again := pack(t, a, usb, node.PackOptions{For: []string{"B"}}); len(again.Items) != 0 {
		t.Errorf("what waits there is packed again: %+v", again.Items)
	}
	if _, err := b.Refuse(t.Context(), "jardin", "déjà un autre"); err != nil {
		t.Fatal(err)
	}
	if said, err := b.StickReceipts(t.Context()); err != nil || len(said) != 1 || said[0].State != node.WasRefused {
		t.Errorf("after the refusal B says %+v, %v", said, err)
	}
	if got := load(t, b, usb); len(got.Items) != 1 || got.Items[0].Why != node.WhyDeclined {
		t.Errorf("loaded after the refusal: %+v", got.Items)
	}
	if got := load(t, a, usb); len(got.Receipts) != 1 || got.Receipts[0].State != node.WasRefused || got.Receipts[0].Why != "déjà un autre" {
		t.Errorf("receipts at A: %+v", got.Receipts)
	}
}
