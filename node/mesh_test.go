package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/rag"
)

var garden = map[string]string{
	"igname.md":  "# L'igname\n\nL'igname se plante en mars, sur des billons hauts de quarante centimètres, après les premières pluies.\n",
	"citerne.md": "# La citerne\n\nNettoyez la citerne chaque année avant la saison des pluies et fermez-la contre les moustiques.\n",
}

func TestAPublishedFolderIsListedPulledAndSearchedOnANeighbour(t *testing.T) {
	ctx := t.Context()
	nodes := nodetest.Start(t, 2, territories("Vieux-Bourg", "Marie-Galante"))
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)

	pulled, err := b.Pull(ctx, "jardin@vieux-bourg", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !pulled.Here || pulled.Root != item.Root || pulled.Territory != "Vieux-Bourg" || pulled.Passages == 0 {
		t.Errorf("pulled item: %+v", pulled)
	}
	mustFind(t, b, "Quand planter l'igname ?", "igname.md")
	again, err := b.Pull(ctx, "jardin", nil)
	if err != nil || !again.Existed {
		t.Errorf("pulled twice: existed %v, %v", again.Existed, err)
	}
}

func TestANodeGoesOnAnsweringWhenTheAuthorIsOff(t *testing.T) {
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, stop := nodetest.Run(t, oa)
	b, _ := nodetest.Run(t, ob)
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	if _, err := b.Pull(t.Context(), "jardin", nil); err != nil {
		t.Fatal(err)
	}
	stop()
	answer, err := b.Ask(t.Context(), node.Question{Text: "Quand planter l'igname ?"}, func(rag.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !answer.Known || len(answer.Citations) == 0 || !strings.Contains(answer.Citations[0].Text, "mars") {
		t.Errorf("answer without the author: %+v", answer)
	}
}

func TestAnItemTravelsOverANodeThatPulledIt(t *testing.T) {
	oa := nodetest.Options(t, t.TempDir())
	a, stop := nodetest.Run(t, oa)
	nodes := nodetest.Start(t, 2)
	b, c := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	if _, err := b.Pull(t.Context(), item.Root, nil); err != nil {
		t.Fatal(err)
	}
	stop()
	nodetest.Connect(t, b, c) // c never meets a: the entry and the blocks come through b
	waitForOffer(t, c, item.Root)
	if got, err := c.Pull(t.Context(), item.Root, nil); err != nil || got.Author != a.ID().ID {
		t.Errorf("pull through a neighbour: %+v, %v", got, err)
	}
}

func TestPublishingTwiceSealsOneEntry(t *testing.T) {
	a := nodetest.Start(t, 1)[0]
	item := publish(t, a, "Jardin", garden)
	again, err := a.Publish(t.Context(), item.Ref, node.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Item.Seq != item.Seq || item.Seq != 1 {
		t.Errorf("numbers of the entry: first %d, again %d", item.Seq, again.Item.Seq)
	}
}

func TestPublishingManyTimesAtOnceSealsOneEntry(t *testing.T) {
	a := nodetest.Start(t, 1)[0]
	item := add(t, a, "Jardin", garden)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := a.Publish(t.Context(), item.Root, node.PublishOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := show(t, a, item.Root); got.Seq != 1 {
		t.Errorf("the last of our entries has number %d, want 1", got.Seq)
	}
}

func TestABareFileIsImportedWithACardThatTravels(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	const base = "sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
	dir := nodetest.Folder(t, map[string]string{"petit.gguf": "stands for an adapter"})
	item, err := a.ImportAdapter(t.Context(), filepath.Join(dir, "petit.gguf"), node.ImportOptions{Title: "Petit", Base: base, Licence: "CC0-1.0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the person's folder holds %v, %v", left, err)
	}
	if _, err := a.Publish(t.Context(), item.Root, node.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	waitForOffer(t, b, item.Root)
	if got := show(t, b, item.Root); got.Base != base || got.Licence != "CC0-1.0" || got.Title != "Petit" || got.Kind != "adapter" {
		t.Errorf("offered as %+v", got.Item)
	}
}

func TestADryRunOfPublishShowsWhatWouldLeaveAndSendsNothing(t *testing.T) {
	a := nodetest.Start(t, 1)[0]
	item := add(t, a, "Jardin", garden)
	p, err := a.Publish(t.Context(), item.Ref, node.PublishOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Documents) != 2 || !p.DryRun {
		t.Errorf("documents shown: %+v", p.Documents)
	}
	if got := show(t, a, item.Root); got.Scope != node.ScopePrivate || got.Seq != 0 {
		t.Errorf("after a dry run: scope %s, entry %d", got.Scope, got.Seq)
	}
}

func TestANewVersionReplacesTheOneWithTheSameTitle(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	first := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, first.Root)
	second := publish(t, a, "Jardin", map[string]string{"igname.md": "# L'igname\n\nElle se plante plutôt en avril.\n"})
	waitForOffer(t, b, second.Root)
	for _, it := range list(t, b) {
		if it.Root == first.Root {
			t.Errorf("the replaced version is still offered: %+v", it)
		}
	}
}

func TestRemovingAPublishedItemWithdrawsIt(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	if _, err := a.Remove(t.Context(), item.Ref); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the offer is gone from the neighbour", func() bool { return len(list(t, b)) == 0 })
	if hits := search(t, a, "igname"); len(hits) != 0 {
		t.Errorf("still found after removal: %v", hits)
	}
}

func TestPullingWhatNobodyHasSaysSo(t *testing.T) {
	oa := nodetest.Options(t, t.TempDir())
	a, stop := nodetest.Run(t, oa)
	b := nodetest.Start(t, 1)[0]
	nodetest.Connect(t, a, b)
	item := publish(t, a, "Jardin", garden)
	waitForOffer(t, b, item.Root)
	stop()
	_, err := b.Pull(t.Context(), item.Root, nil)
	if !errors.Is(err, p2p.ErrNoProvider) {
		t.Errorf("pull without a holder: %v", err)
	}
}

func TestABlockedNodeIsCutOffAlsoAfterARestart(t *testing.T) {
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, stop := nodetest.Run(t, oa)
	b, _ := nodetest.Run(t, ob)
	nodetest.Connect(t, a, b)
	if err := a.Block(b.ID().ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the blocked node is gone", func() bool { return len(a.Peers()) == 0 })
	stop()
	a, _ = nodetest.Run(t, oa)
	if _, err := b.Join(t.Context(), a.ID().Addrs[0], false); err == nil {
		nodetest.Until(t, "the blocked node is refused", func() bool { return len(a.Peers()) == 0 })
	}
	if err := a.Unblock(b.ID().ID); err != nil {
		t.Fatal(err)
	}
	nodetest.Connect(t, b, a)
}

func TestAJoinedNodeIsFoundAgainAfterARestart(t *testing.T) {
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, _ := nodetest.Run(t, oa)
	b, stop := nodetest.Run(t, ob)
	if _, err := b.Join(t.Context(), a.Invite().Text, false); err != nil {
		t.Fatal(err)
	}
	stop()
	b, _ = nodetest.Run(t, ob)
	nodetest.Until(t, "b dialled a by itself", func() bool { return len(b.Peers()) == 1 })
}

func territories(names ...string) func(int, *node.Options) {
	return func(i int, o *node.Options) { o.Territory = names[i] }
}

func add(t *testing.T, n *node.Node, title string, files map[string]string) node.Item {
	t.Helper()
	item, err := n.Add(t.Context(), nodetest.Folder(t, files), node.AddOptions{Title: title}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func publish(t *testing.T, n *node.Node, title string, files map[string]string) node.Item {
	t.Helper()
	p, err := n.Publish(t.Context(), add(t, n, title, files).Root, node.PublishOptions{Lang: "fr", Licence: "CC0-1.0"})
	if err != nil {
		t.Fatal(err)
	}
	return p.Item
}

func waitForOffer(t *testing.T, n *node.Node, root string) {
	t.Helper()
	nodetest.Until(t, "the neighbour lists the item", func() bool {
		for _, it := range list(t, n) {
			if it.Root == root {
				return true
			}
		}
		return false
	})
}

func list(t *testing.T, n *node.Node) []node.Item {
	t.Helper()
	items, err := n.List(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func show(t *testing.T, n *node.Node, ref string) node.Detail {
	t.Helper()
	d, err := n.Show(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func search(t *testing.T, n *node.Node, words string) []rag.Hit {
	t.Helper()
	r, err := n.Search(t.Context(), node.Question{Text: words})
	if err != nil {
		t.Fatal(err)
	}
	return r.Hits
}

func mustFind(t *testing.T, n *node.Node, words, doc string) {
	t.Helper()
	hits := search(t, n, words)
	if len(hits) == 0 || hits[0].Doc != doc {
		t.Errorf("%q found %v, want %s first", words, hits, doc)
	}
}

func TestNeighboursAreFoundAgainThoughNobodyWroteThemDown(t *testing.T) {
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, stopA := nodetest.Run(t, oa)
	b, stopB := nodetest.Run(t, ob)
	nodetest.Connect(t, b, a) // a does not join anybody
	nodetest.Until(t, "a knows b", func() bool { return len(a.Peers()) == 1 && a.Peers()[0].RTT > 0 })
	at, _, _ := strings.Cut(b.ID().Addrs[0], "/p2p/")
	stopB()
	stopA()
	if err := os.Remove(filepath.Join(ob.Dir, "choices.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ob.Dir, "neighbours.json"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	ob.Listen = []string{at}
	nodetest.Run(t, ob)
	a, _ = nodetest.Run(t, oa)
	nodetest.Until(t, "a dialled b by itself", func() bool { return len(a.Peers()) == 1 && a.Peers()[0].Found == "remembered" })
}
