package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// landing is what one PutMany has written and not yet made durable.
type landing struct {
	flush  *flusher
	data   map[string][]byte // blocks of this batch
	refs   map[string]ref
	marks  []mark   // of ranges that are right again
	waited []string // files of the wait folder that have found their place

	// last is the file written last, kept open.
	last     *os.File
	lastPath string
}

func newLanding(dir string) *landing {
	return &landing{flush: newFlusher(dir), data: make(map[string][]byte), refs: make(map[string]ref)}
}

func encodeLanded(n int64) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// Put is PutMany with one block.
func (in *Incoming) Put(ctx context.Context, b blocks.Block) error {
	return in.PutMany(ctx, []blocks.Block{b})
}

// PutMany checks, places and flushes blocks of the item; they are durable when it returns nil. Blocks that are here
// already are skipped. It costs one flush and one index commit, so give it many blocks at a time.
//
// A block with a wrong hash (blocks.ErrWrongHash) is refused with its batch, and nothing changes. ErrHostile says that
// the item itself is not acceptable; ErrNoSpace that the disk is full. After these, and after an I/O error, the
// Incoming takes no more; close it and Receive again to go on from what is durable, or Abandon it.
func (in *Incoming) PutMany(ctx context.Context, bs []blocks.Block) error {
	if err := checkBlocks(ctx, bs); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.putMany(ctx, bs)
}

// checkBlocks hashes in parallel.
func checkBlocks(ctx context.Context, bs []blocks.Block) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, b := range bs {
		if working.Err() != nil {
			break
		}
		g.Go(func() error { return checkBlock(b) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (in *Incoming) putMany(ctx context.Context, bs []blocks.Block) error {
	switch {
	case in.closed:
		return ErrClosed
	case in.broken != nil:
		return in.broken
	case in.whole || in.overtaken():
		return nil
	}
	total := int64(0)
	for _, b := range bs {
		total += int64(len(b.RawData()))
	}
	if err := in.sp.disk.need(total); err != nil {
		return err
	}
	in.batch = newLanding(in.dir)
	err := in.landAll(ctx, bs)
	if err == nil {
		err = in.commit()
	}
	if err != nil {
		in.batch.close()
		in.broken = fmt.Errorf("receive %s: %w", in.root, err)
	}
	return in.broken
}

// overtaken tells that the item has become complete by another way, such as Add.
func (in *Incoming) overtaken() bool {
	if in.repair {
		return false
	}
	h, ok := in.sp.snapshot(in.root)
	return ok && h.whole
}

func (in *Incoming) landAll(ctx context.Context, bs []blocks.Block) error {
	for _, b := range bs {
		in.batch.data[string(b.Cid().Hash())] = b.RawData()
	}
	// First what is wanted, and with it whatever of the batch lies below; what is left has no place yet.
	for _, b := range bs {
		mh := string(b.Cid().Hash())
		places, ok := in.want[mh]
		if !ok {
			continue
		}
		delete(in.want, mh)
		if err := in.settleAll(ctx, places); err != nil {
			return err
		}
	}
	for _, b := range bs {
		mh := string(b.Cid().Hash())
		if _, ok := in.batch.refs[mh]; ok {
			continue
		}
		if _, ok, err := in.own(mh); err != nil {
			return err
		} else if ok {
			continue
		}
		if err := in.landAstray(b.Cid(), b.RawData()); err != nil {
			return err
		}
	}
	return nil
}

// landAstray keeps a block whose place is not known yet.
func (in *Incoming) landAstray(c cid.Cid, data []byte) error {
	in.stray += int64(len(data))
	if in.stray > in.limit+in.limit/8+straySlack {
		return fmt.Errorf("%w: too many blocks that are no part of it", ErrHostile)
	}
	if c.Type() != cid.Raw {
		in.astray[string(c.Hash())] = true
		return in.appendNode(c, data)
	}
	file := filepath.Join(in.waitDir(), canonical(c).String())
	if err := os.MkdirAll(in.waitDir(), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	in.batch.flush.note(file)
	in.batch.flush.note(in.waitDir())
	in.batch.flush.note(in.sp.incoming())
	in.batch.refs[string(c.Hash())] = ref{kind: waiting, root: in.root.KeyString(), path: filepath.Base(file), size: int64(len(data))}
	return nil
}

// straySlack is what nodes and unplaced blocks may take however small the item.
const straySlack = 64 << 20

// commit makes a batch durable: one flush, one index commit.
func (in *Incoming) commit() error {
	b := in.batch
	b.close()
	if err := b.flush.flush(); err != nil {
		return err
	}
	key := in.root.KeyString()
	if len(b.refs)+len(b.marks) > 0 || in.reread && !in.repair {
		err := in.sp.edit(func(e *edit) error {
			for mh, r := range b.refs {
				if err := e.add(mh, r); err != nil {
					return err
				}
			}
			if !in.repair {
				e.set(in.sp.key('u', key), encodeLanded(in.have))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := in.sp.unmark(in.root, b.marks); err != nil {
			return err
		}
	}
	in.sp.mu.Lock()
	if h := in.sp.held[key]; h != nil && !h.whole {
		h.size = in.have
	}
	in.sp.mu.Unlock()
	for _, w := range b.waited {
		if err := os.Remove(filepath.Join(in.waitDir(), w)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	in.batch = newLanding(in.dir)
	return nil
}
