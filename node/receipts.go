package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store"
	"savoirs/store/stick"
)

// Receipts say what became of items at the node they came to by stick. Each
// node signs its own, everybody keeps and carries those of others, and so they
// find their way back to who published the items.

// maxReceiptsKept bounds the receipts kept, in bytes.
const maxReceiptsKept = 64 << 20

// receipts are those of all nodes; this node's own lines are changed under mu.
type receipts struct {
	*letters
	mu sync.Mutex
}

func (n *Node) openReceipts() error {
	l, err := openLetters(filepath.Join(n.o.Dir, "letters", "receipts"), maxReceiptsKept, n.id, n.met)
	n.receipts.letters = l
	return err
}

// receiptsOf reads the receipts of a node; nothing when none are known.
func (n *Node) receiptsOf(id peer.ID) (stick.Receipts, letter, error) {
	b, kept, err := n.receipts.of(id)
	if errors.Is(err, fs.ErrNotExist) {
		return stick.Receipts{}, kept, nil
	}
	if err != nil {
		return stick.Receipts{}, kept, fmt.Errorf("receipts of %s: %w", id, err)
	}
	r, err := stick.OpenReceipts(b)
	if err != nil || r.Author != id {
		n.log.Warn("receipts are damaged and left out", "node", id, "err", err)
		return stick.Receipts{}, kept, nil
	}
	return r, kept, nil
}

// note adds lines to this node's receipts, the newest first, one for each item,
// and makes them durable. A line that says of an item what was said before
// changes nothing. What a person decided since of items that waited is said too.
func (n *Node) note(lines ...stick.Receipt) error {
	n.receipts.mu.Lock()
	defer n.receipts.mu.Unlock()
	mine, kept, err := n.receiptsOf(n.id)
	if err != nil {
		return err
	}
	said := map[cid.Cid]int{}
	for i, l := range mine.Lines {
		said[l.Root] = i
		mine.Lines[i] = n.settled(l)
	}
	var fresh []stick.Receipt
	for _, l := range lines {
		if i, ok := said[l.Root]; ok && mine.Lines[i].State == l.State && mine.Lines[i].Why == l.Why {
			continue
		}
		fresh = append(fresh, l)
	}
	mine.Lines = slices.DeleteFunc(mine.Lines, func(old stick.Receipt) bool {
		return slices.ContainsFunc(fresh, func(l stick.Receipt) bool { return l.Root.Equals(old.Root) })
	})
	mine.Lines = append(fresh, mine.Lines...)
	mine.Lines = mine.Lines[:min(len(mine.Lines), stick.MaxReceiptLines)]
	return n.sign(mine, kept.count)
}

// sign makes this node's receipts durable, if they say anything new.
func (n *Node) sign(mine stick.Receipts, count uint64) error {
	if len(mine.Lines) == 0 {
		return nil
	}
	for {
		if mine.Count = count; count > 0 {
			last, _, err := n.receipts.of(n.id)
			again, sealErr := stick.SealReceipts(n.key, mine)
			if err == nil && sealErr == nil && bytes.Equal(again, last) {
				return nil
			}
		}
		mine.Count = count + 1
		sealed, err := stick.SealReceipts(n.key, mine)
		if errors.Is(err, stick.ErrMalformed) && len(mine.Lines) > 1 { // too many bytes: the oldest go
			mine.Lines = mine.Lines[:len(mine.Lines)*3/4]
			continue
		}
		if err == nil {
			_, err = n.receipts.keep(n.id, mine.Count, sealed)
		}
		if err != nil {
			return fmt.Errorf("sign receipts: %w", err)
		}
		return nil
	}
}

// settled is a line as it stands now: an item that waited or lacked blocks may
// have become one of this node's since, or been refused.
func (n *Node) settled(l stick.Receipt) stick.Receipt {
	if l.State != stick.Waiting && l.State != stick.Incomplete {
		return l
	}
	root := l.Root
	if f, ok := n.secrets.of(root); ok {
		root = f.Root
	}
	it, err := n.store.Item(root)
	no, declined := n.refusals.of(root.String())
	switch {
	case declined:
		l.State, l.Why = stick.Refused, no.Why
	case err == nil && (it.Space == store.Mesh || it.Space == store.Private && it.Sealed) && it.Bad == 0:
		l.State, l.Why = stick.Delivered, ""
	case err == nil && it.Space == store.Inbox:
		l.State = stick.Waiting
	}
	return l
}

// takeReceipts keeps what came from elsewhere, if it is news, and returns the
// lines that are new.
func (n *Node) takeReceipts(b []byte) (fresh []stick.Receipt, author peer.ID, err error) {
	r, err := stick.OpenReceipts(b)
	if err != nil || n.refused(r.Author) {
		return nil, r.Author, err
	}
	n.receipts.mu.Lock()
	defer n.receipts.mu.Unlock()
	before, _, err := n.receiptsOf(r.Author)
	if err != nil {
		return nil, r.Author, err
	}
	if taken, err := n.receipts.keep(r.Author, r.Count, b); !taken {
		return nil, r.Author, err
	}
	for _, l := range r.Lines {
		if !slices.ContainsFunc(before.Lines, func(old stick.Receipt) bool {
			return old.Root.Equals(l.Root) && old.State == l.State && old.Why == l.Why
		}) {
			fresh = append(fresh, l)
		}
	}
	return fresh, r.Author, nil
}

// StickReceipts lists what nodes say became of items that came to them by
// stick, those of this node's own items first, then by title.
func (n *Node) StickReceipts(ctx context.Context) ([]Receipt, error) {
	if err := n.note(); err != nil {
		return nil, fmt.Errorf("stick receipts: %w", err)
	}
	items, err := n.items()
	if err != nil {
		return nil, fmt.Errorf("stick receipts: %w", err)
	}
	known := byRoot(items)
	all := []Receipt{}
	for _, id := range n.receipts.authors() {
		r, kept, err := n.receiptsOf(id)
		if err != nil {
			return nil, err
		}
		if n.refused(id) {
			continue
		}
		for _, l := range r.Lines {
			one := n.receipt(id, l, known)
			if id != n.id {
				one.Read = kept.read
			}
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, byTitle)
	return all, ctx.Err()
}

// byTitle puts this node's own items first.
func byTitle(a, b Receipt) int {
	return cmp.Or(boolToInt(b.Mine)-boolToInt(a.Mine), strings.Compare(Slug(a.Title), Slug(b.Title)), strings.Compare(a.Root, b.Root))
}

func byRoot(items []Item) map[string]Item {
	known := make(map[string]Item, len(items))
	for _, it := range items {
		known[it.Root] = it
	}
	return known
}

// receipt is a line as people read it.
func (n *Node) receipt(at peer.ID, l stick.Receipt, known map[string]Item) Receipt {
	it := known[l.Root.String()]
	if f, ok := n.secrets.of(l.Root); ok {
		it.Title, it.Mine = f.Title, len(f.To) > 0
	}
	return Receipt{
		Node: n.who(at), Root: l.Root.String(), Title: it.Title, Mine: it.Mine,
		State: State(l.State), Why: label(l.Why, 500), By: n.who(l.By),
	}
}

// Delivery is what became of an item at another node that it came to by stick.
type Delivery struct {
	Who
	State State `json:"state"`
}

// countDeliveries fills in what became by stick of items of this node's own.
func (n *Node) countDeliveries(items []Item) error {
	at := map[string]int{}
	for i, it := range items {
		if it.Mine {
			at[it.Root] = i
		}
	}
	for _, id := range n.receipts.authors() {
		if id == n.id || n.refused(id) || len(at) == 0 {
			continue
		}
		r, _, err := n.receiptsOf(id)
		if err != nil {
			return err
		}
		for _, l := range r.Lines {
			if i, ok := at[l.Root.String()]; ok {
				items[i].Delivered = append(items[i].Delivered, Delivery{n.who(id), State(l.State)})
			}
		}
	}
	return nil
}
