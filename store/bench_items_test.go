package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// benchSource is one kind of item that the benchmarks move.
type benchSource struct {
	name string
	make func(*testing.B) (path string, size int64)
}

var benchSources = []benchSource{
	{"by-content", func(b *testing.B) (string, int64) { return benchFile(b, "pages.bin") }},
	{"fixed", func(b *testing.B) (string, int64) { return benchFile(b, "model.gguf") }},
	{"files", func(b *testing.B) (string, int64) { return benchTree(b, 100) }},
	{"one-folder", func(b *testing.B) (string, int64) { return benchTree(b, 1<<20) }},
}

func BenchmarkAdd(b *testing.B)        { benchAdd(b, false) }
func BenchmarkAddInPlace(b *testing.B) { benchAdd(b, true) }

func benchAdd(b *testing.B, inPlace bool) {
	for _, src := range benchSources {
		b.Run(src.name, func(b *testing.B) {
			path, size := src.make(b)
			s := openTest(b)
			m := newMeter(b, path)
			for b.Loop() {
				m.start()
				it := add(b, s, path, AddOptions{InPlace: inPlace})
				m.lap()
				must(b, s.Drop(it.Root))
			}
			m.report(b, size)
		})
	}
}

// BenchmarkReceive lands an item as a fetch does: batches of 8 MiB, parents first, three on their way at a time.
func BenchmarkReceive(b *testing.B) {
	for _, src := range benchSources {
		b.Run(src.name, func(b *testing.B) {
			path, size := src.make(b)
			from := openTest(b)
			it := add(b, from, path, AddOptions{InPlace: true})
			order := cidsOf(b, from, it.Root)
			s := openTest(b)
			m := newMeter(b, path)
			for b.Loop() {
				m.start()
				in := receive(b, s, it.Root, ReceiveOptions{Space: Mesh, Size: it.Size})
				must(b, feed(in, from, order))
				_, err := in.Complete(context.Background())
				must(b, err)
				m.lap()
				must(b, s.Drop(it.Root))
			}
			m.report(b, size)
		})
	}
}

// BenchmarkReadBlocks reads an item block by block as it is served to peers.
func BenchmarkReadBlocks(b *testing.B) {
	for _, src := range benchSources {
		b.Run(src.name, func(b *testing.B) {
			path, size := src.make(b)
			s := openTest(b)
			it := add(b, s, path, AddOptions{Space: Mesh})
			order := cidsOf(b, s, it.Root)
			view := s.Blocks(Mesh).(blockstore.Viewer)
			m := newMeter(b, path)
			for b.Loop() {
				m.start()
				for _, c := range order {
					must(b, view.View(context.Background(), c, func([]byte) error { return nil }))
				}
				m.lap()
			}
			m.report(b, size)
		})
	}
}

// BenchmarkUpdate receives a version of which all but one file is here already, in another item.
func BenchmarkUpdate(b *testing.B) {
	for _, src := range benchSources[2:] {
		b.Run(src.name, func(b *testing.B) {
			path, size := src.make(b)
			s, from := openTest(b), openTest(b)
			add(b, s, path, AddOptions{Space: Mesh})
			must(b, os.WriteFile(filepath.Join(path, "d000", "new.html"), noise(99, 10<<10), 0o644))
			it := add(b, from, path, AddOptions{InPlace: true})
			all := cidsOf(b, from, it.Root)
			m := newMeter(b, path)
			for b.Loop() {
				m.start()
				in := receive(b, s, it.Root, ReceiveOptions{Space: Mesh, Size: it.Size})
				var lacking []cid.Cid
				for _, c := range all {
					has, err := in.Has(context.Background(), c)
					must(b, err)
					if !has {
						lacking = append(lacking, c)
					}
				}
				must(b, feed(in, from, lacking))
				_, err := in.Complete(context.Background())
				must(b, err)
				m.lap()
				must(b, s.Drop(it.Root))
			}
			m.report(b, size)
		})
	}
}

// BenchmarkGestures publishes, reopens and drops an item of many files.
func BenchmarkGestures(b *testing.B) {
	for _, src := range benchSources[2:] {
		b.Run(src.name, func(b *testing.B) {
			path, _ := src.make(b)
			dir := b.TempDir()
			s := reopen(b, dir)
			var publish, drop, again meter
			for b.Loop() {
				it := add(b, s, path, AddOptions{})
				publish.start()
				_, err := s.Move(it.Root, Mesh)
				must(b, err)
				publish.lap()
				must(b, s.Close())
				again.start()
				s = reopen(b, dir)
				again.lap()
				drop.start()
				must(b, s.Drop(it.Root))
				drop.lap()
			}
			n := float64(b.N)
			b.ReportMetric(publish.wallSum.Seconds()/n, "publish-s")
			b.ReportMetric(again.wallSum.Seconds()/n, "open-s")
			b.ReportMetric(drop.wallSum.Seconds()/n, "drop-s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// cidsOf lists the blocks of an item, depth first and parents first.
func cidsOf(b *testing.B, s *Store, root cid.Cid) []cid.Cid {
	b.Helper()
	sp, _, err := s.find(root)
	must(b, err)
	var order []cid.Cid
	must(b, walk(context.Background(), root, sp.node, func(p place, _ opened, _ []byte) error {
		order = append(order, p.c)
		return nil
	}, func(_ place, err error) error { return err }))
	return order
}

// feed takes blocks from one store and puts them into an item of another. Its buffers are used again and again.
func feed(in *Incoming, from *Store, order []cid.Cid) error {
	const batch = 8 << 20
	sp := from.private
	var g errgroup.Group
	g.SetLimit(3)
	free := make(chan []byte, 4)
	for range cap(free) {
		free <- make([]byte, batch+maxBlock)
	}
	for len(order) > 0 {
		buf := <-free
		var bs []blocks.Block
		used := 0
		for len(order) > 0 && used < batch && len(bs) < 4096 {
			refs, err := sp.refs(string(order[0].Hash()))
			if err != nil {
				return err
			}
			data := buf[used : used+int(refs[0].size)]
			if err := feedRange(sp, refs[0], data); err != nil {
				return err
			}
			b, err := blocks.NewBlockWithCid(data, order[0])
			if err != nil {
				return err
			}
			bs, used, order = append(bs, b), used+len(data), order[1:]
		}
		g.Go(func() error {
			defer func() { free <- buf }()
			return in.PutMany(context.Background(), bs)
		})
	}
	return g.Wait()
}

func feedRange(sp *space, r ref, data []byte) error {
	file, err := sp.locate(r)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(data, r.off)
	return err
}
