package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
)

// ErrPinned is returned by Drop for a pinned item.
var ErrPinned = errors.New("item is pinned")

// ErrBusy is returned when something else is working on the same item, such as an open Incoming.
var ErrBusy = errors.New("item is being worked on")

// Item is a folder of this store, named by its root. Root is always a CIDv1.
type Item struct {
	Root   cid.Cid `json:"root"`
	Space  Space   `json:"space"`
	Title  string  `json:"title,omitempty"`
	Kind   string  `json:"kind,omitempty"`   // a label the store does not interpret but for chunking: dataset, model, adapter…
	Origin string  `json:"origin,omitempty"` // where it came from, for people
	Size   int64   `json:"size"`             // content bytes
	Files  int     `json:"files"`
	Pinned bool    `json:"pinned,omitempty"`
	// Kept tells that it is here for others, by a pledge, and that nobody here asked for it. The store does not act on it.
	Kept bool `json:"kept,omitempty"`
	// Bearer is who carried it here, when it came by hand, and Came when, by this machine's clock. The store does not act
	// on them.
	Bearer string    `json:"bearer,omitempty"`
	Came   time.Time `json:"came,omitzero"`
	// Sealed tells that it came for this machine alone: from the inbox it goes to the private space and no other.
	Sealed bool `json:"sealed,omitempty"`
	// InPlace is the user's own file or folder the item was added from, when it was not copied.
	InPlace string `json:"in_place,omitempty"`
	// Bad is how many ranges are known to be wrong on disk.
	Bad int `json:"bad,omitempty"`
	// Have is how many content bytes of an unfinished item have landed; 0 for a complete one.
	Have int64 `json:"have,omitempty"`
	// Existed is set by Add when the same content was there already.
	Existed bool `json:"existed,omitempty"`
}

// card is what cannot be derived about an item; <root>.json.
type card struct {
	Title   string    `json:"title,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	Origin  string    `json:"origin,omitempty"`
	Pinned  bool      `json:"pinned,omitempty"`
	Kept    bool      `json:"kept,omitempty"`
	Bearer  string    `json:"bearer,omitempty"`
	Came    time.Time `json:"came,omitzero"`
	Sealed  bool      `json:"sealed,omitempty"`
	InPlace string    `json:"in_place,omitempty"` // as Item.InPlace
	Base    string    `json:"base,omitempty"`     // the folder its paths are relative to, when in place
	Size    int64     `json:"size,omitempty"`     // declared content bytes, of an unfinished item
}

func (h *held) item(sp Space) Item {
	it := Item{
		Root: h.root, Space: sp, Title: h.card.Title, Kind: h.card.Kind, Origin: h.card.Origin,
		Size: h.size, Files: h.files, Pinned: h.card.Pinned, Kept: h.card.Kept,
		Bearer: h.card.Bearer, Came: h.card.Came, Sealed: h.card.Sealed, InPlace: h.card.InPlace, Bad: len(h.marks),
	}
	if !h.whole {
		it.Size, it.Have = h.card.Size, h.size
	}
	return it
}

// Item returns a complete item, or ErrNotFound.
func (s *Store) Item(root cid.Cid) (Item, error) {
	sp, h, err := s.find(canonical(root))
	if err != nil {
		return Item{}, err
	}
	return h.item(sp.name), nil
}

// Items lists the complete items of the private and the mesh space, ordered by root, as they were when the loop began.
func (s *Store) Items() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, it := range list(true, s.mesh, s.private) {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// Unfinished lists the items Receive has begun and not completed, but for those of the inbox, ordered by root.
func (s *Store) Unfinished() ([]Item, error) { return list(false, s.mesh, s.private), nil }

// Waiting lists the items of the inbox, complete or not, each ordered by root.
func (s *Store) Waiting() (whole, unfinished []Item) {
	return list(true, s.inbox), list(false, s.inbox)
}

func list(whole bool, spaces ...*space) []Item {
	var items []Item
	for _, sp := range spaces {
		sp.mu.RLock()
		for _, h := range sp.held {
			if h.whole == whole {
				items = append(items, h.item(sp.name))
			}
		}
		sp.mu.RUnlock()
	}
	slices.SortFunc(items, func(a, b Item) int { return strings.Compare(a.Root.KeyString(), b.Root.KeyString()) })
	return items
}

// Pin keeps an item from being dropped. Pinning twice is one pin. It is durable when Pin returns. ErrNotFound.
func (s *Store) Pin(root cid.Cid) error {
	return s.setCard(canonical(root), true, func(c *card) { c.Pinned = true })
}

// Unpin lets an item be dropped again. ErrNotFound.
func (s *Store) Unpin(root cid.Cid) error {
	return s.setCard(canonical(root), true, func(c *card) { c.Pinned = false })
}

// Own makes an item that was kept for others one of this machine's own; an unfinished one too. It is durable when Own
// returns, and one that is owned already stays so. ErrNotFound.
func (s *Store) Own(root cid.Cid) error {
	return s.setCard(canonical(root), false, func(c *card) { c.Kept = false })
}

// setCard changes the card of an item, or unless whole of an unfinished one too.
func (s *Store) setCard(root cid.Cid, whole bool, change func(*card)) error {
	s.gesture.Lock()
	defer s.gesture.Unlock()
	sp, h, err := s.find(root)
	dir := (*space).items
	if errors.Is(err, ErrNotFound) && !whole {
		sp, h, err = s.findUnfinished(root)
		dir = (*space).incoming
	}
	if err != nil {
		return err
	}
	before := h.card
	if change(&h.card); h.card == before {
		return nil
	}
	if err := writeCard(dir(sp), root, h.card); err != nil {
		return fmt.Errorf("write the card of %s: %w", root, err)
	}
	sp.mu.Lock()
	sp.held[root.KeyString()].card = h.card
	sp.mu.Unlock()
	return nil
}

// findUnfinished returns the space that has begun to receive root.
func (s *Store) findUnfinished(root cid.Cid) (*space, held, error) {
	for _, sp := range s.spaces() {
		if h, ok := sp.snapshot(root); ok {
			return sp, h, nil
		}
	}
	return nil, held{}, fmt.Errorf("%s: %w", root, ErrNotFound)
}

func writeCard(dir string, root cid.Cid, c card) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, root.String()+".json"), append(b, '\n'))
}

func readCard(path string) (c card, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return card{}, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return card{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// totals is what the index remembers of a complete item: that it is fully indexed, and its size.
func encodeTotals(size int64, files int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(files))
}

func decodeTotals(b []byte) (size int64, files int, err error) {
	a, b, err := cutUvarint(b)
	if err != nil {
		return 0, 0, err
	}
	n, _, err := cutUvarint(b)
	return int64(a), int(n), err
}
