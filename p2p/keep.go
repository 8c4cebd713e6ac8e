package p2p

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	pool "github.com/libp2p/go-buffer-pool"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

const (
	// A batch is made durable when it has so many bytes: a kill loses less than a hundredth of what came, and what is
	// flushed at a time is worth it.
	minBatch  = 1 << 20
	maxBatch  = 3 << 20
	batchPart = 128
	// putsAtOnce is how many batches are on their way to the disk: one is hashed, another written and a third flushed.
	putsAtOnce = 3
	// batchTime: a slow link loses no more than this to a power cut.
	batchTime = time.Second
	// maxLanded is how many bytes of memory may wait to be made durable.
	maxLanded = 12 << 20
)

// arrival is a block on its way to `into`. A leaf may not have been compared with its CID yet.
type arrival struct {
	blocks.Block
	ours bool // its bytes are from the pool
	from peer.ID
}

// room is what a takes of maxLanded: the pool rounds up to powers of two.
func (a arrival) room() int64 { return int64(cap(a.RawData())) }

// accept takes what the holder of a claim sent, hands it to the keeper and then makes due what hangs below. The order
// matters: `into` gets parents first. It says whether the block was waited for. The bytes of s are given away.
func (f *fetch) accept(ctx context.Context, c *claim, s section) (fresh bool, err error) {
	defer func() {
		if !fresh {
			pool.Put(s.data)
		}
	}()
	l, due := f.walk.find(c, s.cid)
	if !due {
		return false, wrongBlock(Unasked, protoCAR, s.cid, s.data)
	}
	// The first leaf of each answer is compared at once, the rest when it is kept: who only lies is found out before it is
	// asked again, and spoils no batch.
	now := !leaf(s.cid) || !c.leafSeen
	c.leafSeen = c.leafSeen || leaf(s.cid)
	if len(s.data) > maxBlock || now && !matches(s.cid, s.data) {
		return false, wrongBlock(WrongBytes, protoCAR, s.cid, s.data) // maxBlock: longer than any that is taken
	}
	b, err := blocks.NewBlockWithCid(s.data, s.cid)
	if err != nil {
		return false, err
	}
	return f.acceptBlock(ctx, c, l, arrival{Block: b, ours: true, from: c.peer})
}

// acceptBlock is accept for a block that is next due; a node was compared with its CID.
func (f *fetch) acceptBlock(ctx context.Context, c *claim, l link, a arrival) (fresh bool, err error) {
	below, err := links(l, a.RawData())
	if err != nil {
		return false, err
	}
	if fresh, err = f.walk.accept(ctx, c, below); err != nil || !fresh {
		return false, err
	}
	n := int64(len(a.RawData()))
	if f.bytes.Add(n) > f.o.MaxBytes && f.o.MaxBytes > 0 {
		return false, fmt.Errorf("%w: more than %d bytes", ErrRefused, f.o.MaxBytes)
	}
	if err := f.room.Acquire(ctx, a.room()); err != nil {
		return false, err
	}
	select {
	case f.landed <- a:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	f.count.Add(1)
	f.lastAccepted.Store(int64(time.Since(f.start)))
	if err := f.walk.land(c, l.cid, below); err != nil {
		return true, err
	}
	if f.walk.arrived() {
		select {
		case f.hurry <- struct{}{}:
		default:
		}
	}
	return true, nil
}

func matches(c cid.Cid, data []byte) bool {
	sum, err := c.Prefix().Sum(data)
	return err == nil && sum.Equals(c)
}

// quietFor is how long nothing has been accepted.
func (f *fetch) quietFor() time.Duration {
	return time.Since(f.start) - time.Duration(f.lastAccepted.Load())
}

// keep makes accepted blocks durable in batches until landed is closed; also what was accepted before ctx ended.
func (f *fetch) keep(ctx context.Context) error {
	puts, failed := errgroup.WithContext(context.WithoutCancel(ctx))
	puts.SetLimit(putsAtOnce)
	var (
		batch []arrival
		size  int64
		room  int64
		taken int64
		due   <-chan time.Time
		told  sync.Mutex // guards total, and is held while Progress is told
		total int64
	)
	add := func(a arrival) {
		batch, size, room = append(batch, a), size+int64(len(a.RawData())), room+a.room()
	}
	flush := func() {
		now, n := batch, room
		taken += size
		batch, size, room, due = nil, 0, 0, nil
		puts.Go(func() error {
			kept, err := f.put(failed, now)
			f.room.Release(n)
			told.Lock()
			defer told.Unlock()
			if total += kept; err == nil && kept > 0 && f.o.Progress != nil {
				f.o.Progress(total)
			}
			return err
		})
	}
	for {
		select {
		case <-failed.Done():
			return puts.Wait()
		case a, ok := <-f.landed:
			if !ok {
				flush()
				return puts.Wait()
			}
			if len(batch) == 0 {
				due = time.After(batchTime)
			}
			add(a)
			if size < min(max(taken/batchPart, minBatch), maxBatch) {
				continue
			}
		case <-f.hurry:
			for len(f.landed) > 0 {
				a := <-f.landed
				add(a)
			}
		case <-due:
		}
		flush()
	}
}

// put makes a batch durable but for what is wrong in it, and returns the bytes of that.
func (f *fetch) put(ctx context.Context, batch []arrival) (kept int64, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	bs := make([]blocks.Block, 0, len(batch))
	for _, a := range batch {
		bs = append(bs, a.Block)
	}
	if err = f.into.PutMany(ctx, bs); errors.Is(err, blocks.ErrWrongHash) {
		if bs = f.blameWrong(batch); len(bs) == len(batch) {
			return 0, fmt.Errorf("keep %d blocks, all of them right: %w", len(bs), err)
		}
		err = f.into.PutMany(ctx, bs)
	}
	if err != nil {
		return 0, fmt.Errorf("keep %d blocks: %w", len(bs), err)
	}
	cs := make([]cid.Cid, 0, len(bs))
	for _, b := range bs {
		cs = append(cs, b.Cid())
		kept += int64(len(b.RawData()))
	}
	for _, a := range batch {
		if a.ours {
			pool.Put(a.RawData())
		}
	}
	f.walk.settle(cs)
	return kept, nil
}

// blameWrong finds the wrong blocks of a batch, blames who sent them and has them brought by others. It returns the rest.
func (f *fetch) blameWrong(batch []arrival) (right []blocks.Block) {
	for _, a := range batch {
		if matches(a.Cid(), a.RawData()) {
			right = append(right, a.Block)
			continue
		}
		f.bytes.Add(-int64(len(a.RawData())))
		f.blame(a.from, wrongBlock(WrongBytes, protoCAR, a.Cid(), a.RawData()))
		f.walk.spoil(a.Cid())
	}
	return right
}
