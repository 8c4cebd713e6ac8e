package p2p

import (
	"context"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
)

const (
	// readAhead is how many blocks are read while others are sent, and sharedAhead how many for all streams together
	// beyond one for each.
	readAhead   = 8
	sharedAhead = 24
)

// reader reads the blocks of a tree in order, some ahead of their turn and at the same time.
type reader struct {
	m       *Mesh
	tree    *tree
	working sync.WaitGroup
	queue   []*reading // the next one is first
	ended   bool       // the tree has no more
	lacking int
}

// reading is a block that is being read, or was. Its bytes are lent by the blockstore until it is freed.
type reading struct {
	link
	shared bool
	data   []byte // set when done is closed; nil when it is not there
	done   chan struct{}
	used   chan struct{}
	once   sync.Once
}

// free gives the bytes back. It may be called twice.
func (b *reading) free() { b.once.Do(func() { close(b.used) }) }

// next returns the next block, which the caller frees, or false when there is none.
func (r *reader) next(ctx context.Context) (*reading, bool) {
	for r.lacking < maxLacking {
		r.fill(ctx)
		if len(r.queue) == 0 {
			return nil, false
		}
		head := r.queue[0]
		r.queue = append(r.queue[:0], r.queue[1:]...)
		<-head.done
		if head.shared {
			<-r.m.ahead
		}
		if head.data == nil {
			r.lacking++
			continue
		}
		if !leaf(head.cid) {
			r.tree.unfold(head.link, head.data)
		}
		return head, true
	}
	return nil, false
}

// fill starts reading up to the next node, whose links are needed to go on, two leaves at a time.
func (r *reader) fill(ctx context.Context) {
	for len(r.queue) <= readAhead-2 && (len(r.queue) == 0 || leaf(r.queue[len(r.queue)-1].cid)) {
		first := r.begin()
		if first == nil {
			return
		}
		var second *reading
		if leaf(first.cid) {
			second = r.begin()
		}
		from := r.m.opts.Blocks
		if pairs, ok := from.(pairViewer); ok && second != nil && leaf(second.cid) {
			r.working.Go(func() { readPair(ctx, pairs, first, second) })
			continue
		}
		r.working.Go(func() { first.read(ctx, from) })
		if second != nil {
			r.working.Go(func() { second.read(ctx, from) })
		}
	}
}

// begin puts the next block of the tree into the queue; nil when there is none, or no room for it.
func (r *reader) begin() *reading {
	if r.ended {
		return nil
	}
	shared := len(r.queue) > 0
	if shared {
		select {
		case r.m.ahead <- struct{}{}:
		default:
			return nil
		}
	}
	l, ok := r.tree.next()
	if !ok {
		r.ended = true
		if shared {
			<-r.m.ahead
		}
		return nil
	}
	b := &reading{link: l, shared: shared, done: make(chan struct{}), used: make(chan struct{})}
	r.queue = append(r.queue, b)
	return b
}

// pairViewer is a blockstore that reads two blocks in less than twice the time of one. What is not there is nil.
type pairViewer interface {
	ViewPair(ctx context.Context, c, d cid.Cid, f func(x, y []byte) error) error
}

// readPair is read for two.
func readPair(ctx context.Context, from pairViewer, a, b *reading) {
	done := sync.OnceFunc(func() { close(a.done); close(b.done) })
	defer done()
	// The error is that of blocks that are not there.
	_ = from.ViewPair(ctx, a.cid, b.cid, func(x, y []byte) error {
		a.lend(x)
		b.lend(y)
		done()
		a.wait()
		b.wait()
		return nil
	})
}

// lend sets the bytes, unless there are more than are sent.
func (b *reading) lend(data []byte) {
	if len(data) <= maxBlock {
		b.data = data
	}
}

// wait returns when what was lent is no longer used; nobody frees what was not.
func (b *reading) wait() {
	if b.data != nil {
		<-b.used
	}
}

// read lends itself the bytes until it is freed. A block that cannot be read is not there, whatever the reason.
func (b *reading) read(ctx context.Context, from blockstore.Blockstore) {
	done := sync.OnceFunc(func() { close(b.done) })
	defer done()
	// The error is that of a block that is not there.
	_ = view(ctx, from, b.cid, func(data []byte) error {
		if data == nil {
			data = []byte{}
		}
		b.lend(data)
		done()
		b.wait()
		return nil
	})
}

// view calls f with the bytes of a block, which are valid until f returns.
func view(ctx context.Context, from blockstore.Blockstore, c cid.Cid, f func([]byte) error) error {
	if v, ok := from.(blockstore.Viewer); ok {
		return v.View(ctx, c, f)
	}
	b, err := from.Get(ctx, c)
	if err != nil {
		return err
	}
	return f(b.RawData())
}

// close frees what was read in vain and waits for it.
func (r *reader) close() {
	for _, b := range r.queue {
		b.free()
		if b.shared {
			<-r.m.ahead
		}
	}
	r.working.Wait()
}
