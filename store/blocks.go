package store

import (
	"context"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// Blocks returns the blocks of one space as a boxo Blockstore: those of its items, of its unfinished items and its loose
// ones. It cannot reach the others. Get hashes what it reads; a block that is wrong on disk is as good as absent.
// It is a boxo blockstore.Viewer too, for who reads many blocks.
// Put keeps a block as a loose one, durably, in bounded room where the oldest give way to new ones. DeleteBlock removes
// a loose block; blocks of items stay. A block that is not there is an ipld.ErrNotFound.
func (s *Store) Blocks(name Space) blockstore.Blockstore { return blockView{to: s.space(name)} }

// blockView reads from one space or several, and puts into the first.
type blockView struct {
	to   *space
	also *space // nil when there is only one
}

var _ blockstore.Viewer = blockView{}

func (v blockView) Has(_ context.Context, c cid.Cid) (bool, error) {
	_, err := v.size(c)
	if ipld.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (v blockView) GetSize(_ context.Context, c cid.Cid) (int, error) {
	n, err := v.size(c)
	if err != nil {
		return -1, err
	}
	return n, nil
}

func (v blockView) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	data, err := v.get(c)
	if err != nil {
		return nil, err
	}
	return blocks.NewBlockWithCid(data, c)
}

// viewSize is up to which size a block is read by View without new memory.
const viewSize = 1 << 20

// View calls f with the bytes of a block, which are valid until f returns.
func (v blockView) View(_ context.Context, c cid.Cid, f func([]byte) error) error {
	buf := v.to.buffer()
	defer v.to.buffers.Put(buf)
	data, err := v.getInto(buf[:], c)
	if err != nil {
		return err
	}
	return f(data)
}

// buffer is to be put back into sp.buffers.
func (sp *space) buffer() *[viewSize]byte {
	if buf, ok := sp.buffers.Get().(*[viewSize]byte); ok {
		return buf
	}
	return new([viewSize]byte)
}

func (v blockView) Put(ctx context.Context, b blocks.Block) error {
	return v.PutMany(ctx, []blocks.Block{b})
}

func (v blockView) PutMany(ctx context.Context, bs []blocks.Block) error {
	return v.to.putLoose(ctx, bs)
}

func (v blockView) DeleteBlock(_ context.Context, c cid.Cid) error {
	refs, err := v.to.refs(string(c.Hash()))
	if err != nil {
		return err
	}
	for _, r := range refs {
		if r.kind == loose {
			return v.to.removeLoose([]looseFile{{c: c, path: r.path}})
		}
	}
	return nil
}

// AllKeysChan sends every block of the space as a raw CIDv1, as the codec is not recorded.
func (v blockView) AllKeysChan(ctx context.Context) (<-chan cid.Cid, error) {
	out := make(chan cid.Cid)
	go func() {
		defer close(out)
		err := v.to.idx.each(v.to.blockKey(""), func(key, _ []byte) error {
			c := cid.NewCidV1(cid.Raw, multihash.Multihash(key[2:]))
			if _, err := v.to.size(c); err != nil {
				return nil
			}
			select {
			case out <- c:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil && ctx.Err() == nil {
			v.to.log.Warn("listing of blocks broken off", "err", err)
		}
	}()
	return out, nil
}

func (v blockView) size(c cid.Cid) (int, error) {
	if !c.Defined() {
		return 0, fmt.Errorf("undefined CID: %w", ipld.ErrNotFound{})
	}
	n, err := v.to.size(c)
	if ipld.IsNotFound(err) && v.also != nil {
		return v.also.size(c)
	}
	return n, err
}

func (v blockView) get(c cid.Cid) ([]byte, error) { return v.getInto(nil, c) }

func (v blockView) getInto(buf []byte, c cid.Cid) ([]byte, error) {
	if !c.Defined() {
		return nil, fmt.Errorf("undefined CID: %w", ipld.ErrNotFound{})
	}
	data, err := v.to.getInto(buf, c)
	if ipld.IsNotFound(err) && v.also != nil {
		return v.also.getInto(buf, c)
	}
	return data, err
}
