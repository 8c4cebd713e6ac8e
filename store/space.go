package store

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"

	"github.com/ipfs/boxo/verifcid"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// maxBlock is the largest block taken from or given to anyone, the limit of bitswap.
const maxBlock = 2 << 20

// space is one part of a store: folders of its own and index keys of its own.
type space struct {
	name Space
	dir  string
	idx  *index
	disk *disk
	log  *slog.Logger

	buffers sync.Pool // *[viewSize]byte

	// mu guards held, busy and looseBytes.
	mu         sync.RWMutex
	held       map[string]*held // by KeyString of the root
	busy       map[string]bool  // roots some Incoming or gesture is working on
	looseBytes int64
}

// held is an item, or an unfinished one. It is guarded by space.mu; snapshot returns copies.
type held struct {
	root   cid.Cid
	card   card
	whole  bool
	size   int64  // content bytes of an item, landed bytes of an unfinished one
	files  int    // 0 for an unfinished one
	folder string // what the paths of its files are relative to
	dag    string // its nodes
	marks  map[mark]damaged
}

func newSpace(s *Store, name Space) *space {
	return &space{
		name: name,
		dir:  filepath.Join(s.dir, string(name)),
		idx:  s.idx,
		disk: s.disk,
		log:  s.log.With("space", string(name)),
		held: make(map[string]*held),
		busy: make(map[string]bool),
	}
}

// key makes an index key: one byte for the space, one for what is recorded.
//
//	b<multihash>  references of a block
//	i<root>       a complete item is fully indexed: content bytes, files
//	u<root>       an unfinished item: landed content bytes
//	x<mark>       a range known to be wrong
func (sp *space) key(what byte, rest string) []byte {
	return append([]byte{sp.name[0], what}, rest...)
}

func (sp *space) blockKey(mh string) []byte { return sp.key('b', mh) }

func (sp *space) items() string    { return filepath.Join(sp.dir, "items") }
func (sp *space) incoming() string { return filepath.Join(sp.dir, "incoming") }
func (sp *space) loose() string    { return filepath.Join(sp.dir, "loose") }
func (sp *space) staging() string  { return filepath.Join(sp.dir, "staging") }

func (sp *space) snapshot(root cid.Cid) (held, bool) {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	h, ok := sp.held[root.KeyString()]
	if !ok {
		return held{}, false
	}
	c := *h
	c.marks = maps.Clone(h.marks)
	return c, true
}

// claim makes the caller the only one to work on root, until release.
func (sp *space) claim(root cid.Cid) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.busy[root.KeyString()] {
		return fmt.Errorf("%s: %w", root, ErrBusy)
	}
	sp.busy[root.KeyString()] = true
	return nil
}

func (sp *space) release(root cid.Cid) {
	sp.mu.Lock()
	delete(sp.busy, root.KeyString())
	sp.mu.Unlock()
}

func (sp *space) refs(mh string) ([]ref, error) {
	v, err := sp.idx.get(sp.blockKey(mh))
	if errors.Is(err, errNoRecord) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeRefs(v)
}

// usable lists the references of a block that lead somewhere and are not marked as wrong.
func (sp *space) usable(mh string) ([]ref, error) {
	refs, err := sp.refs(mh)
	if err != nil {
		return nil, err
	}
	return sp.usableOf(mh, refs), nil
}

// usableOf is usable for references that are read already.
func (sp *space) usableOf(mh string, refs []ref) []ref {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	out := refs[:0]
	for _, r := range refs {
		if r.kind != loose {
			h, ok := sp.held[r.root]
			if !ok {
				continue
			}
			if _, bad := h.marks[markOf(r, mh)]; bad {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// size returns the length of a block without reading it, or ipld.ErrNotFound.
func (sp *space) size(c cid.Cid) (int, error) {
	if data, ok := inlined(c); ok {
		return len(data), nil
	}
	refs, err := sp.usable(string(c.Hash()))
	if err != nil {
		return 0, err
	}
	if len(refs) == 0 {
		return 0, ipld.ErrNotFound{Cid: c}
	}
	return int(refs[0].size), nil
}

// matches tells whether data is the block c names.
func matches(c cid.Cid, data []byte) bool {
	p := c.Prefix()
	sum, err := multihash.Sum(data, p.MhType, p.MhLength)
	return err == nil && string(sum) == string(c.Hash())
}

// inlined returns the bytes of a block that is carried in its own CID.
func inlined(c cid.Cid) ([]byte, bool) {
	if c.Prefix().MhType != multihash.IDENTITY {
		return nil, false
	}
	d, err := multihash.Decode(c.Hash())
	if err != nil {
		return nil, false
	}
	return d.Digest, true
}

// checkBlock refuses what must not enter: insecure hashes, wrong bytes, blocks over the limit.
func checkBlock(b blocks.Block) error {
	if err := acceptable(b); err != nil {
		return err
	}
	if !matches(b.Cid(), b.RawData()) {
		return wrongHash(b)
	}
	return nil
}

// acceptable refuses what need not even be hashed.
func acceptable(b blocks.Block) error {
	if err := checkCid(b.Cid()); err != nil {
		return err
	}
	if n := len(b.RawData()); n > maxBlock {
		return fmt.Errorf("%w: block %s has %d bytes, at most %d are taken", ErrHostile, b.Cid(), n, maxBlock)
	}
	return nil
}

func wrongHash(b blocks.Block) error { return fmt.Errorf("block %s: %w", b.Cid(), blocks.ErrWrongHash) }

func checkCid(c cid.Cid) error {
	if !c.Defined() {
		return fmt.Errorf("%w: undefined CID", ErrHostile)
	}
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return fmt.Errorf("%w: CID %s: %w", ErrHostile, c, err)
	}
	return nil
}
