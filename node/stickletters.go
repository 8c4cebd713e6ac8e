package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// everyLetter gives everybody's want lists, receipts and holdings, this node's
// own first: what one node says is to reach all, whoever meets whom.
func (n *Node) everyLetter(put func(stick.LetterKind, peer.ID, []byte) error) error {
	oursFirst := func(ids []peer.ID) []peer.ID {
		ids = slices.DeleteFunc(ids, n.refused)
		slices.SortStableFunc(ids, func(a, b peer.ID) int {
			return cmp.Compare(boolToInt(a != n.id), boolToInt(b != n.id))
		})
		return ids
	}
	for _, of := range []struct {
		kind stick.LetterKind
		from *letters
	}{{stick.WantLetter, n.wants.letters}, {stick.ReceiptsLetter, n.receipts.letters}} {
		for _, id := range oursFirst(of.from.authors()) {
			b, _, err := of.from.of(id)
			if err == nil {
				err = put(of.kind, id, b)
			}
			if err != nil {
				return err
			}
		}
	}
	for id, s := range n.holdings.Letters() {
		if err := put(stick.HoldingLetter, id, s); err != nil {
			return err
		}
	}
	return nil
}

// writeLetters puts letters on a stick that has older ones, or none; one that has
// them all is not written.
func (n *Node) writeLetters(ctx context.Context, dir string) error {
	if _, err := n.stateWant(ctx); err != nil {
		return err
	}
	s, err := stick.Open(dir)
	if err != nil {
		return err
	}
	on := lettersOn(s.Manifest())
	if err := s.Close(); err != nil {
		return err
	}
	isNews := func(kind stick.LetterKind, node peer.ID, b []byte) bool {
		return on[letterOn{kind, node}] != sha256.Sum256(b)
	}
	news := 0
	err = n.everyLetter(func(kind stick.LetterKind, node peer.ID, b []byte) error {
		news += boolToInt(isNews(kind, node, b))
		return nil
	})
	if err != nil || news == 0 {
		return err
	}
	w, err := stick.OpenWriter(ctx, dir, stick.Options{Key: n.key})
	if err != nil {
		return err
	}
	defer w.Close()
	err = n.everyLetter(func(kind stick.LetterKind, node peer.ID, b []byte) error {
		if !isNews(kind, node, b) {
			return nil
		}
		if err := w.PutLetter(kind, node, b); err != nil && !errors.Is(err, stick.ErrFull) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	m, err := w.Commit(ctx)
	if err != nil {
		return err
	}
	_, err = n.visits.seen(m, n.id)
	return err
}

// lettersOn says which letters are on a stick.
func lettersOn(m stick.Manifest) map[letterOn]stick.Sum {
	on := map[letterOn]stick.Sum{}
	for _, l := range m.Letters {
		on[letterOn{l.Kind, l.Node}] = l.Name
	}
	return on
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tookLetters is what letters of a stick were news.
type tookLetters struct {
	holdings, wants int
	receipts        map[peer.ID][]stick.Receipt // lines not read before
	refused         map[string]int              // by why
}

// takeLetters takes the holdings, want lists and receipts that are news here.
// Whoever carries a letter is not its author, so a false one is held against
// nobody.
func (n *Node) takeLetters(s *stick.Stick) (tookLetters, error) {
	t := tookLetters{receipts: map[peer.ID][]stick.Receipt{}, refused: map[string]int{}}
	for _, l := range s.Manifest().Letters {
		if l.Kind == stick.HeadsLetter {
			continue
		}
		b, err := s.Letter(l)
		if err == nil {
			err = n.takeLetter(l, b, &t)
		}
		switch {
		case err == nil:
		case errors.Is(err, stick.ErrBadSignature), errors.Is(err, catalog.ErrBadSignature):
			t.refused[WhyForged]++
		case errors.Is(err, stick.ErrMalformed), errors.Is(err, catalog.ErrMalformed), errors.Is(err, catalog.ErrTooLarge),
			errors.Is(err, stick.ErrDamaged), errors.Is(err, stick.ErrHostile):
			t.refused[WhyMalformed]++
		case errors.Is(err, errNoRoom):
			t.refused[WhyQuota]++
		default:
			return t, err
		}
	}
	return t, nil
}

func (n *Node) takeLetter(l stick.Letter, b []byte, t *tookLetters) error {
	switch l.Kind {
	case stick.HoldingLetter:
		if _, err := catalog.SealedHolding(b).Open(); err != nil {
			return err
		}
		fresh, err := n.holdings.Take("", []catalog.Told{{Holding: b}})
		n.tookHoldings(fresh)
		t.holdings += len(fresh)
		return err
	case stick.WantLetter:
		fresh, err := n.takeWant(b)
		t.wants += boolToInt(fresh)
		return err
	case stick.ReceiptsLetter:
		lines, author, err := n.takeReceipts(b)
		if len(lines) > 0 {
			t.receipts[author] = lines
		}
		return err
	}
	return nil
}
