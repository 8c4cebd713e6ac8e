package node

import (
	"context"
	"errors"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/store/catalog"
	"savoirs/store/stick"
)

// course is a packing that is decided, and not yet written.
type course struct {
	Plan
	n       *Node
	to      []*destination
	all     bool
	parcels []stick.Parcel
	heights []catalog.Height       // entries beyond these are written …
	entries map[[8]byte]bool       // … unless the stick has them: these begin their hashes
	gone    []cid.Cid              // items on the stick that nobody offers any more
	letters map[letterOn]stick.Sum // on the stick
	on      *stick.Blocks          // of the stick; nil when it is new
	sealing sealing
	chosen  map[[8]byte]bool // blocks of the items chosen so far that are not on the stick
}

type letterOn struct {
	kind stick.LetterKind
	node peer.ID
}

// A block costs its CID twice, in the pack and in its index, and some bytes
// more; what is small takes whole clusters of the drive.
const (
	blockCost  = 96
	letterCost = 32 << 10
	listCost   = 1 << 20 // MANIFEST, folders
)

// plan decides what goes on the stick. It takes the letters that the stick
// brings, and writes nothing there.
func (n *Node) plan(ctx context.Context, dir string, o PackOptions) (*course, error) {
	c := &course{n: n, all: o.All, entries: map[[8]byte]bool{}, chosen: map[[8]byte]bool{}}
	c.Plan = Plan{Dir: dir, All: o.All, Items: []PlannedItem{}, Left: []PlannedItem{}, For: []Destination{}}
	var err error
	if c.FileSystem, c.Free, err = roomOn(dir); err != nil {
		return nil, err
	}
	if err := c.look(ctx, dir, o.Anew); err != nil {
		return nil, err
	}
	if err := c.address(ctx, o); err != nil {
		return nil, err
	}
	if err := c.countNews(); err != nil {
		return nil, err
	}
	c.Room = max(0, c.Free-c.overhead())
	if o.Max > 0 {
		c.Room = min(c.Room, o.Max)
	}
	if err := c.seals(ctx, o); err != nil {
		return nil, err
	}
	return c, c.choose(ctx)
}

// look reads what is on the stick.
func (c *course) look(ctx context.Context, dir string, anew bool) error {
	s, err := stick.Open(dir)
	if errors.Is(err, stick.ErrNoStick) || err != nil && anew {
		c.New = true
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := c.n.takeLetters(s); err != nil {
		return err
	}
	c.letters = lettersOn(s.Manifest())
	for sealed, err := range s.Entries() {
		if err != nil {
			continue // what cannot be read is written again
		}
		c.entries[begins(catalog.Sealed(sealed))] = true
	}
	var roots []cid.Cid
	for _, it := range s.Manifest().Items {
		roots = append(roots, it.Root)
	}
	stands, err := c.n.offerings(roots)
	if err != nil {
		return err
	}
	for root, st := range stands {
		if st.was && !st.offered() {
			c.gone = append(c.gone, root)
		}
	}
	c.on, err = s.Blocks(ctx) // only asked what it has: the stick may be closed
	return err
}

func begins(s catalog.Sealed) [8]byte {
	h := s.Hash()
	return [8]byte(h[:8])
}

// overhead is what letters and lists take at most, in bytes.
func (c *course) overhead() int64 {
	return listCost + int64(c.Holdings+c.Wants+c.Receipts)*letterCost + int64(c.Entries)*1024
}
