package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// Put is PutMany with one block.
func (in *Incoming) Put(ctx context.Context, b blocks.Block) error {
	return in.PutMany(ctx, []blocks.Block{b})
}

// PutMany checks, places and flushes blocks of the item; they are durable when it returns nil. Blocks that are here
// already are skipped. The bytes of the blocks are the caller's again when it returns.
//
// It costs a flush of the disk and an index commit, so give it many blocks at a time: 8 MiB are enough when three or
// four calls are on their way at once, because calls that come while the disk is busy share the next flush.
//
// When any block has a wrong hash (blocks.ErrWrongHash), nothing of the call is kept and the Incoming goes on as if it
// had not been made; so with ErrNoSpace, when the disk is too full. ErrHostile says that the item itself is not
// acceptable. After that, and after an I/O error, the Incoming takes no more: close it and Receive again to go on from
// what is durable, or Abandon it.
func (in *Incoming) PutMany(ctx context.Context, bs []blocks.Block) error {
	l, err := in.landInTurn(ctx, bs)
	if err != nil || l == nil {
		return err
	}
	return in.commit(l)
}

// landInTurn hashes blocks while other calls do, and lands them in the order of the calls: when parents were given
// first, nothing has to wait for its place.
func (in *Incoming) landInTurn(ctx context.Context, bs []blocks.Block) (*landing, error) {
	mine := make(chan struct{})
	defer close(mine)
	in.queue.Lock()
	before := in.lastCall
	in.lastCall = mine
	in.queue.Unlock()
	err := checkBlocks(ctx, bs)
	if before != nil {
		<-before
	}
	if err != nil {
		return nil, err
	}
	return in.land(ctx, bs)
}

// checkBlocks hashes two at a time, in parallel.
func checkBlocks(ctx context.Context, bs []blocks.Block) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for two := range slices.Chunk(bs, 2) {
		if working.Err() != nil {
			break
		}
		g.Go(func() error {
			if len(two) < 2 {
				return checkBlock(two[0])
			}
			return checkPair(two[0], two[1])
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// usable says why nothing more can be done with the Incoming, if so. The caller holds in.mu.
func (in *Incoming) usable() error {
	if in.closed {
		return ErrClosed
	}
	return in.broken
}

// land writes blocks where they belong and returns the landing they are part of; nil when there is nothing to do.
func (in *Incoming) land(ctx context.Context, bs []blocks.Block) (*landing, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.landHere(ctx, bs)
}

// landHere is land for who holds in.mu.
func (in *Incoming) landHere(ctx context.Context, bs []blocks.Block) (*landing, error) {
	if err := in.usable(); err != nil || in.whole || in.overtaken() {
		return nil, err
	}
	total := int64(0)
	for _, b := range bs {
		total += int64(len(b.RawData()))
	}
	if err := in.sp.disk.need(total); err != nil {
		return nil, err
	}
	if err := in.landAll(ctx, bs); err != nil {
		in.fail(err)
	}
	return in.batch, in.broken
}

// fail notes an error after which only what is durable can be relied on. The caller holds in.mu.
func (in *Incoming) fail(err error) {
	if in.broken == nil {
		in.broken = fmt.Errorf("receive %s: %w", in.root, err)
	}
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
	in.data = make(map[string][]byte, len(bs))
	defer func() { in.data = nil }()
	for _, b := range bs {
		in.data[string(b.Cid().Hash())] = b.RawData()
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
