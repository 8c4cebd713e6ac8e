package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

func TestAPairIsWhatGetGivesAndNothingWrong(t *testing.T) {
	ctx := context.Background()
	s := openTest(t)
	it := add(t, s, writeTree(t, map[string][]byte{"a": noise(1, 700<<10), "b": []byte("b"), "c.gguf": noise(2, 3<<20)}), AddOptions{Space: Mesh})
	bs := append(blocksOf(t, s, it.Root), rawBlock(t, noise(9, 1<<20)))
	gone := func(name string, want int) {
		view := s.Blocks(Mesh).(blockView)
		lacking := map[cid.Cid]bool{}
		check := func(b blocks.Block, got []byte) {
			whole, err := view.Get(ctx, b.Cid())
			if ipld.IsNotFound(err) {
				lacking[b.Cid()] = true
			} else {
				must(t, err)
			}
			if (whole == nil) != (got == nil) || whole != nil && !bytes.Equal(whole.RawData(), got) {
				t.Errorf("%s: block %s differs", name, b.Cid())
			}
		}
		for _, a := range bs {
			for _, b := range bs {
				must(t, view.ViewPair(ctx, a.Cid(), b.Cid(), func(x, y []byte) error {
					check(a, x)
					check(b, y)
					return nil
				}))
			}
		}
		if len(lacking) != want {
			t.Errorf("%s: %d blocks are not there, want %d", name, len(lacking), want)
		}
	}
	gone("as added", 1)
	file := filepath.Join(s.mesh.items(), it.Root.String(), "c.gguf")
	must(t, os.Chmod(file, 0o644))
	flip(t, file, 1<<20)
	wrong, right := rawBlock(t, noise(2, 3<<20)[1<<20:2<<20]), rawBlock(t, noise(2, 3<<20)[:1<<20])
	a, b := s.mesh.buffer(), s.mesh.buffer()
	if x, y := s.mesh.readPair(a[:], b[:], wrong.Cid(), right.Cid()); x != nil || !bytes.Equal(y, right.RawData()) {
		t.Errorf("wrong and right: %d and %d bytes", len(x), len(y))
	}
	if x, y := s.mesh.readPair(a[:], b[:], right.Cid(), wrong.Cid()); y != nil || !bytes.Equal(x, right.RawData()) {
		t.Errorf("right and wrong: %d and %d bytes", len(x), len(y))
	}
	gone("one wrong byte", 2)
	must(t, os.Truncate(file, 2<<20))
	gone("cut", 3)
	if got, _ := s.Item(it.Root); got.Bad != 2 {
		t.Errorf("%d marks, want 2", got.Bad)
	}
}

func TestALieIsFoundWhereverItStands(t *testing.T) {
	for _, size := range []int{10, worthPairing, 100_000} {
		for n := range 6 {
			for wrong := -1; wrong < n; wrong++ {
				var bs []blocks.Block
				for i := range n {
					b := rawBlock(t, noise(uint64(i), size+i))
					if i == wrong {
						lie := bytes.Clone(b.RawData())
						lie[size/2] ^= 1
						b, _ = blocks.NewBlockWithCid(lie, b.Cid())
					}
					bs = append(bs, b)
				}
				err := checkBlocks(context.Background(), bs)
				if wrong < 0 && err != nil || wrong >= 0 && !errors.Is(err, blocks.ErrWrongHash) {
					t.Errorf("lie %d of %d blocks of %d bytes: %v", wrong, n, size, err)
				}
			}
		}
	}
}

func TestAPairRefusesWhatABlockAloneIsRefusedFor(t *testing.T) {
	right := rawBlock(t, noise(1, 50_000))
	data := noise(2, 50_000)
	other := func(code uint64, length int) blocks.Block {
		sum, err := multihash.Sum(data, code, length)
		must(t, err)
		b, err := blocks.NewBlockWithCid(data, cid.NewCidV1(cid.Raw, sum))
		must(t, err)
		return b
	}
	undefined, _ := blocks.NewBlockWithCid(data, cid.Undef)
	for name, c := range map[string]struct {
		b    blocks.Block
		want error
	}{
		"sha2-512":       {other(multihash.SHA2_512, -1), nil},
		"short sha2-256": {other(multihash.SHA2_256, 24), nil},
		"sha1 of sorts":  {other(multihash.MURMUR3X64_64, -1), ErrHostile},
		"undefined":      {undefined, ErrHostile},
		"too large":      {rawBlock(t, noise(3, maxBlock+1)), ErrHostile},
	} {
		for _, pair := range [][2]blocks.Block{{right, c.b}, {c.b, right}} {
			if err := checkPair(pair[0], pair[1]); !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", name, err, c.want)
			}
		}
		if alone := checkBlock(c.b); fmt.Sprint(alone) != fmt.Sprint(checkPair(right, c.b)) {
			t.Errorf("%s: alone %v", name, alone)
		}
	}
}
