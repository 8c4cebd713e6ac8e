package p2p

import (
	"context"
	"fmt"
	"time"

	blocks "github.com/ipfs/go-block-format"
)

const (
	batchBytes = 8 << 20
	batchTime  = time.Second // a slow link loses no more than this to a power cut
	spanBytes  = 8 << 20     // what one request should bring
)

// accept hands a verified block to the keeper and then puts its links up for fetching. The order matters: `into` gets
// parents first.
func (f *fetch) accept(ctx context.Context, b blocks.Block) error {
	below, fresh, err := f.walk.accept(b)
	if err != nil || !fresh {
		return err
	}
	if n := f.bytes.Add(int64(len(b.RawData()))); f.o.MaxBytes > 0 && n > f.o.MaxBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrRefused, f.o.MaxBytes)
	}
	select {
	case f.landed <- b:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.count.Add(1)
	f.lastAccepted.Store(int64(time.Since(f.start)))
	return f.walk.land(b.Cid(), below)
}

// quietFor is how long nothing has been accepted.
func (f *fetch) quietFor() time.Duration {
	return time.Since(f.start) - time.Duration(f.lastAccepted.Load())
}

// keep makes accepted blocks durable in batches until landed is closed; also what was accepted before ctx ended.
func (f *fetch) keep(ctx context.Context) error {
	var (
		batch []blocks.Block
		size  int
		total int64
		due   <-chan time.Time
	)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := f.into.PutMany(context.WithoutCancel(ctx), batch); err != nil {
			return fmt.Errorf("keep %d blocks: %w", len(batch), err)
		}
		f.walk.settle(batch)
		total += int64(size)
		batch, size, due = nil, 0, nil
		if f.o.Progress != nil {
			f.o.Progress(total)
		}
		return nil
	}
	for {
		select {
		case b, ok := <-f.landed:
			if !ok {
				return flush()
			}
			if len(batch) == 0 {
				due = time.After(batchTime)
			}
			batch, size = append(batch, b), size+len(b.RawData())
			if size < batchBytes {
				continue
			}
		case <-due:
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// spanSize is how many blocks make about spanBytes, judging by those that came.
func (f *fetch) spanSize() int {
	n, bytes := f.count.Load(), f.bytes.Load()
	if n == 0 {
		return 16
	}
	return int(min(max(spanBytes/max(bytes/n, 1), 8), maxWant))
}
