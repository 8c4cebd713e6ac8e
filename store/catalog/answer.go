package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

// An exchange makes one catalogue hold what another holds, by questions and answers that may travel in
// any way and take any time: the side that answers remembers nothing.
//
//	Root                        same as yours?          usually, and that is all
//	Split  "", "3", "3f" …      no: 16 digests a branch, until it is known which few authors differ
//	Within "3fa", Heights       how far the asker is with each author there: the entries beyond
//
// [Catalog.Follow] asks, [Catalog.Answer] answers.

// Question is one step of an exchange. One with neither Split, Within nor Heights asks whether Root,
// the digest of all that the asker holds, is also that of the answerer; Last is a root of the answerer
// that the asker has already gone through. One with Heights but no Within is about those authors only.
type Question struct {
	Root    Digest   `json:"root,omitzero"`
	Last    Digest   `json:"last,omitzero"`
	Split   []string `json:"split,omitempty"`   // branches whose parts' digests are wanted
	Within  []string `json:"within,omitempty"`  // branches of which Heights says all there is
	Heights []Height `json:"heights,omitempty"` //
}

// Answer is what the other side lacks, or what helps to find it.
type Answer struct {
	Same     bool     `json:"same,omitempty"`     // nothing lacks
	Root     Digest   `json:"root,omitzero"`      // of the answerer, where Same was asked and is false
	Branches []Branch `json:"branches,omitempty"` // as asked in Split; the root's where Same is false
	Entries  []Sealed `json:"entries,omitempty"`  // to be given to AddMany, in the order of Beyond
	More     bool     `json:"more,omitempty"`     // once these are in, the same authors are worth asking again
}

// Branch is the digests of the 16 parts of the authors whose digits begin with Prefix.
type Branch struct {
	Prefix string   `json:"prefix"`
	Parts  []Digest `json:"parts"`
}

// Limits of one question. The asker keeps to half of maxHeights as long as one branch has no more.
const (
	maxSplit   = 64
	maxWithin  = 1024
	maxHeights = 8192
)

// ErrQuestion is a question that breaks the rules of an exchange.
var ErrQuestion = errors.New("malformed question about the catalogue")

// rootOnly reports whether q only asks if both hold the same.
func (q Question) rootOnly() bool { return len(q.Split)+len(q.Within)+len(q.Heights) == 0 }

func (q Question) check() error {
	if len(q.Split) > maxSplit || len(q.Within) > maxWithin || len(q.Heights) > maxHeights {
		return fmt.Errorf("%w: too long", ErrQuestion)
	}
	if !disjoint(q.Split, maxPrefix-1) || !disjoint(q.Within, maxPrefix) {
		return fmt.Errorf("%w: branches", ErrQuestion)
	}
	return nil
}

// disjoint reports whether the branches are sorted hex prefixes of at most so many digits, none inside
// another: whoever asks twice for one branch in a question only makes work.
func disjoint(branches []string, most int) bool {
	for i, b := range branches {
		if len(b) > most || strings.Trim(b, hexDigits) != "" {
			return false
		}
		if i > 0 && (b < branches[i-1] || strings.HasPrefix(b, branches[i-1])) {
			return false
		}
	}
	return true
}

// Answer answers a question of another catalogue, with at most 256 entries and 1 MiB of them.
// ErrQuestion is the asker's fault; other errors are ours.
func (c *Catalog) Answer(q Question) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, err
	}
	if q.rootOnly() {
		return c.compare(q), nil
	}
	a := Answer{Branches: c.split(q.Split)}
	var ids []peer.ID
	if len(q.Within) > 0 {
		ids = c.within(q.Within)
	} else {
		for _, h := range q.Heights {
			ids = append(ids, h.Author)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	out, err := c.beyond(ids, q.Heights, MaxBeyond)
	a.Entries, a.More = out.entries, out.room == 0 || out.stepped
	return a, err
}

// compare answers whether this catalogue has anything for one with that root.
func (c *Catalog) compare(q Question) Answer {
	root := c.Digest()
	if root == q.Root || q.Last != (Digest{}) && root == q.Last {
		return Answer{Same: true}
	}
	return Answer{Root: root, Branches: c.split([]string{""})}
}

// Digest sums up all that this catalogue holds.
func (c *Catalog) Digest() Digest {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tree.digest
}

func (c *Catalog) split(prefixes []string) []Branch {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []Branch
	for _, p := range prefixes {
		out = append(out, Branch{Prefix: p, Parts: c.tree.at(p).split(len(p), c.state)})
	}
	return out
}

// within lists the authors of these branches of whom something is held.
func (c *Catalog) within(prefixes []string) []peer.ID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []peer.ID
	for _, p := range prefixes {
		ids = c.tree.at(p).all(ids)
	}
	return ids
}

// state is what is held of an author of the tree. The caller holds mu.
func (c *Catalog) state(id peer.ID) *author { return c.authors[id] }

// maxAhead bounds the authors that one question makes us ask back about.
const maxAhead = 64

// Ahead lists the heights of a question that this catalogue lacks, at most 64: what to ask back about.
func (c *Catalog) Ahead(q Question) []Height {
	var ahead []Height
	for _, h := range q.Heights {
		if len(ahead) < maxAhead && c.Lacks(h) {
			ahead = append(ahead, h)
		}
	}
	return ahead
}

// Lacks reports whether somebody at this height has something for us: later entries, another branch,
// or the proof of a fork. What would be refused here is not lacked.
func (c *Catalog) Lacks(h Height) bool {
	c.mu.RLock()
	size := c.size
	c.mu.RUnlock()
	a := c.held(h.Author)
	switch {
	case h.Fork != 0 && lacksProof(c.height(h.Author, a, size), h.Fork):
		return true
	case h.Seq > a.seq():
		return c.grows(h.Author, a, size)
	}
	return h.Seq > 0 && !c.sameBranch(h, a)
}

// grows reports whether the next entry of an author would be taken.
func (c *Catalog) grows(id peer.ID, a author, size int64) bool {
	return a.fork.seq != a.seq()+1 && c.refusal(id, a.seq()+1, size) == nil
}

// held is what is held of an author as it stands now; the zero value of one unknown.
func (c *Catalog) held(id peer.ID) author {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if a := c.authors[id]; a != nil {
		return *a
	}
	return author{}
}
