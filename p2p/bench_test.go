package p2p

import (
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/network"
)

// BenchmarkFetch fetches 256 MiB from one mesh into another over TCP on loopback, and moves as many bytes over a bare
// libp2p stream between the same two. The blockstores cost nothing and do not hash, so that what is left is the
// protocol's own.
//
//	go test -run '^$' -bench Fetch -benchtime 3x ./p2p
func BenchmarkFetch(b *testing.B) {
	const size = 256 << 20
	for name, chunk := range map[string]int{"256KiB": 256 << 10, "10KiB": 10 << 10} {
		b.Run(name, func(b *testing.B) {
			store := &held{blocks: map[cid.Cid]blocks.Block{}}
			root := addFile(b, store, random(1, size), int64(chunk), 1024)
			from, to := open(b, Options{Blocks: store}), open(b, Options{})
			connect(b, to, from)
			from.host.SetStreamHandler("/raw", func(s network.Stream) {
				defer s.Close()
				piece := make([]byte, 1<<20)
				for range size / len(piece) {
					s.Write(piece)
				}
			})
			var fetch, raw, fetchCPU, rawCPU time.Duration
			for b.Loop() {
				begin, used := time.Now(), processorTime(b)
				s, err := to.host.NewStream(b.Context(), from.ID(), "/raw")
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, s); n != size || err != nil {
					b.Fatalf("%d bytes: %v", n, err)
				}
				raw += time.Since(begin)
				rawCPU += processorTime(b) - used

				begin, used = time.Now(), processorTime(b)
				if err := to.Fetch(b.Context(), root, nothing{newMemory()}, FetchOptions{}); err != nil {
					b.Fatal(err)
				}
				fetch += time.Since(begin)
				fetchCPU += processorTime(b) - used
			}
			rate := func(d time.Duration) float64 { return float64(b.N) * size / 1e6 / d.Seconds() }
			b.ReportMetric(rate(fetch), "MB/s-fetch")
			b.ReportMetric(rate(raw), "MB/s-raw")
			b.ReportMetric(rate(fetch)/rate(raw), "of-raw")
			b.ReportMetric(fetchCPU.Seconds()/rawCPU.Seconds(), "CPU/raw")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// held is a blockstore that only gives.
type held struct {
	blockstore.Blockstore
	blocks map[cid.Cid]blocks.Block
}

func (s *held) Has(_ context.Context, c cid.Cid) (bool, error) {
	_, ok := s.blocks[c]
	return ok, nil
}

func (s *held) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	b, ok := s.blocks[c]
	if !ok {
		return nil, format.ErrNotFound{Cid: c}
	}
	return b, nil
}

func (s *held) PutMany(_ context.Context, bs []blocks.Block) error {
	for _, b := range bs {
		s.blocks[b.Cid()] = b
	}
	return nil
}

// nothing is a blockstore that keeps nothing.
type nothing struct{ blockstore.Blockstore }

func (nothing) PutMany(context.Context, []blocks.Block) error { return nil }
