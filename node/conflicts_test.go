package node_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"savoirs/node"
	"savoirs/node/nodetest"
)

// revise publishes files as a revision of the item old.
func revise(t *testing.T, n *node.Node, title, old string, files map[string]string) node.Item {
	t.Helper()
	p, err := n.Publish(t.Context(), add(t, n, title, files).Root, node.PublishOptions{Revises: old})
	if err != nil {
		t.Fatal(err)
	}
	return p.Item
}

func edited(files map[string]string, name, text string) map[string]string {
	files = maps.Clone(files)
	files[name] = text
	return files
}

const onTheCrest = "# L'igname\n\nL'igname se plante en avril, sur la crête.\n"

// parted is a node with A's garden, and B's revision of it waiting.
func parted(t *testing.T) (a, b, c *node.Node, first, second node.Item) {
	t.Helper()
	nodes := nodetest.Start(t, 3, territories("Vieux-Bourg", "Vieux-Bourg", "Marie-Galante"))
	a, b, c = nodes[0], nodes[1], nodes[2]
	first = publish(t, a, "Jardin", garden)
	carry(t, a, b, first.Root)
	if _, err := b.Accept(t.Context(), first.Root, nil); err != nil {
		t.Fatal(err)
	}
	files := edited(garden, "igname.md", onTheCrest)
	files["manioc.md"] = "# Le manioc\n\nLe manioc se râpe.\n"
	delete(files, "citerne.md")
	second = revise(t, b, "Jardin", first.Root, files)
	carry(t, a, c, first.Root)
	if _, err := c.Accept(t.Context(), "jardin", nil); err != nil {
		t.Fatal(err)
	}
	carry(t, b, c, second.Root)
	return a, b, c, first, second
}

func TestARevisionByAnotherHandReplacesNothingAndIsShownBesideTheFirst(t *testing.T) {
	ctx := t.Context()
	a, b, c, first, second := parted(t)
	d, err := c.InboxShow(ctx, second.Root)
	if err != nil {
		t.Fatal(err)
	}
	if d.Replaces != first.Root || d.Replaced != "Jardin" || len(d.Conflicts) != 1 {
		t.Fatalf("%+v", d)
	}
	got := d.Conflicts[0]
	want := &node.Changes{
		Added:   []node.Change{{Path: "citerne.md", There: int64(len(garden["citerne.md"]))}},
		Removed: []node.Change{{Path: "manioc.md", Here: int64(len("# Le manioc\n\nLe manioc se râpe.\n"))}},
		Changed: []node.Change{{Path: "igname.md", There: int64(len(garden["igname.md"])), Here: int64(len(onTheCrest))}},
	}
	if diff := cmp.Diff(want, got.Changes); diff != "" {
		t.Error(diff)
	}
	if got.Author != a.ID().ID || got.Relation != "before" || got.Scope != node.ScopeMesh || !got.Open() {
		t.Errorf("%+v", got)
	}
	if _, err := c.Accept(ctx, second.Root, nil); err != nil {
		t.Fatal(err)
	}
	titles := map[string]string{}
	for _, it := range list(t, c) {
		titles[it.Ref] = it.Author
		if len(it.Conflicts) != 1 || !it.Conflicts[0].Open() {
			t.Errorf("not shown as parted: %+v", it)
		}
	}
	if len(titles) != 2 {
		t.Errorf("references: %v", titles)
	}
	for ref, author := range titles {
		if it, err := c.Show(ctx, ref); err != nil || it.Author != author {
			t.Errorf("%s leads to %s, want %s: %v", ref, it.Author, author, err)
		}
	}
	// The author's own line goes on: what B said changes nothing of it.
	third := publish(t, a, "Jardin", edited(garden, "igname.md", "# L'igname\n\nL'igname se plante en mai.\n"))
	carry(t, a, c, third.Root)
	w, err := c.InboxShow(ctx, third.Root)
	if err != nil || len(w.Conflicts) != 1 || w.Conflicts[0].Author != b.ID().ID || w.Conflicts[0].Relation != "beside" {
		t.Errorf("beside: %+v, %v", w.Conflicts, err)
	}
}

func TestKeepingOneDeclinesTheOtherHereAndCanBeChanged(t *testing.T) {
	ctx := t.Context()
	_, b, c, first, second := parted(t)
	d, err := c.KeepRevision(ctx, first.Root, "nous gardons l'autre", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Declined) != 1 || d.Declined[0].Root != second.Root || len(inbox(t, c)) != 0 {
		t.Fatalf("%+v", d)
	}
	if err := c.Carry(ctx, b, second.Root, false); !errors.Is(err, node.ErrDeclined) {
		t.Errorf("the declined one came again: %v", err)
	}
	shown, err := c.Show(ctx, first.Root)
	if err != nil || len(shown.Conflicts) != 1 || shown.Conflicts[0].Verdict != node.KeptThis {
		t.Errorf("%+v, %v", shown.Conflicts, err)
	}
	// Another day, the other way round. The only copy known of the first stays.
	if _, err := c.Accept(ctx, second.Root, nil); err != nil {
		t.Fatal(err)
	}
	carry(t, b, c, second.Root)
	if d, err = c.KeepRevision(ctx, second.Root, "", nil); err != nil {
		t.Fatal(err)
	}
	if !d.Item.Here || len(d.Stay) != 1 || d.Stay[0].Root != first.Root {
		t.Errorf("%+v", d)
	}
	if again, err := c.KeepRevision(ctx, second.Root, "", nil); err != nil || len(again.Stay) != 1 {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestKeepingBothIsAForkThatGoesOn(t *testing.T) {
	ctx := t.Context()
	a, b, c, first, second := parted(t)
	if _, err := c.KeepBoth(ctx, second.Root, nil); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{first.Root, second.Root} {
		it, err := c.Show(ctx, root)
		if err != nil || !it.Here || len(it.Conflicts) != 1 || it.Conflicts[0].Verdict != node.KeptBoth {
			t.Errorf("%+v, %v", it.Conflicts, err)
		}
	}
	third := publish(t, a, "Jardin", edited(garden, "igname.md", "# L'igname\n\nL'igname se plante en mai.\n"))
	carry(t, a, c, third.Root)
	if all := inbox(t, c); len(all) != 1 || len(all[0].Conflicts) != 1 || all[0].Conflicts[0].Open() {
		t.Errorf("asked again about a fork: %+v", all)
	}
	// B takes up what A did since: B's own earlier one is offered no more.
	carry(t, a, b, third.Root)
	if _, err := b.Accept(ctx, third.Root, nil); err != nil {
		t.Fatal(err)
	}
	fourth := revise(t, b, "Jardin", third.Root, edited(garden, "igname.md", "# L'igname\n\nEn mai, sur la crête.\n"))
	mine := 0
	for _, it := range list(t, b) {
		if it.Mine {
			mine++
			if it.Root != fourth.Root {
				t.Errorf("still offered: %+v", it)
			}
		}
	}
	if mine != 1 {
		t.Errorf("%d of B's own are on offer, want 1", mine)
	}
}

// Nobody can tie two strangers' items together, nor make anything of a mere claim.
func TestAClaimByAStrangerPartsNobodyElse(t *testing.T) {
	ctx := t.Context()
	nodes := nodetest.Start(t, 3)
	a, b, m := nodes[0], nodes[1], nodes[2]
	garden1 := publish(t, a, "Jardin", garden)
	kitchen := publish(t, b, "Cuisine", map[string]string{"giraumon.md": "# Giraumon\n\nLe giraumon se cuit.\n"})
	carry(t, a, m, garden1.Root)
	carry(t, b, m, kitchen.Root)
	for _, root := range []string{garden1.Root, kitchen.Root} {
		if _, err := m.Accept(ctx, root, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Publish(ctx, garden1.Root, node.PublishOptions{Revises: kitchen.Root}); err != nil {
		t.Fatal(err)
	}
	c := nodetest.Start(t, 1)[0]
	for _, root := range []string{garden1.Root, kitchen.Root} {
		carry(t, m, c, root)
	}
	for _, w := range inbox(t, c) {
		for _, x := range w.Conflicts {
			if w.Author != m.ID().ID && x.Author != m.ID().ID {
				t.Errorf("%s and %s are parted by a stranger's claim", w.Title, x.Title)
			}
		}
	}
}

func TestOneAuthorsOwnVersionsAreNoConflict(t *testing.T) {
	ctx := t.Context()
	a := nodetest.Start(t, 1)[0]
	first := publish(t, a, "Jardin", garden)
	revise(t, a, "Verger", first.Root, edited(garden, "igname.md", "# L'igname\n\nEn mai.\n"))
	if _, err := a.Publish(ctx, first.Root, node.PublishOptions{}); err != nil { // both are on offer now
		t.Fatal(err)
	}
	all := list(t, a)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for _, it := range all {
		if !it.Mine || len(it.Conflicts) > 0 {
			t.Errorf("%+v", it)
		}
	}
}
