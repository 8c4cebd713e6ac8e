package stick

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Manifest is the list of what a stick carries. What it does not name does not exist, whatever files there are. The
// node that wrote last signed it, and vouches for the list only.
type Manifest struct {
	V      int     `cbor:"v" json:"-"`           // version of the format, 1
	Author peer.ID `cbor:"author" json:"author"` // who wrote last
	Stick  ID      `cbor:"stick" json:"stick"`   // of this stick, drawn at random with its first writing
	Count  uint64  `cbor:"count" json:"count"`   // of the writings of this stick, from 1

	Packs    []Pack    `cbor:"packs,omitempty" json:"packs,omitempty"`
	Items    []Item    `cbor:"items,omitempty" json:"items,omitempty"`
	Segments []Segment `cbor:"segments,omitempty" json:"segments,omitempty"`
	Letters  []Letter  `cbor:"letters,omitempty" json:"letters,omitempty"`
	Sealed   []Sealed  `cbor:"sealed,omitempty" json:"sealed,omitempty"`
}

// ID tells sticks apart.
type ID [16]byte

// String is the ID in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText is String, for JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Sum is a SHA-256.
type Sum [sha256.Size]byte

// String is the sum in hex, as it stands in names of files.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// MarshalText is String, for JSON.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Pack is a CARv1 with blocks of items, and the index of it.
type Pack struct {
	Name   Sum   `cbor:"name" json:"name"`     // SHA-256 of its index
	Size   int64 `cbor:"size" json:"size"`     // bytes of the CAR
	Index  int64 `cbor:"index" json:"index"`   // bytes of the index
	Blocks int   `cbor:"blocks" json:"blocks"` // in it
}

// Item is what was put on the stick of one item, at one time, for one reader or several. An item may be named more than
// once, put for others at other times; an item whose reader had a part of it is not whole here.
type Item struct {
	Root   cid.Cid `cbor:"root" json:"root"`
	By     peer.ID `cbor:"by" json:"by"`                       // whose node put it here
	Count  uint64  `cbor:"count" json:"count"`                 // with which writing
	For    Nodes   `cbor:"for,omitempty" json:"for,omitempty"` // for whom; nobody is everybody
	Blocks int64   `cbor:"blocks" json:"blocks"`               // of the item on this stick
	Bytes  int64   `cbor:"bytes" json:"bytes"`                 // in them
	Runs   Runs    `cbor:"runs" json:"-"`                      // where they are, parents first
}

// Segment is a file of sealed entries.
type Segment struct {
	Name    Sum   `cbor:"name" json:"name"` // SHA-256 of the file
	Size    int64 `cbor:"size" json:"size"`
	Entries int   `cbor:"entries" json:"entries"`
}

// Letter is a file that one node signed or gave.
type Letter struct {
	Kind LetterKind `cbor:"kind" json:"kind"`
	Node peer.ID    `cbor:"node" json:"node"` // who says it
	Name Sum        `cbor:"name" json:"name"` // SHA-256 of the file
	Size int64      `cbor:"size" json:"size"`
}

// Sealed is a file only named people can read. Nothing outside it tells what it is, or for whom.
type Sealed struct {
	Name Sum   `cbor:"name" json:"name"` // SHA-256 of the file
	Size int64 `cbor:"size" json:"size"`
}

// LetterKind is the folder a letter lies in.
type LetterKind string

// The kinds of letters.
const (
	HeadsLetter    LetterKind = "heads"    // how far the catalogue of a node goes; what is in it is its reader's to know
	HoldingLetter  LetterKind = "holdings" // a sealed holding of the catalogue
	WantLetter     LetterKind = "want"     // see [Want]
	ReceiptsLetter LetterKind = "receipts" // see [Receipts]
)

// most is how many bytes a letter of the kind has at most, 0 for a kind there is not.
func (k LetterKind) most() int64 {
	switch k {
	case HeadsLetter:
		return 2 << 20
	case HoldingLetter:
		return 64 << 10
	case WantLetter:
		return MaxWant
	case ReceiptsLetter:
		return MaxReceipts + 1<<10
	}
	return 0
}

// Size is how many bytes the files have that m names.
func (m Manifest) Size() int64 {
	var n int64
	for _, p := range m.Packs {
		n += p.Size + p.Index
	}
	for _, s := range m.Segments {
		n += s.Size
	}
	for _, l := range m.Letters {
		n += l.Size
	}
	for _, s := range m.Sealed {
		n += s.Size
	}
	return n
}

// openManifest verifies a MANIFEST and returns what it says.
func openManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := manifestKind.open(b, &m, func() peer.ID { return m.Author }); err != nil {
		return Manifest{}, err
	}
	return m, m.check()
}

// seal signs m and reads it back as others will.
func (m Manifest) seal(key crypto.PrivKey) ([]byte, error) {
	b, err := manifestKind.seal(key, m)
	if err != nil {
		return nil, err
	}
	_, err = openManifest(b)
	return b, err
}

// check refuses what no writer of ours makes.
func (m Manifest) check() error {
	malformed := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	switch {
	case m.V != 1:
		return malformed("version %d", m.V)
	case m.Count == 0:
		return malformed("writing 0")
	case len(m.Packs) > MaxPacks || len(m.Items) > MaxItems || len(m.Segments) > MaxSegments || len(m.Sealed) > MaxSealed:
		return malformed("%d packs, %d items, %d segments, %d sealed files", len(m.Packs), len(m.Items), len(m.Segments), len(m.Sealed))
	}
	seen := make(map[Sum]bool)
	again := func(s Sum) bool { was := seen[s]; seen[s] = true; return was }
	var blocks int64
	for _, p := range m.Packs {
		least := p.Size - int64(p.Blocks)*MaxBlock
		if p.Size <= 0 || p.Size > MaxPack || p.Blocks <= 0 || p.Blocks > MaxPackBlocks || p.Index <= 0 || p.Index > maxIndex || p.Index > p.Size || least > p.Index || again(p.Name) {
			return malformed("pack %s of %d bytes and %d blocks", p.Name, p.Size, p.Blocks)
		}
		blocks += int64(p.Blocks)
	}
	if blocks > MaxBlocks {
		return malformed("%d blocks", blocks)
	}
	for _, it := range m.Items {
		if err := it.check(m); err != nil {
			return err
		}
	}
	for _, s := range m.Segments {
		if s.Size <= 0 || s.Size > MaxSegment || s.Entries < 0 || s.Entries > int(s.Size) || again(s.Name) {
			return malformed("segment %s of %d bytes", s.Name, s.Size)
		}
	}
	for _, s := range m.Sealed {
		if s.Size <= 0 || s.Size > MaxSealedSize || again(s.Name) {
			return malformed("sealed file %s of %d bytes", s.Name, s.Size)
		}
	}
	return checkLetters(m.Letters)
}

func (it Item) check(m Manifest) error {
	if !it.Root.Defined() || it.Root.ByteLen() > maxCid || it.Count == 0 || it.Count > m.Count || len(it.For) > MaxFor || it.Blocks < 0 || it.Bytes < 0 {
		return fmt.Errorf("%w: item %s", ErrMalformed, it.Root)
	}
	var blocks int64
	for _, r := range it.Runs {
		if int(r.Pack) >= len(m.Packs) || int64(r.First)+int64(r.Blocks) > int64(m.Packs[r.Pack].Blocks) || r.Blocks == 0 {
			return fmt.Errorf("%w: item %s in blocks %d to %d of pack %d", ErrMalformed, it.Root, r.First, int64(r.First)+int64(r.Blocks), r.Pack)
		}
		blocks += int64(r.Blocks)
	}
	if blocks != it.Blocks {
		return fmt.Errorf("%w: item %s of %d blocks in places for %d", ErrMalformed, it.Root, it.Blocks, blocks)
	}
	return nil
}

func checkLetters(letters []Letter) error {
	type key struct {
		kind LetterKind
		node peer.ID
	}
	seen, of := make(map[key]bool), make(map[LetterKind]int)
	for _, l := range letters {
		k := key{l.Kind, l.Node}
		of[l.Kind]++
		if l.Size <= 0 || l.Size > l.Kind.most() || len(l.Node) != idSize || seen[k] || of[l.Kind] > MaxLetters {
			return fmt.Errorf("%w: letter %q of %s, %d bytes", ErrMalformed, l.Kind, l.Node, l.Size)
		}
		seen[k] = true
	}
	return nil
}

// The paths of what is named, below savoirs/.

func packPath(name Sum) string { return "packs/" + name.String()[:2] + "/" + name.String() }
func (p Pack) car() string     { return packPath(p.Name) + ".car" }
func (p Pack) idx() string     { return packPath(p.Name) + ".idx" }
func (s Segment) path() string { return "catalogue/" + s.Name.String() }
func (s Sealed) path() string  { return "sealed/" + s.Name.String() + ".age" }
func (l Letter) path() string {
	return string(l.Kind) + "/" + peer.ToCid(l.Node).String() + "-" + l.Name.String()[:16]
}
