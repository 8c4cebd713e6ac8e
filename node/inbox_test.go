package node_test

import (
	"errors"
	"strings"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
)

// carry brings an item by hand.
func carry(t *testing.T, from, to *node.Node, root string) {
	t.Helper()
	if err := to.Carry(t.Context(), from, root, false); err != nil {
		t.Fatal(err)
	}
}

func inbox(t *testing.T, n *node.Node) []node.Waiting {
	t.Helper()
	all, err := n.Inbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatWaitsIsFoundByNobodyUntilItIsAccepted(t *testing.T) {
	ctx := t.Context()
	nodes := nodetest.Start(t, 2, territories("Vieux-Bourg", "Marie-Galante"))
	a, b := nodes[0], nodes[1]
	item := publish(t, a, "Jardin", garden)
	carry(t, a, b, item.Root)

	all := inbox(t, b)
	if len(all) != 1 {
		t.Fatalf("waiting: %+v", all)
	}
	w := all[0]
	if w.Ref != "jardin" || w.Author != a.ID().ID || w.Bearer.ID != a.ID().ID || w.Standing != node.Unknown ||
		w.Came.IsZero() || w.Files != 2 || w.Licence != "CC0-1.0" || w.Territory != "Vieux-Bourg" || w.Scope != node.ScopeInbox {
		t.Errorf("waiting: %+v", w)
	}
	if hits := search(t, b, "Quand planter l'igname ?"); len(hits) > 0 {
		t.Errorf("found: %v", hits)
	}
	for _, it := range list(t, b) {
		if it.Here || it.Copies > 1 {
			t.Errorf("listed as here: %+v", it)
		}
	}
	if st, err := b.Status(ctx); err != nil || st.Items != 0 || st.Waiting != 1 {
		t.Errorf("status: %d items, %d waiting, %v", st.Items, st.Waiting, err)
	}
	if _, err := b.OpenDocument(ctx, item.Root, "igname.md", false); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("a document that waits, from elsewhere: %v", err)
	}
	got, err := b.Accept(ctx, "jardin", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Here || got.Scope != node.ScopeMesh || got.Passages == 0 || got.Copies != 1 {
		t.Errorf("accepted: %+v", got)
	}
	mustFind(t, b, "Quand planter l'igname ?", "igname.md")
	if again, err := b.Accept(ctx, "jardin", nil); err != nil || !again.Existed {
		t.Errorf("accepted twice: %+v, %v", again, err)
	}
	if left := inbox(t, b); len(left) != 0 {
		t.Errorf("still waiting: %+v", left)
	}
}

func TestAnAcceptThatWasCutGoesOn(t *testing.T) {
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, _ := nodetest.Run(t, oa)
	b, stop := nodetest.Run(t, ob)
	item := publish(t, a, "Jardin", garden)
	carry(t, a, b, item.Root)
	if err := b.MoveOnly(item.Root); err != nil {
		t.Fatal(err)
	}
	got, err := b.Accept(t.Context(), item.Root, nil) // the person repeats it
	if err != nil || !got.Here {
		t.Fatalf("%+v, %v", got, err)
	}
	mustFind(t, b, "Quand planter l'igname ?", "igname.md")

	other := publish(t, a, "Cuisine", map[string]string{"giraumon.md": "# Giraumon\n\nLe giraumon se cuit à feu doux pendant une heure.\n"})
	carry(t, a, b, other.Root)
	if err := b.MoveOnly(other.Root); err != nil {
		t.Fatal(err)
	}
	stop()
	b, _ = nodetest.Run(t, ob) // or the next start makes it searchable
	nodetest.Until(t, "it is found", func() bool { return len(search(t, b, "Comment cuire le giraumon ?")) > 0 })
}

func TestARefusalKeepsAnItemAwayUntilItIsAskedFor(t *testing.T) {
	ctx := t.Context()
	oa, ob := nodetest.Options(t, t.TempDir()), nodetest.Options(t, t.TempDir())
	a, _ := nodetest.Run(t, oa)
	b, stop := nodetest.Run(t, ob)
	item := publish(t, a, "Jardin", garden)
	carry(t, a, b, item.Root)
	if _, err := b.Refuse(ctx, "jardin", "pas pour\nles élèves"); err != nil {
		t.Fatal(err)
	}
	if again, err := b.Refuse(ctx, item.Root, "non"); err != nil || again.Why != "non" {
		t.Errorf("refused twice: %+v, %v", again, err)
	}
	stop()
	b, stop = nodetest.Run(t, ob)
	if left := inbox(t, b); len(left) != 0 {
		t.Errorf("still waiting: %+v", left)
	}
	var declined *node.DeclinedError
	if err := b.Carry(ctx, a, item.Root, false); !errors.As(err, &declined) || declined.Why != "non" || !errors.Is(err, node.ErrDeclined) {
		t.Fatalf("carried again: %v", err)
	}
	if got, err := b.Accept(ctx, "jardin", nil); err != nil || got.Here {
		t.Fatalf("accepted after all: %+v, %v", got, err)
	}
	carry(t, a, b, item.Root)

	// A power cut between the two steps of a refusal.
	if err := b.RememberRefusal(item.Root, "non"); err != nil {
		t.Fatal(err)
	}
	stop()
	b, _ = nodetest.Run(t, ob)
	if left := inbox(t, b); len(left) != 0 || len(b.Refusals()) != 1 {
		t.Errorf("waiting %+v, refused %+v", left, b.Refusals())
	}
	nodetest.Connect(t, a, b)
	waitForOffer(t, b, item.Root)
	if got, err := b.Pull(ctx, item.Root, nil); err != nil || !got.Here || len(b.Refusals()) != 0 {
		t.Errorf("pulled after all: %+v, %v, %v", got, err, b.Refusals())
	}
}

func TestATrustedAuthorPassesAndTrustIsNotPassedOn(t *testing.T) {
	ctx := t.Context()
	nodes := nodetest.Start(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	ours := publish(t, a, "Jardin", garden)
	theirs := publish(t, c, "Cuisine", map[string]string{"giraumon.md": "# Giraumon\n\nLe giraumon se cuit à feu doux.\n"})
	if _, err := a.Trust(c.ID().ID); err != nil {
		t.Fatal(err)
	}
	carry(t, c, a, theirs.Root)
	if len(inbox(t, a)) != 0 {
		t.Error("an item of a trusted author waits")
	}
	carry(t, a, b, ours.Root)
	if len(inbox(t, b)) != 1 {
		t.Fatal("an item of a stranger does not wait")
	}
	who, err := b.Trust("jardin") // the author of what waits
	if err != nil || who.ID != a.ID().ID {
		t.Fatalf("trusted %+v, %v", who, err)
	}
	if len(inbox(t, b)) != 0 {
		t.Error("what waited of a trusted author waits still")
	}
	nodetest.Until(t, "it is found", func() bool { return len(search(t, b, "Quand planter l'igname ?")) > 0 })
	carry(t, a, b, theirs.Root) // by a trusted bearer, of an author whom only the bearer trusts
	if all := inbox(t, b); len(all) != 1 || all[0].Author != c.ID().ID || all[0].Bearer.ID != a.ID().ID {
		t.Errorf("trust was passed on: %+v", all)
	}
	if _, err := b.Untrust(a.ID().ID); err != nil || len(b.Trusted()) != 0 {
		t.Errorf("trusted still: %v, %v", b.Trusted(), err)
	}
	if err := b.Block(c.ID().ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Accept(ctx, theirs.Root, nil); !errors.Is(err, node.ErrNotFound) && !errors.Is(err, node.ErrShunned) {
		t.Errorf("accepted of a blocked author: %v", err)
	}
	if err := b.Carry(ctx, c, publish(t, c, "Conte", map[string]string{"ti-jean.md": "# Ti-Jean\n\nIl était une fois.\n"}).Root, false); err == nil {
		t.Error("an item of a blocked author came in")
	}
}

func TestWhatCameSealedBecomesPrivate(t *testing.T) {
	ctx := t.Context()
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	item := add(t, a, "Lettre", map[string]string{"lettre.md": "# Lettre\n\nPour vous seul, la réunion est à midi.\n"})
	if err := b.Carry(ctx, a, item.Root, true); err != nil {
		t.Fatal(err)
	}
	got, err := b.Accept(ctx, "lettre", nil)
	if err != nil || got.Scope != node.ScopePrivate {
		t.Fatalf("%+v, %v", got, err)
	}
	mustFind(t, b, "La réunion est à quelle heure ?", "lettre.md")
}

func TestAnItemThatWaitsIsShownToBeJudged(t *testing.T) {
	nodes := nodetest.Start(t, 2)
	a, b := nodes[0], nodes[1]
	carry(t, a, b, publish(t, a, "Jardin", garden).Root)
	d, err := b.InboxShow(t.Context(), "jardin")
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Documents) != 2 || len(d.Excerpts) != 2 || d.Entry == nil || d.Path == "" {
		t.Fatalf("%+v", d)
	}
	if e := d.Excerpts[1]; e.Document != "igname.md" || !strings.Contains(e.Text, "se plante en mars") {
		t.Errorf("excerpt: %+v", e)
	}
}

func TestTheInboxHasAShareOfTheDiskAndRefusesBeforeByteOne(t *testing.T) {
	ob := nodetest.Options(t, t.TempDir())
	ob.FreeFloor = 1 << 60 // nothing is free
	a := nodetest.Start(t, 1)[0]
	b, _ := nodetest.Run(t, ob)
	err := b.Carry(t.Context(), a, publish(t, a, "Jardin", garden).Root, false)
	var full *node.InboxFullError
	if !errors.As(err, &full) || full.Need == 0 || full.Have != 0 {
		t.Errorf("carried to a full disk: %v", err)
	}
}
