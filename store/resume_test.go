package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	"golang.org/x/sync/errgroup"
)

func TestBatchesOnTheirWayAtOnceAllLand(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	files := someFiles()
	for i := range 60 {
		files[fmt.Sprintf("many/%d.txt", i)] = noise(uint64(100+i), 3000)
	}
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	bs := blocksOf(t, from, src.Root)
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] })
	lie, err := blocks.NewBlockWithCid([]byte("not it"), bs[0].Cid())
	must(t, err)

	s := openTest(t)
	in := receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Size: src.Size})
	var g errgroup.Group
	g.SetLimit(4)
	for part := range slices.Chunk(bs, 5) {
		g.Go(func() error {
			bad := append(slices.Clone(part), lie)
			if err := in.PutMany(ctx, bad); !errors.Is(err, blocks.ErrWrongHash) {
				return fmt.Errorf("a lie among others: got %v, want ErrWrongHash", err)
			}
			buffers := make([][]byte, len(part))
			own := make([]blocks.Block, len(part))
			for i, b := range part {
				buffers[i] = slices.Clone(b.RawData())
				own[i], _ = blocks.NewBlockWithCid(buffers[i], b.Cid())
			}
			if err := in.PutMany(ctx, own); err != nil {
				return err
			}
			for _, b := range part {
				if has, err := in.Has(ctx, b.Cid()); err != nil || !has {
					return fmt.Errorf("block %s was acknowledged and is not here: %v", b.Cid(), err)
				}
			}
			for _, b := range buffers { // they are ours again
				clear(b)
			}
			return nil
		})
	}
	must(t, g.Wait())
	got, err := in.Complete(ctx)
	must(t, err)
	checkFiles(t, s, got, files)
	if d, err := s.Verify(ctx, got.Root, nil); err != nil || len(d) > 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	checkIndexAgrees(t, s)
}

func TestWhatWasWrittenAndNotYetRecordedIsAdopted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	files := someFiles()
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	bs := blocksOf(t, from, src.Root)
	for _, order := range []string{"parents first", "children first"} {
		t.Run(order, func(t *testing.T) {
			some := slices.Clone(bs[:len(bs)*2/3])
			if order == "children first" {
				some = slices.Clone(bs[len(bs)/3:])
				slices.Reverse(some)
			}
			s := openTest(t)
			in := receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Size: src.Size})
			must(t, in.PutMany(ctx, some[:2]))
			_, err := in.land(ctx, some[2:])
			must(t, err)
			have := in.Have()

			s = crash(t, s)
			in = receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Size: src.Size})
			if in.Have() != have {
				t.Errorf("%d bytes in place after the crash, %d before", in.Have(), have)
			}
			for _, b := range some {
				if has, err := in.Has(ctx, b.Cid()); err != nil || !has {
					t.Errorf("block %s was written and is not found: %v", b.Cid(), err)
				}
			}
			must(t, in.PutMany(ctx, bs))
			got, err := in.Complete(ctx)
			must(t, err)
			checkFiles(t, s, got, files)
			checkIndexAgrees(t, s)
		})
	}
}

func TestKilledAtSixtyPercentAReceiveGoesOnFromThere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	files := map[string][]byte{"large.bin": noise(7, 20<<20), "small/a": noise(8, 1000), "fixed.gguf": noise(9, 12<<20)}
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	path := filepath.Join(t.TempDir(), "item.car")
	must(t, os.WriteFile(path, carOf(t, from, src.Root), 0o644))

	dir := filepath.Join(t.TempDir(), "store")
	w := startChild(t, dir, landWork+path)
	w.ready(t)
	landed := w.wait(func(line string) bool {
		n, err := strconv.ParseInt(strings.TrimPrefix(line, "AT "), 10, 64)
		return err == nil && n >= src.Size*6/10
	})
	w.kill()
	if !landed {
		t.Fatalf("the receiver ended by itself: %v\n%s", w.acked(), w.complaint.String())
	}
	s := reopen(t, dir)
	in := receive(t, s, src.Root, ReceiveOptions{Space: Mesh, Size: src.Size})
	if in.Have() < src.Size*59/100 || s.Rebuilt() {
		t.Errorf("goes on at %d of %d bytes, rebuilt: %v", in.Have(), src.Size, s.Rebuilt())
	}
	must(t, in.PutMany(ctx, blocksOf(t, from, src.Root)))
	got, err := in.Complete(ctx)
	must(t, err)
	checkFiles(t, s, got, files)
}

// landWork tells a child to land the CAR whose path follows.
const landWork = "land:"

// landSlowly lands a CAR in small batches, three on their way at a time, and says how much is durable:
//
//	AT bytes
func landSlowly(dir, path string) error {
	s, err := Open(Options{Dir: dir, FreeFloor: -1})
	if err != nil {
		return err
	}
	fmt.Println("READY")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	root, bs, err := readCAR(data)
	if err != nil {
		return err
	}
	in, err := s.Receive(context.Background(), root, ReceiveOptions{Space: Mesh})
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(3)
	for part := range slices.Chunk(bs, 3) {
		g.Go(func() error {
			err := in.PutMany(context.Background(), part)
			if it, _ := s.Unfinished(); err == nil && len(it) == 1 {
				fmt.Println("AT", it[0].Have)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	select {} // until it is killed
}
