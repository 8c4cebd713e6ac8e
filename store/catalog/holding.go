package catalog

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Holding is what a node says of itself to help items survive: which published items it holds whole,
// how many copies of some it would like there to be, and how much of its disk it lends. One in hand
// was verified: only [SealedHolding.Open] and [Holdings] make them. Of each node only the one with the
// highest count means anything. It is signed as an entry is, and a field added later is ignored by
// older programs.
type Holding struct {
	V         int     `cbor:"v"`                   // version of the format, 1
	Author    peer.ID `cbor:"author"`              // who signed it
	Count     uint64  `cbor:"count"`               // the author's own count, from 1; gaps mean nothing
	Territory string  `cbor:"territory,omitempty"` // the author's community, at most 100 bytes
	Held      Shorts  `cbor:"held,omitempty"`      // published items it holds whole, at most 3,000
	Coming    Shorts  `cbor:"coming,omitempty"`    // items it is fetching to keep for others, at most 64
	Wants     []Want  `cbor:"wants,omitempty"`     // at most 256, in order of roots
	Pledge    Pledge  `cbor:"pledge,omitzero"`
	Recipient string  `cbor:"recipient,omitempty"` // an age X25519 recipient, "age1…": private things for the author are sealed with it
}

// Limits of a Holding.
const (
	MaxHeld        = 3000
	MaxComing      = 64
	MaxWants       = 256
	MaxPledgePeers = 32
	MaxCopies      = 100 // one may want of an item
)

// Want asks the mesh for so many copies of an item, the author's own counted.
type Want struct {
	_      struct{} `cbor:",toarray"`
	Root   Short
	Copies int // 1 to MaxCopies
}

// Pledge is what a node lends to others.
type Pledge struct {
	Bytes int64     `cbor:"bytes"`           // of content, in all
	Used  int64     `cbor:"used,omitempty"`  // of these, taken now
	For   Whom      `cbor:"for"`             // whose wants it serves
	Peers []peer.ID `cbor:"peers,omitempty"` // with For Named, at most 32
}

// Whom says whose wants a pledge serves.
type Whom string

const (
	Everyone  Whom = "all"
	Territory Whom = "territory" // nodes that say they are of the same
	Named     Whom = "peers"
)

// Valid reports whether w is one of the above.
func (w Whom) Valid() bool { return w == Everyone || w == Territory || w == Named }

// Short names a root by the first 8 bytes of its SHA-256. To make two items that share one takes 2^32
// tries, one that shares it with a given item 2^64; what it muddles is a count of copies, never content.
type Short [8]byte

// ShortOf is the short name of a root. One that is not named by SHA-256, and so in no entry, gets a name
// that means nothing to others.
func ShortOf(root cid.Cid) Short {
	if err := checkRoot("root", root); err != nil {
		sum := sha256.Sum256(root.Bytes())
		return Short(sum[:])
	}
	h := root.Hash()
	return Short(h[len(h)-hashSize:])
}

// Shorts is a set of short names: one after the other, in order, each once.
type Shorts []byte

// MakeShorts puts names in order, each once.
func MakeShorts(names []Short) Shorts {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b Short) int { return bytes.Compare(a[:], b[:]) })
	var s Shorts
	for _, n := range slices.Compact(names) {
		s = append(s, n[:]...)
	}
	return s
}

// Len is the number of names.
func (s Shorts) Len() int { return len(s) / len(Short{}) }

// Has reports whether name is in the set.
func (s Shorts) Has(name Short) bool {
	i := sort.Search(s.Len(), func(i int) bool { return bytes.Compare(s.at(i), name[:]) >= 0 })
	return i < s.Len() && bytes.Equal(s.at(i), name[:])
}

func (s Shorts) at(i int) []byte { return s[i*len(Short{}) : (i+1)*len(Short{})] }

// check returns ErrMalformed unless s is a set of at most so many names.
func (s Shorts) check(name string, most int) error {
	if len(s)%len(Short{}) != 0 || s.Len() > most {
		return fmt.Errorf("%w: %s of %d bytes", ErrMalformed, name, len(s))
	}
	for i := 1; i < s.Len(); i++ {
		if bytes.Compare(s.at(i-1), s.at(i)) >= 0 {
			return fmt.Errorf("%w: %s out of order", ErrMalformed, name)
		}
	}
	return nil
}

// check returns an error, wrapping ErrMalformed, naming the first field that breaks a rule.
func (h Holding) check() error {
	if h.V != version {
		return fmt.Errorf("%w: version %d, this program knows %d", ErrMalformed, h.V, version)
	}
	if err := h.Author.Validate(); err != nil {
		return fmt.Errorf("%w: no author", ErrMalformed)
	}
	if h.Count == 0 {
		return fmt.Errorf("%w: counts begin at 1", ErrMalformed)
	}
	if err := checkLine("territory", h.Territory, 100); err != nil {
		return err
	}
	if err := checkLine("recipient", h.Recipient, 80); err != nil {
		return err
	}
	if err := h.Held.check("held", MaxHeld); err != nil {
		return err
	}
	if err := h.Coming.check("coming", MaxComing); err != nil {
		return err
	}
	return h.checkWishes()
}

func (h Holding) checkWishes() error {
	if len(h.Wants) > MaxWants {
		return fmt.Errorf("%w: %d wants", ErrMalformed, len(h.Wants))
	}
	for i, w := range h.Wants {
		if w.Copies < 1 || w.Copies > MaxCopies {
			return fmt.Errorf("%w: %d copies wanted", ErrMalformed, w.Copies)
		}
		if i > 0 && bytes.Compare(h.Wants[i-1].Root[:], w.Root[:]) >= 0 {
			return fmt.Errorf("%w: wants out of order", ErrMalformed)
		}
	}
	p := h.Pledge
	if p.Bytes == 0 && p.Used == 0 && p.For == "" && len(p.Peers) == 0 {
		return nil
	}
	if p.Bytes < 0 || p.Used < 0 || !p.For.Valid() || len(p.Peers) > MaxPledgePeers || p.For != Named && len(p.Peers) > 0 {
		return fmt.Errorf("%w: pledge of %d bytes for %.40q", ErrMalformed, p.Bytes, string(p.For))
	}
	for _, id := range p.Peers {
		if err := id.Validate(); err != nil {
			return fmt.Errorf("%w: pledge for nobody", ErrMalformed)
		}
	}
	return nil
}

// sameAs reports whether two holdings say the same, whatever their counts.
func (h Holding) sameAs(other Holding) bool {
	h.Count, other.Count = 0, 0
	a, errA := encMode.Marshal(h)
	b, errB := encMode.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
