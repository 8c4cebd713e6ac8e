package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// pbNode makes a dag-pb block, links in the given order.
func pbNode(t testing.TB, data []byte, links ...*ipld.Link) blocks.Block {
	t.Helper()
	n := merkledag.NodeWithData(data)
	must(t, n.SetCidBuilder(nodePrefix))
	for _, l := range links {
		must(t, n.AddRawLink(l.Name, l))
	}
	return n
}

func folderNode(t testing.TB, children map[string]cid.Cid) blocks.Block {
	t.Helper()
	var links []*ipld.Link
	for name, c := range children {
		links = append(links, &ipld.Link{Name: name, Cid: c})
	}
	return pbNode(t, unixfs.FolderPBData(), links...)
}

// fileNode makes a file whose parts have the given promised sizes.
func fileNode(t testing.TB, inline []byte, total uint64, sizes []uint64, parts ...cid.Cid) blocks.Block {
	t.Helper()
	n := unixfs.NewFSNode(unixfs.TFile)
	if inline != nil {
		n.SetData(inline)
	}
	for _, s := range sizes {
		n.AddBlockSize(s)
	}
	n.UpdateFilesize(int64(total) - int64(n.FileSize()))
	data, err := n.GetBytes()
	must(t, err)
	var links []*ipld.Link
	for _, c := range parts {
		links = append(links, &ipld.Link{Cid: c})
	}
	return pbNode(t, data, links...)
}

func shardNode(t testing.TB, fan uint64, links ...*ipld.Link) blocks.Block {
	t.Helper()
	data, err := unixfs.HAMTShardData([]byte{1}, fan, 0x22)
	must(t, err)
	return pbNode(t, data, links...)
}

func TestAHostileDAGIsRefused(t *testing.T) {
	t.Parallel()
	x := rawBlock(t, []byte("x"))
	five := rawBlock(t, []byte("12345"))
	small := func(b ...blocks.Block) []blocks.Block { return b }
	named := func(t *testing.T, name string) []blocks.Block {
		return small(folderNode(t, map[string]cid.Cid{name: x.Cid()}), x)
	}
	// under puts a file node below a root folder.
	under := func(t *testing.T, file blocks.Block, more ...blocks.Block) []blocks.Block {
		return append(small(folderNode(t, map[string]cid.Cid{"f": file.Cid()}), file), more...)
	}
	cases := map[string]func(t *testing.T) []blocks.Block{ // the first is the root
		"name ..":         func(t *testing.T) []blocks.Block { return named(t, "..") },
		"name .":          func(t *testing.T) []blocks.Block { return named(t, ".") },
		"empty name":      func(t *testing.T) []blocks.Block { return named(t, "") },
		"name with slash": func(t *testing.T) []blocks.Block { return named(t, "a/b") },
		"absolute name":   func(t *testing.T) []blocks.Block { return named(t, "/etc/passwd") },
		"climbing name":   func(t *testing.T) []blocks.Block { return named(t, "../../escape") },
		"name with NUL":   func(t *testing.T) []blocks.Block { return named(t, "a\x00b") },
		"very long name":  func(t *testing.T) []blocks.Block { return named(t, strings.Repeat("n", 256)) },
		"name not UTF-8":  func(t *testing.T) []blocks.Block { return named(t, "caf\xe9") },
		"a name twice": func(t *testing.T) []blocks.Block {
			return small(pbNode(t, unixfs.FolderPBData(), &ipld.Link{Name: "a", Cid: x.Cid()}, &ipld.Link{Name: "a", Cid: five.Cid()}), x, five)
		},
		"a name twice, once as a folder": func(t *testing.T) []blocks.Block {
			sub := folderNode(t, map[string]cid.Cid{"in": x.Cid()})
			a := shardNode(t, 256, &ipld.Link{Name: "00a", Cid: x.Cid()}, &ipld.Link{Name: "01a", Cid: sub.Cid()})
			return small(a, sub, x)
		},
		"a name twice in two shards": func(t *testing.T) []blocks.Block {
			one := shardNode(t, 256, &ipld.Link{Name: "00a", Cid: x.Cid()})
			two := shardNode(t, 256, &ipld.Link{Name: "00a", Cid: five.Cid()})
			return small(shardNode(t, 256, &ipld.Link{Name: "00", Cid: one.Cid()}, &ipld.Link{Name: "01", Cid: two.Cid()}), one, two, x, five)
		},
		"a symbolic link": func(t *testing.T) []blocks.Block {
			data, err := unixfs.SymlinkData("/etc/passwd")
			must(t, err)
			return under(t, pbNode(t, data))
		},
		"not UnixFS":       func(t *testing.T) []blocks.Block { return small(pbNode(t, []byte("\xff\xff\xff"))) },
		"not dag-pb":       func(t *testing.T) []blocks.Block { return small(wrongCodec(t, cid.DagProtobuf, []byte("\xff\xff"))) },
		"a foreign codec":  func(t *testing.T) []blocks.Block { return under(t, wrongCodec(t, cid.DagCBOR, []byte("\xa0"))) },
		"a foreign root":   func(t *testing.T) []blocks.Block { return small(wrongCodec(t, cid.DagCBOR, []byte("\xa0"))) },
		"an insecure hash": func(t *testing.T) []blocks.Block { return under(t, hashed(t, multihash.MURMUR3X64_64, []byte("x"))) },
		"a long identity":  func(t *testing.T) []blocks.Block { return under(t, hashed(t, multihash.IDENTITY, noise(1, 500))) },
		"sizes missing":    func(t *testing.T) []blocks.Block { return under(t, fileNode(t, nil, 1, nil, x.Cid()), x) },
		"a size too many":  func(t *testing.T) []blocks.Block { return under(t, fileNode(t, nil, 2, []uint64{1, 1}, x.Cid()), x) },
		"a part too short": func(t *testing.T) []blocks.Block { return under(t, fileNode(t, nil, 9, []uint64{9}, x.Cid()), x) },
		"a part too long":  func(t *testing.T) []blocks.Block { return under(t, fileNode(t, nil, 2, []uint64{2}, five.Cid()), five) },
		"a wrong total":    func(t *testing.T) []blocks.Block { return under(t, fileNode(t, nil, 7, []uint64{5}, five.Cid()), five) },
		"a part of nothing": func(t *testing.T) []blocks.Block {
			return under(t, fileNode(t, nil, 1, []uint64{0, 1}, x.Cid(), x.Cid()), x)
		},
		"a negative size": func(t *testing.T) []blocks.Block {
			return under(t, fileNode(t, nil, 1<<63+1, []uint64{1 << 63, 1}, x.Cid(), x.Cid()), x)
		},
		"more than was declared": func(t *testing.T) []blocks.Block {
			b := rawBlock(t, noise(1, 1<<20+1))
			return small(folderNode(t, map[string]cid.Cid{"f": b.Cid()}), b)
		},
		"a file larger than was declared": func(t *testing.T) []blocks.Block {
			return under(t, fileNode(t, nil, 1<<40, []uint64{1 << 40}, x.Cid()))
		},
		"one block in too many files": func(t *testing.T) []blocks.Block {
			b := rawBlock(t, noise(1, 64<<10))
			m := map[string]cid.Cid{}
			for i := range 20 {
				m[itoa(i)] = b.Cid()
			}
			return small(folderNode(t, m), b)
		},
		"a folder inside a file": func(t *testing.T) []blocks.Block {
			d := folderNode(t, nil)
			return under(t, fileNode(t, nil, 1, []uint64{1}, d.Cid()), d)
		},
		"a file inside a shard": func(t *testing.T) []blocks.Block {
			f := fileNode(t, []byte("x"), 1, nil)
			return small(shardNode(t, 256, &ipld.Link{Name: "00", Cid: f.Cid()}), f)
		},
		"bytes inside a shard": func(t *testing.T) []blocks.Block {
			return small(shardNode(t, 256, &ipld.Link{Name: "00", Cid: x.Cid()}), x)
		},
		"fanout 3": func(t *testing.T) []blocks.Block {
			return small(shardNode(t, 3, &ipld.Link{Name: "0x", Cid: x.Cid()}), x)
		},
		"fanout 2^40": func(t *testing.T) []blocks.Block {
			return small(shardNode(t, 1<<40, &ipld.Link{Name: "0000000000x", Cid: x.Cid()}), x)
		},
		"fanout changes": func(t *testing.T) []blocks.Block {
			in := shardNode(t, 16, &ipld.Link{Name: "0a", Cid: x.Cid()})
			return small(shardNode(t, 256, &ipld.Link{Name: "00", Cid: in.Cid()}), in, x)
		},
		"a short shard link": func(t *testing.T) []blocks.Block {
			return small(shardNode(t, 256, &ipld.Link{Name: "0", Cid: x.Cid()}), x)
		},
		"shards without end": func(t *testing.T) []blocks.Block {
			bs := small(shardNode(t, 256, &ipld.Link{Name: "00a", Cid: x.Cid()}))
			for range 40 {
				bs = append(small(shardNode(t, 256, &ipld.Link{Name: "00", Cid: bs[0].Cid()})), bs...)
			}
			return bs
		},
		"folders without end": func(t *testing.T) []blocks.Block {
			bs := small(folderNode(t, map[string]cid.Cid{"x": x.Cid()}), x)
			for range 70 {
				bs = append(small(folderNode(t, map[string]cid.Cid{"d": bs[0].Cid()})), bs...)
			}
			return bs
		},
		"a file nested without end": func(t *testing.T) []blocks.Block {
			bs := small(x)
			for range 40 {
				bs = append(small(fileNode(t, nil, 1, []uint64{1}, bs[0].Cid())), bs...)
			}
			return under(t, bs[0], bs[1:]...)
		},
		"folders that double at every step": func(t *testing.T) []blocks.Block {
			bs := small(folderNode(t, nil))
			for range 40 {
				bs = append(small(folderNode(t, map[string]cid.Cid{"a": bs[0].Cid(), "b": bs[0].Cid()})), bs...)
			}
			return bs
		},
		"a file that doubles at every step": func(t *testing.T) []blocks.Block {
			bs, size := small(x), uint64(1)
			for range 20 { // one MiB, as was declared, in a million parts
				bs = append(small(fileNode(t, nil, 2*size, []uint64{size, size}, bs[0].Cid(), bs[0].Cid())), bs...)
				size *= 2
			}
			return under(t, bs[0], bs[1:]...)
		},
	}
	s := openTest(t)
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			bs := make(t)
			in, err := s.Receive(ctx, bs[0].Cid(), ReceiveOptions{Space: Mesh, Size: 1 << 20})
			if err == nil {
				if name == "folders that double at every step" {
					in.spent.entries = maxEntries - 1000 // near the limit already
				}
				err = in.PutMany(ctx, bs)
				if err == nil {
					_, err = in.Complete(ctx)
				}
				if again := in.PutMany(ctx, bs); err != nil && !errors.Is(err, blocks.ErrWrongHash) && again == nil {
					t.Error("takes more after a refusal")
				}
				must(t, in.Abandon())
			}
			if !errors.Is(err, ErrHostile) {
				t.Fatalf("got %v, want ErrHostile", err)
			}
			checkNothingLeft(t, s)
			if out, _ := filepath.Glob(filepath.Join(s.dir, "*escape*")); len(out) > 0 {
				t.Fatalf("escaped: %v", out)
			}
		})
	}
}

func wrongCodec(t testing.TB, codec uint64, data []byte) blocks.Block {
	t.Helper()
	c, err := cid.NewPrefixV1(codec, multihash.SHA2_256).Sum(data)
	must(t, err)
	b, err := blocks.NewBlockWithCid(data, c)
	must(t, err)
	return b
}

func hashed(t testing.TB, code uint64, data []byte) blocks.Block {
	t.Helper()
	length := -1
	if code == multihash.MURMUR3X64_64 {
		mh, err := multihash.Encode(make([]byte, 8), code)
		must(t, err)
		b, err := blocks.NewBlockWithCid(data, cid.NewCidV1(cid.Raw, mh))
		must(t, err)
		return b
	}
	mh, err := multihash.Sum(data, code, length)
	must(t, err)
	b, err := blocks.NewBlockWithCid(data, cid.NewCidV1(cid.Raw, mh))
	must(t, err)
	return b
}

func TestNamesThatAreNoPlainFileNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", ".", "..", "/", "a/b", "a/", "/a", "../a", "a\x00", "\xff", strings.Repeat("x", 256)} {
		if checkName(name) == nil {
			t.Errorf("%q passes", name)
		}
	}
	for _, name := range []string{"a", "...", "..a", ".hidden", "é à", `back\slash`, strings.Repeat("x", 255)} {
		if err := checkName(name); err != nil {
			t.Error(err)
		}
	}
}

// What kubo makes with its older defaults and other options: CIDv0, leaves inside dag-pb, inlined blocks, a root that is
// a file, nodes with both content and children, sharding of another width.
func TestForeignShapesAreReceivedAndOpened(t *testing.T) {
	t.Parallel()
	x := rawBlock(t, []byte("x"))
	hello := rawBlock(t, []byte("hello"))
	identity := hashed(t, multihash.IDENTITY, []byte("inline"))
	leafA, leafB := fileNode(t, []byte("aaa"), 3, nil), fileNode(t, []byte("bb"), 2, nil)
	v0 := func(b blocks.Block) cid.Cid { return cid.NewCidV0(b.Cid().Hash()) }
	wrapped := fileNode(t, nil, 5, []uint64{3, 2}, v0(leafA), v0(leafB))
	both := fileNode(t, []byte("first,"), 12, []uint64{5, 1}, hello.Cid(), x.Cid())
	sub := shardNode(t, 16, &ipld.Link{Name: "0deep", Cid: x.Cid()})
	sharded := shardNode(t, 16, &ipld.Link{Name: "Ahello", Cid: hello.Cid()}, &ipld.Link{Name: "B", Cid: sub.Cid()})
	empty := folderNode(t, nil)
	cases := map[string]struct {
		root   cid.Cid
		blocks []blocks.Block
		files  map[string]string
	}{
		"CIDv0 and dag-pb leaves": {v0(folderNode(t, map[string]cid.Cid{"w": v0(wrapped)})),
			[]blocks.Block{folderNode(t, map[string]cid.Cid{"w": v0(wrapped)}), wrapped, leafA, leafB}, map[string]string{"w": "aaabb"}},
		"a raw root":               {hello.Cid(), []blocks.Block{hello}, map[string]string{"content": "hello"}},
		"a file as root":           {wrapped.Cid(), []blocks.Block{wrapped, leafA, leafB}, map[string]string{"content": "aaabb"}},
		"a one-node file as root":  {leafA.Cid(), []blocks.Block{leafA}, map[string]string{"content": "aaa"}},
		"content and children":     {both.Cid(), []blocks.Block{both, hello, x}, map[string]string{"content": "first,hellox"}},
		"an inlined block":         {folderNode(t, map[string]cid.Cid{"i": identity.Cid()}).Cid(), []blocks.Block{folderNode(t, map[string]cid.Cid{"i": identity.Cid()})}, map[string]string{"i": "inline"}},
		"sharded with 16":          {sharded.Cid(), []blocks.Block{sharded, sub, hello, x}, map[string]string{"hello": "hello", "deep": "x"}},
		"an empty folder":          {folderNode(t, map[string]cid.Cid{"e": empty.Cid(), "x": x.Cid()}).Cid(), []blocks.Block{folderNode(t, map[string]cid.Cid{"e": empty.Cid(), "x": x.Cid()}), empty, x}, map[string]string{"x": "x"}},
		"a file called content":    {folderNode(t, map[string]cid.Cid{"content": x.Cid()}).Cid(), []blocks.Block{folderNode(t, map[string]cid.Cid{"content": x.Cid()}), x}, map[string]string{"content": "x"}},
		"nothing at all":           {empty.Cid(), []blocks.Block{empty}, nil},
		"the same leaf many times": {folderNode(t, map[string]cid.Cid{"a": x.Cid(), "b": x.Cid(), "c": both.Cid()}).Cid(), []blocks.Block{folderNode(t, map[string]cid.Cid{"a": x.Cid(), "b": x.Cid(), "c": both.Cid()}), both, x, hello}, map[string]string{"a": "x", "b": "x", "c": "first,hellox"}},
	}
	for name, c := range cases {
		for _, order := range []string{"forwards", "backwards"} {
			t.Run(name+" "+order, func(t *testing.T) {
				ctx := context.Background()
				s := openTest(t)
				in := receive(t, s, c.root, ReceiveOptions{Space: Mesh})
				for i := range c.blocks {
					if order == "backwards" {
						i = len(c.blocks) - 1 - i
					}
					must(t, in.Put(ctx, c.blocks[i]))
				}
				got, err := in.Complete(ctx)
				must(t, err)
				want := make(map[string][]byte)
				size := int64(0)
				for p, data := range c.files {
					want[p] = []byte(data)
					size += int64(len(data))
					on, err := os.ReadFile(filepath.Join(s.mesh.items(), got.Root.String(), p))
					if err != nil || string(on) != data {
						t.Errorf("%s on disk: %q, %v", p, on, err)
					}
				}
				checkFiles(t, s, got, want)
				if got.Size != size || got.Files != len(want) || in.have != size {
					t.Errorf("size %d, files %d, have %d; want %d, %d", got.Size, got.Files, in.have, size, len(want))
				}
				for _, b := range c.blocks {
					data, err := s.Blocks(Mesh).Get(ctx, b.Cid())
					if err != nil || string(data.RawData()) != string(b.RawData()) {
						t.Errorf("block %s: %v", b.Cid(), err)
					}
				}
				if d, err := s.Verify(ctx, c.root, nil); err != nil || len(d) > 0 {
					t.Errorf("%+v, %v", d, err)
				}
				dir := s.dir
				must(t, s.Close())
				must(t, os.RemoveAll(filepath.Join(dir, "index")))
				s = reopen(t, dir)
				checkFiles(t, s, got, want)
				if again, err := s.Item(c.root); err != nil || diff(got, again) != "" {
					t.Errorf("after a rebuild: %v %s", err, diff(got, again))
				}
			})
		}
	}
}

func FuzzNode(f *testing.F) {
	x := rawBlock(f, []byte("x"))
	for _, b := range []blocks.Block{folderNode(f, map[string]cid.Cid{"a": x.Cid()}), fileNode(f, []byte("d"), 2, []uint64{1}, x.Cid()),
		shardNode(f, 256, &ipld.Link{Name: "00a", Cid: x.Cid()})} {
		f.Add(b.RawData(), byte(entry), int64(-1))
		f.Add(b.RawData(), byte(part), int64(2))
		f.Add(b.RawData(), byte(shard), int64(-1))
	}
	c := wrongCodec(f, cid.DagProtobuf, nil).Cid()
	f.Fuzz(func(t *testing.T, data []byte, as byte, size int64) {
		o, err := open(place{c: c, role: role(as % 3), path: "p", size: size, depth: 1, fan: 256}, data)
		if err != nil {
			return
		}
		end := o.off + int64(len(o.inline))
		for _, ch := range o.children {
			if ch.role == entry && !filepath.IsLocal(ch.path) {
				t.Fatalf("path %q", ch.path)
			}
			if ch.role == part {
				if ch.off != end || ch.size <= 0 {
					t.Fatalf("part at %d of %d, expected at %d", ch.off, ch.size, end)
				}
				end += ch.size
			}
		}
		if (o.shape == fileTop || o.shape == filePart) && end != o.off+o.size {
			t.Fatalf("ends at %d, size %d", end, o.size)
		}
	})
}
