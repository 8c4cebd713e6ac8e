package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
)

// Two revisions of one item by different hands are both kept until a person says
// otherwise: no clock and no count decides. What a person decides holds on this
// node alone and can be changed.

// Verdict is what a person decided about two revisions.
type Verdict string

const (
	Undecided Verdict = ""
	KeptThis  Verdict = "this"   // the item in question is kept, the other declined
	KeptOther Verdict = "theirs" // the other way round
	KeptBoth  Verdict = "both"   // they go on side by side, as a fork
)

// Conflict is another's revision of an item.
type Conflict struct {
	Root      string `json:"root"`
	Title     string `json:"title"`
	Author    string `json:"author"`
	By        Who    `json:"by"`                  // the author
	Territory string `json:"territory,omitempty"` // as the entry says
	Seq       uint64 `json:"seq"`                 // number of the author's entry
	Size      int64  `json:"size"`
	Files     int    `json:"files"`
	Scope     string `json:"scope"` // where it is: mesh, private, inbox, or offer when it is not on this machine
	Mine      bool   `json:"mine"`
	Pinned    bool   `json:"pinned,omitempty"`
	Relation  string `json:"relation"` // "after" when it was made from this one, "before" when this one was made from it, "beside" when both were made from an earlier one
	Spread
	Verdict Verdict  `json:"verdict,omitempty"`
	Changes *Changes `json:"changes,omitempty"` // when both are on this machine, and only where one item is shown
}

// Open says whether a person has something to decide: both are on this machine.
func (c Conflict) Open() bool { return c.Verdict == Undecided && c.Scope != ScopeOffer }

// Changes is what differs in another revision.
type Changes struct {
	Added   []Change `json:"added"` // there and not here
	Removed []Change `json:"removed"`
	Changed []Change `json:"changed"`
	Same    int      `json:"same"` // files
}

// Change is a file that differs, with its size there and here in bytes.
type Change struct {
	Path  string `json:"path"`
	There int64  `json:"there,omitempty"`
	Here  int64  `json:"here,omitempty"`
}

// conflicts lists the revisions of an item by other hands, those on this machine
// first. Those of authors who are refused are left out.
func (n *Node) conflicts(item Item) ([]Conflict, error) {
	author, err := peer.Decode(item.Author)
	if err != nil {
		return nil, nil // nobody signed it
	}
	root, err := cid.Decode(item.Root)
	if err != nil {
		return nil, err
	}
	partings, err := n.partings(author, root)
	if err != nil {
		return nil, err
	}
	var all []Conflict
	verdicts := n.choices.get().Verdicts
	for _, p := range partings {
		if n.refused(p.other.Author) || slices.ContainsFunc(all, func(c Conflict) bool { return c.Root == p.other.Root.String() }) {
			continue
		}
		all = append(all, n.conflict(p, verdicts))
	}
	slices.SortStableFunc(all, func(a, b Conflict) int {
		switch {
		case a.Scope != ScopeOffer && b.Scope == ScopeOffer:
			return -1
		case a.Scope == ScopeOffer && b.Scope != ScopeOffer:
			return 1
		}
		return 0
	})
	return all, nil
}

func (n *Node) conflict(p parting, verdicts []savedVerdict) Conflict {
	e := p.other.Entry
	c := Conflict{
		Root: e.Root.String(), Title: e.Title, Author: e.Author.String(), By: n.who(e.Author), Territory: e.Territory,
		Seq: e.Seq, Size: e.Size, Files: e.Files, Scope: ScopeOffer, Mine: e.Author == n.id, Relation: "beside",
		Verdict: judged(verdicts, p),
	}
	switch {
	case p.other.from[p.this.Root.KeyString()]:
		c.Relation = "after"
	case p.this.from[p.other.Root.KeyString()]:
		c.Relation = "before"
	}
	if it, err := n.store.Item(e.Root); err == nil && !it.Kept {
		c.Scope, c.Size, c.Files, c.Pinned = string(it.Space), it.Size, it.Files, it.Pinned
	}
	counted := []Item{{Root: c.Root, Scope: c.Scope, Here: c.Scope == ScopeMesh}}
	n.countCopies(counted)
	c.Spread = counted[0].Spread
	return c
}

// compare tells what differs in another revision, when both are on this machine.
func (n *Node) compare(ctx context.Context, this Item, c Conflict) (*Changes, error) {
	if c.Scope == ScopeOffer {
		return nil, nil
	}
	var files [2][]store.File
	for i, root := range []string{this.Root, c.Root} {
		r, err := cid.Decode(root)
		if err != nil {
			return nil, err
		}
		if files[i], err = n.store.Files(ctx, r); err != nil {
			return nil, fmt.Errorf("compare %q with that of %s: %w", this.Title, c.Author, err)
		}
	}
	here := map[string]store.File{}
	for _, f := range files[0] {
		here[f.Path] = f
	}
	d := &Changes{Added: []Change{}, Removed: []Change{}, Changed: []Change{}}
	for _, f := range files[1] {
		old, ok := here[f.Path]
		delete(here, f.Path)
		switch {
		case !ok:
			d.Added = append(d.Added, Change{Path: f.Path, There: f.Size})
		case old.Root.Equals(f.Root):
			d.Same++
		default:
			d.Changed = append(d.Changed, Change{f.Path, f.Size, old.Size})
		}
	}
	for _, f := range files[0] {
		if _, ok := here[f.Path]; ok {
			d.Removed = append(d.Removed, Change{Path: f.Path, Here: f.Size})
		}
	}
	return d, nil
}

// withConflicts is conflicts, each with what differs.
func (n *Node) withConflicts(ctx context.Context, item Item) ([]Conflict, error) {
	all, err := n.conflicts(item)
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		if all[i].Changes, err = n.compare(ctx, item, c); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// noteConflicts fills in the conflicts of items that are here.
func (n *Node) noteConflicts(items []Item) error {
	for i := range items {
		if !items[i].Here || items[i].Scope != ScopeMesh {
			continue
		}
		var err error
		if items[i].Conflicts, err = n.conflicts(items[i]); err != nil {
			return err
		}
	}
	return nil
}

// savedVerdict is what a person decided about two roots.
type savedVerdict struct {
	Kept  string `json:"kept"`
	Other string `json:"other"`
	Both  bool   `json:"both,omitempty"`
}

// maxVerdicts bounds the memory of decisions; the oldest are forgotten first.
const maxVerdicts = 1000

// judged is what was decided about two lines. That both go on holds for what
// comes after in either; that one is kept holds for these two revisions only.
func judged(verdicts []savedVerdict, p parting) Verdict {
	this, other := p.this.Root.String(), p.other.Root.String()
	for _, v := range slices.Backward(verdicts) {
		switch {
		case v.Both && (p.this.wasAt(v.Kept) && p.other.wasAt(v.Other) || p.this.wasAt(v.Other) && p.other.wasAt(v.Kept)):
			return KeptBoth
		case v.Both:
		case v.Kept == this && v.Other == other:
			return KeptThis
		case v.Kept == other && v.Other == this:
			return KeptOther
		}
	}
	return Undecided
}

// wasAt says whether the line came by a root.
func (l *line) wasAt(root string) bool {
	c, err := cid.Decode(root)
	return err == nil && l.from[c.KeyString()]
}

// judge remembers a decision in place of an earlier one about the same two.
func (n *Node) judge(all []savedVerdict) error {
	return n.choices.change(func(c *savedChoices) {
		for _, v := range all {
			c.Verdicts = slices.DeleteFunc(c.Verdicts, func(o savedVerdict) bool {
				return o.Kept == v.Kept && o.Other == v.Other || o.Kept == v.Other && o.Other == v.Kept
			})
		}
		c.Verdicts = append(c.Verdicts, all...)
		c.Verdicts = c.Verdicts[max(0, len(c.Verdicts)-maxVerdicts):]
	})
}

// isCopyElsewhere says whether another node is known to hold a revision.
func (c Conflict) isCopyElsewhere() bool {
	own := 0
	if c.Scope == ScopeMesh {
		own = 1
	}
	return c.Copies > own
}
