package node

import (
	"context"
	"errors"

	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// stickSource is the one neighbourhood that all sticks are, for the share of the
// catalogue that strangers may fill.
const stickSource = "stick"

// maxFromStick is how many entries of a stick are checked together.
const maxFromStick = 256

// takeNews adds the entries of a stick to the catalogue, as it does those that
// a neighbour sends; what is held already is not checked again. Of authors
// nobody here trusts no more is taken than from one neighbourhood of the mesh:
// the rest is counted as refused, and may come with the next stick.
func (n *Node) takeNews(ctx context.Context, s *stick.Stick, out *Loaded) error {
	var batch []catalog.Sealed
	full := false
	flush := func() error {
		if len(batch) == 0 {
			return ctx.Err()
		}
		added, err := n.takeEntries(ctx, stickSource, batch)
		if errors.Is(err, errIntake) {
			full = true
			out.refuse(WhyQuota, len(batch))
			err = nil
		}
		for _, a := range added {
			switch {
			case a.Err != nil:
				out.refuse(whyEntry(a.Err), 1)
			case a.New:
				out.Entries++
			}
		}
		batch = nil
		return err
	}
	for b, err := range s.Entries() {
		e := catalog.Sealed(b)
		switch {
		case err != nil:
			out.refuse(WhyMalformed, 1)
		case n.catalog.Has(e):
		case full:
			out.refuse(WhyQuota, 1)
		default:
			batch = append(batch, e)
		}
		if len(batch) == maxFromStick {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	err := flush()
	if out.Entries > 0 {
		n.hurry("")
	}
	return err
}

func (l *Loaded) refuse(why string, count int) {
	if l.Refused == nil {
		l.Refused = map[string]int{}
	}
	l.Refused[why] += count
}

// whyEntry says in a word why an entry was not taken.
func whyEntry(err error) string {
	for _, w := range []struct {
		err error
		why string
	}{
		{catalog.ErrBadSignature, WhyForged}, {catalog.ErrBlocked, WhyBlocked}, {catalog.ErrQuota, WhyQuota},
		{catalog.ErrFork, WhyFork}, {catalog.ErrFrozen, WhyFork}, {catalog.ErrGap, WhyGap},
	} {
		if errors.Is(err, w.err) {
			return w.why
		}
	}
	return WhyMalformed
}
