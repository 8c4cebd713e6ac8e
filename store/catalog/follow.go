package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Other is another catalogue to take from. Ask brings a question to its Answer and the answer back;
// Take keeps what came, usually by AddMany. Both may fail for reasons of their own, which end the
// exchange.
type Other struct {
	Ask  func(ctx context.Context, q Question) (Answer, error)
	Take func(ctx context.Context, entries []Sealed) error
}

// Settled is what an exchange came to: held against this digest of ours, that one of the other's has
// nothing for us. It spares asking the same again where two catalogues stay different, because one
// refuses what the other keeps. The zero value is nothing settled, and always safe.
type Settled struct{ ours, theirs Digest }

// maxRounds bounds the questions of one exchange: 256 entries each, the rest comes next time.
const maxRounds = 400

// question bounds for the side that asks; a branch with more heights is asked about alone.
const askHeights = 1024

// Follow takes from another catalogue what it holds beyond this one, in a bounded number of questions:
// one where both hold the same. last is what the exchange before with the same catalogue returned.
// What was taken before an error stays.
func (c *Catalog) Follow(ctx context.Context, o Other, last Settled) (Settled, error) {
	ours := c.Digest()
	q := Question{Root: ours}
	if last.ours == ours {
		q.Last = last.theirs
	}
	a, err := o.Ask(ctx, q)
	if err != nil {
		return last, err
	}
	if a.Same {
		return last, nil
	}
	whole, err := c.descend(ctx, o, c.differing([]string{""}, a.Branches))
	if err != nil || !whole || c.Digest() != ours {
		return Settled{}, err
	}
	return Settled{ours: ours, theirs: a.Root}, nil
}

// FollowAuthors takes what another catalogue holds of these authors beyond this one.
func (c *Catalog) FollowAuthors(ctx context.Context, o Other, ids ...peer.ID) error {
	for range maxRounds {
		before := c.Digest()
		a, err := o.Ask(ctx, Question{Heights: c.heights(ids)})
		if err != nil {
			return err
		}
		if len(a.Entries) > 0 {
			if err := o.Take(ctx, a.Entries); err != nil {
				return err
			}
		}
		if !a.More || c.Digest() == before {
			return nil
		}
	}
	return nil
}

// descend asks about branches until nothing in them differs or can be had. whole is false where the
// other has more but gave nothing that could be kept, or rounds ran out.
func (c *Catalog) descend(ctx context.Context, o Other, open []string) (whole bool, err error) {
	whole = true
	for range maxRounds {
		if len(open) == 0 {
			return whole, nil
		}
		var q Question
		q, open = c.ask(open)
		before := c.Digest()
		a, err := o.Ask(ctx, q)
		if err != nil {
			return false, err
		}
		if len(a.Entries) > 0 {
			if err := o.Take(ctx, a.Entries); err != nil {
				return false, err
			}
		}
		open = append(open, c.differing(q.Split, a.Branches)...)
		switch {
		case a.More && c.Digest() != before:
			open = append(open, q.Within...)
		case a.More:
			whole = false
		}
	}
	return false, nil
}

// ask makes the next question: of the last branches in open, those that are large here are to be
// split, the others are told. It returns what is left of open.
func (c *Catalog) ask(open []string) (Question, []string) {
	var q Question
	var ids []peer.ID
	c.mu.RLock()
	for len(open) > 0 && len(q.Split) < maxSplit && len(q.Within) < maxWithin && len(ids) < askHeights {
		p := open[len(open)-1]
		open = open[:len(open)-1]
		if b := c.tree.at(p); b.below != nil {
			q.Split = append(q.Split, p)
		} else {
			q.Within = append(q.Within, p)
			ids = b.all(ids)
		}
	}
	c.mu.RUnlock()
	slices.Sort(q.Split)
	slices.Sort(q.Within)
	q.Heights = append(c.heights(ids), c.strangers(q.Within)...)
	return q, open
}

// differing lists the parts of the branches asked for whose digests are not ours.
func (c *Catalog) differing(asked []string, got []Branch) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var open []string
	for _, p := range asked {
		i := slices.IndexFunc(got, func(b Branch) bool { return b.Prefix == p && len(b.Parts) == len(hexDigits) })
		if i < 0 {
			continue
		}
		b := c.tree.at(p)
		if b.below == nil { // so few are told at once
			open = append(open, p)
			continue
		}
		for d, ours := range b.split(len(p), c.state) {
			if got[i].Parts[d] != ours {
				open = append(open, p+hexDigits[d:d+1])
			}
		}
	}
	return open
}

// strangers are the heights of authors in these branches who were refused of late and of whom nothing
// is held, so that nobody sends them again and again.
func (c *Catalog) strangers(within []string) []Height {
	c.mu.RLock()
	size, refused := c.size, make([]peer.ID, 0, len(c.refused))
	for id := range c.refused {
		refused = append(refused, id)
	}
	c.mu.RUnlock()
	slices.Sort(refused)
	var hs []Height
	for _, id := range refused {
		d := digits(id)
		at, found := slices.BinarySearch(within, d)
		inside := found || at > 0 && strings.HasPrefix(d, within[at-1])
		if inside && c.refusal(id, 1, size) != nil {
			hs = append(hs, Height{Author: id, Enough: true})
		}
	}
	return hs
}
