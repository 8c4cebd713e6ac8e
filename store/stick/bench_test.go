package stick

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// onDisk is a source in one file, which hashes what it gives as a store does.
type onDisk struct {
	f    *os.File
	at   map[cid.Cid]int64
	item item
	size int
}

// newOnDisk makes one of n blocks of a size.
func newOnDisk(b *testing.B, n, size int) *onDisk {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "source"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	d := &onDisk{f: f, at: make(map[cid.Cid]int64), size: size}
	for i := range n {
		data := noise(uint64(i), size)
		c, err := cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.Sum(data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			b.Fatal(err)
		}
		d.at[c] = int64(i) * int64(size)
		d.item.refs = append(d.item.refs, Ref{c, size})
	}
	d.item.root = d.item.refs[0].Cid
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return d
}

func (d *onDisk) View(_ context.Context, c cid.Cid, f func([]byte) error) error {
	buf := make([]byte, d.size)
	if _, err := d.f.ReadAt(buf, d.at[c]); err != nil {
		return err
	}
	if !matches(c, buf) {
		return errors.New("damaged")
	}
	return f(buf)
}

// copyTo is cp and fsync of what a file has.
func copyTo(b *testing.B, from *os.File, to string) {
	b.Helper()
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	_, err = io.Copy(out, struct{ io.Reader }{io.NewSectionReader(from, 0, 1<<40)})
	if err := errors.Join(err, out.Sync(), out.Close(), os.Remove(to)); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkGiB writes and reads a GiB beside copying and flushing the same bytes on the same disk:
//
//	go test ./store/stick -run '^$' -bench GiB -benchtime 3x
func BenchmarkGiB(b *testing.B) {
	for _, size := range []int{1 << 20, 256 << 10, 10 << 10} {
		n := 1 << 30 / size
		b.Run(fmt.Sprintf("blocks=%dKiB", size>>10), func(b *testing.B) {
			d := newOnDisk(b, n, size)
			b.Run("copy", func(b *testing.B) {
				b.SetBytes(1 << 30)
				for b.Loop() {
					copyTo(b, d.f, filepath.Join(b.TempDir(), "copy"))
				}
			})
			b.Run("write", func(b *testing.B) {
				b.SetBytes(1 << 30)
				for b.Loop() {
					dir := b.TempDir()
					packGiB(b, dir, d)
					b.StopTimer()
					os.RemoveAll(dir)
					b.StartTimer()
				}
			})
			dir := b.TempDir()
			packGiB(b, dir, d)
			b.Run("read", func(b *testing.B) {
				b.SetBytes(1 << 30)
				for b.Loop() {
					readGiB(b, dir, n)
				}
			})
			b.Run("verify", func(b *testing.B) {
				b.SetBytes(1 << 30)
				for b.Loop() {
					verify(b, open(b, dir))
				}
			})
		})
	}
}

func packGiB(b *testing.B, dir string, d *onDisk) {
	b.Helper()
	key, _ := newKey(b, 1)
	w, err := OpenWriter(context.Background(), dir, Options{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Put(context.Background(), d, []Parcel{d.item.parcel()}, nil); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		b.Fatal(err)
	}
	w.Close()
}

// readGiB loads as a store does: what comes is hashed, written where it belongs, and flushed in the end.
func readGiB(b *testing.B, dir string, n int) {
	b.Helper()
	s, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	out, err := os.Create(filepath.Join(b.TempDir(), "landed"))
	if err != nil {
		b.Fatal(err)
	}
	var at atomic.Int64
	w, err := s.Walk(context.Background(), s.Manifest().Items[0], nil, func(_ context.Context, bs []blocks.Block) error {
		for _, block := range bs {
			if !matches(block.Cid(), block.RawData()) {
				return blocks.ErrWrongHash
			}
			data := block.RawData()
			if _, err := out.WriteAt(data, at.Add(int64(len(data)))-int64(len(data))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, out.Sync(), out.Close(), os.Remove(out.Name())); err != nil {
		b.Fatal(err)
	}
	if w.Blocks != int64(n) {
		b.Fatalf("%d blocks, %v", w.Blocks, w.Damage)
	}
}

// BenchmarkLargestStick reads a stick that has as many blocks as it may, none of which are right, and tells the peak
// of the process.
func BenchmarkLargestStick(b *testing.B) {
	dir := b.TempDir()
	m := Manifest{V: 1, Count: 1}
	key, id := newKey(b, 1)
	m.Author = id
	for pack := range MaxBlocks / MaxPackBlocks {
		var d draft
		for i := range MaxPackBlocks {
			digest, err := multihash.Encode(noise(uint64(pack)<<20+uint64(i), 64), multihash.SHA2_512)
			if err != nil {
				b.Fatal(err)
			}
			c := cid.NewCidV1(cid.Raw, digest)
			d.add(d.firstRoot(c), Ref{c, 1})
		}
		x, err := parseIndex(append(header(d.roots), d.body...))
		if err != nil {
			b.Fatal(err)
		}
		p := x.pack()
		base := filepath.Join(dir, top, packPath(p.Name))
		err = errors.Join(os.MkdirAll(filepath.Dir(base), 0o755), os.WriteFile(base+".idx", x.raw, 0o644), os.WriteFile(base+".car", x.head(), 0o644),
			os.Truncate(base+".car", p.Size))
		if err != nil {
			b.Fatal(err)
		}
		m.Packs = append(m.Packs, p)
		m.Items = append(m.Items, Item{Root: d.roots[0], By: id, Count: 1, Blocks: int64(p.Blocks), Runs: Runs{{Pack: uint32(pack), Blocks: uint32(p.Blocks)}}})
	}
	list, err := m.seal(key)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, top, manifestName), list, 0o644); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"=verify:"+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MB-peak")
	}
}

// firstRoot is the root that a draft has, or c.
func (p *draft) firstRoot(c cid.Cid) cid.Cid {
	if len(p.roots) > 0 {
		return p.roots[0]
	}
	return c
}

// verifyAll is what a child does for BenchmarkLargestStick.
func verifyAll(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Blocks(context.Background()); err != nil {
		return err
	}
	r, err := s.Verify(context.Background(), nil)
	if r.Blocks > 0 {
		return fmt.Errorf("%d blocks are right", r.Blocks)
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	return nil
}
