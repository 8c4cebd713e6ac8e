package stick

import (
	"context"
	"fmt"
	"os"
	"sync"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	batchBytes  = 8 << 20 // of sections in a batch, or one section; the first ones are smaller
	firstBatch  = 1 << 18
	batchBlocks = 4096
	batchCalls  = 3         // calls of put on their way at a time
	maxBad      = 256       // in one pack, by weight: after so much the rest of it is not read
	badWeight   = 128 << 10 // a block weighs 1, and 1 more for each of these
)

// batch is blocks that lie one behind the other in memory, and where they are on the stick.
type batch struct {
	buf    []byte
	blocks []blocks.Block
	from   []origin
}

type origin struct {
	pack, block int
	off         int64
	head        bool // what stands before the data is right
}

// putBatch takes a batch, which is given back when it returns. It is called up to batchCalls at once.
type putBatch func(context.Context, *reading, *batch) error

// reading is one walk over runs of blocks.
type reading struct {
	s      *Stick
	skip   func(cid.Cid) bool // nil for none
	put    putBatch
	free   chan *batch
	calls  *errgroup.Group
	fill   *batch
	size   int      // bytes of a batch, now
	file   *os.File // of the pack that is being read
	number int      // of it

	mu     sync.Mutex // guards the fields below
	damage []Damage
	bad    map[int]int // weight of the wrong blocks, by pack
	rest   map[int]int // by pack, the damage that stands for the rest of it
}

// read goes over runs in their order and hands batches to put. It returns what could not be read.
func (s *Stick) read(ctx context.Context, runs Runs, skip func(cid.Cid) bool, put putBatch) ([]Damage, error) {
	calls, working := errgroup.WithContext(ctx)
	calls.SetLimit(batchCalls)
	r := &reading{s: s, skip: skip, put: put, calls: calls, free: make(chan *batch, batchCalls+1), size: firstBatch, bad: make(map[int]int), rest: make(map[int]int), number: -1}
	for range cap(r.free) {
		r.free <- new(batch)
	}
	err := r.runs(working, runs)
	if r.file != nil {
		r.file.Close()
	}
	if callErr := calls.Wait(); callErr != nil {
		err = callErr
	}
	if err == nil {
		err = ctx.Err()
	}
	return r.damage, err
}

func (r *reading) runs(ctx context.Context, runs Runs) error {
	told := make(map[int]bool)
	for _, run := range runs {
		if r.tooBad(int(run.Pack)) {
			continue
		}
		x, damage, err := r.s.index(ctx, int(run.Pack))
		if err != nil {
			return err
		}
		for _, d := range damage {
			if !told[int(run.Pack)] && (d.blocks == 0 || d.hits(run)) {
				if err := r.wrong(d, 0); err != nil {
					return err
				}
			}
		}
		told[int(run.Pack)] = told[int(run.Pack)] || len(damage) > 0
		if x == nil {
			continue
		}
		if err := r.run(ctx, x, run); err != nil {
			return err
		}
	}
	return r.send(ctx)
}

// run reads a run in stretches of blocks that are wanted.
func (r *reading) run(ctx context.Context, x *index, run Run) error {
	if err := r.open(int(run.Pack)); err != nil || r.file == nil {
		return err
	}
	end := min(int(run.First)+int(run.Blocks), x.len())
	for i := int(run.First); i < end && !r.tooBad(int(run.Pack)); {
		if r.skip != nil && r.skip(x.cid(i)) {
			i++
			continue
		}
		room, err := r.room(ctx, int(x.off[i+1]-x.off[i]))
		if err != nil {
			return err
		}
		j := i + 1
		for j < end && int(x.off[j+1]-x.off[i]) <= room && j-i < batchBlocks-len(r.fill.blocks) && (r.skip == nil || !r.skip(x.cid(j))) {
			j++
		}
		if err := r.stretch(x, int(run.Pack), i, j); err != nil {
			return err
		}
		i = j
	}
	return nil
}

// open makes the pack the one that is read. One that cannot be opened was told with its index.
func (r *reading) open(pack int) error {
	if r.number == pack {
		return nil
	}
	if r.file != nil {
		r.file.Close()
	}
	r.number, r.file = pack, nil
	f, _, err := openFile(r.s.root, r.s.manifest.Packs[pack].car())
	if err != nil {
		d := damageOf(r.s.manifest.Packs[pack].car(), err)
		d.pack, d.blocks = pack, r.s.manifest.Packs[pack].Blocks
		return r.wrong(d, 0)
	}
	r.file = f
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL) // advice: nothing depends on it
	return nil
}

// room tells how many bytes go into the batch that is being filled, which is one with room for n at least.
func (r *reading) room(ctx context.Context, n int) (int, error) {
	if r.fill != nil && (len(r.fill.buf)+n > r.size || len(r.fill.blocks) == batchBlocks) {
		if err := r.send(ctx); err != nil {
			return 0, err
		}
		r.size = min(2*r.size, batchBytes)
	}
	if r.fill == nil {
		select {
		case r.fill = <-r.free:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if need := max(r.size, n); cap(r.fill.buf) < need {
			r.fill.buf = make([]byte, 0, need)
		}
		r.fill.buf, r.fill.blocks, r.fill.from = r.fill.buf[:0], r.fill.blocks[:0], r.fill.from[:0]
	}
	return max(r.size-len(r.fill.buf), n), nil
}

// send lets put have what is filled.
func (r *reading) send(ctx context.Context) error {
	b := r.fill
	r.fill = nil
	if b == nil {
		return ctx.Err()
	}
	if len(b.blocks) == 0 {
		r.free <- b
		return ctx.Err()
	}
	r.calls.Go(func() error {
		err := r.put(ctx, r, b)
		clear(b.blocks)
		r.free <- b
		return err
	})
	return ctx.Err()
}

// stretch reads the sections i to j-1 of a pack into the batch. Where the drive does not give them at once they are
// asked for one by one.
func (r *reading) stretch(x *index, pack, i, j int) error {
	at, size := len(r.fill.buf), int(x.off[j]-x.off[i])
	buf := r.fill.buf[at : at+size]
	n, _ := r.file.ReadAt(buf, int64(x.off[i]))
	r.fill.buf = r.fill.buf[:at+size]
	for k := i; k < j; k++ {
		from, to := int(x.off[k]-x.off[i]), int(x.off[k+1]-x.off[i])
		if to > n {
			if _, err := r.file.ReadAt(buf[from:to], int64(x.off[k])); err != nil {
				c := x.cid(k)
				d := Damage{File: r.s.manifest.Packs[pack].car(), At: int64(x.off[k]), Block: &c, Err: ErrDamaged, What: err.Error(), pack: pack, first: k, blocks: 1}
				if err := r.wrong(d, weigh(to-from)); err != nil {
					return err
				}
				continue
			}
		}
		head := x.section(k)
		b, err := blocks.NewBlockWithCid(buf[from+len(head):to:to], x.cid(k))
		if err != nil {
			return err
		}
		r.fill.blocks = append(r.fill.blocks, b)
		r.fill.from = append(r.fill.from, origin{pack, k, int64(x.off[k]), string(head) == string(buf[from:from+len(head)])})
	}
	return nil
}

// wrong notes damage of a weight; the error gives the stick up.
func (r *reading) wrong(d Damage, weight int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.bad[d.pack]
	if before >= maxBad && d.Block != nil {
		rest := &r.damage[r.rest[d.pack]]
		rest.first = min(rest.first, d.first)
		return nil
	}
	r.damage = append(r.damage, d)
	r.bad[d.pack] += weight
	if before < maxBad && r.bad[d.pack] >= maxBad {
		r.rest[d.pack] = len(r.damage)
		r.damage = append(r.damage, Damage{File: d.File, At: d.At, Err: ErrDamaged, What: "so much is wrong that the rest was not read", pack: d.pack, first: d.first, blocks: MaxPackBlocks})
	}
	if len(r.damage) >= MaxDamage {
		return fmt.Errorf("%w in more than %d places, given up", ErrDamaged, MaxDamage)
	}
	return nil
}

// wrongBlock notes a block of a batch that is not what its hash says.
func (r *reading) wrongBlock(b *batch, i int, what string) error {
	c, o := b.blocks[i].Cid(), b.from[i]
	return r.wrong(Damage{File: r.s.manifest.Packs[o.pack].car(), At: o.off, Block: &c, Err: ErrDamaged, What: what, pack: o.pack, first: o.block, blocks: 1}, weigh(len(b.blocks[i].RawData())))
}

func weigh(size int) int { return 1 + size/badWeight }

func (r *reading) tooBad(pack int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bad[pack] >= maxBad
}
