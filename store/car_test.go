package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	car "github.com/ipld/go-car/v2"
)

func carOf(t testing.TB, s *Store, root cid.Cid) []byte {
	t.Helper()
	var buf bytes.Buffer
	must(t, s.Export(context.Background(), root, &buf))
	return buf.Bytes()
}

// carWith makes a CARv1 of some blocks.
func carWith(root cid.Cid, bs ...blocks.Block) []byte {
	out := carHeader(root)
	for _, b := range bs {
		out = append(out, carSection(b.Cid(), len(b.RawData()))...)
		out = append(out, b.RawData()...)
	}
	return out
}

func TestCARRoundTrip(t *testing.T) {
	ctx := context.Background()
	files := someFiles()
	from := openTest(t)
	src := add(t, from, writeTree(t, files), AddOptions{})
	v1 := carOf(t, from, src.Root)
	if again := carOf(t, from, src.Root); !bytes.Equal(v1, again) {
		t.Error("two exports differ")
	}
	var v2 bytes.Buffer
	must(t, car.WrapV1(bytes.NewReader(v1), &v2))
	for name, data := range map[string][]byte{"version 1": v1, "version 2": v2.Bytes()} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t)
			got, err := s.Import(ctx, bytes.NewReader(data), ReceiveOptions{Space: Mesh, Title: "t", Size: src.Size})
			must(t, err)
			want := src
			want.Title, want.Space = "t", Mesh
			if d := diff(want, got); d != "" {
				t.Fatal(d)
			}
			checkFiles(t, s, got, files)
			if !bytes.Equal(carOf(t, s, got.Root), v1) {
				t.Error("exported again it differs")
			}
		})
	}
}

func TestTheDagFileIsACAR(t *testing.T) {
	s := openTest(t)
	it := add(t, s, writeTree(t, someFiles()), AddOptions{})
	f, err := os.Open(filepath.Join(s.private.items(), it.Root.String()+".dag"))
	must(t, err)
	defer f.Close()
	r, err := car.NewBlockReader(f)
	must(t, err)
	if len(r.Roots) != 1 || r.Roots[0] != it.Root {
		t.Fatalf("roots %v", r.Roots)
	}
	n := 0
	for ; ; n++ {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		if b.Cid().Type() != cid.DagProtobuf {
			t.Errorf("%s is no node", b.Cid())
		}
	}
	if n == 0 {
		t.Error("empty")
	}
}

func TestImportOfACutCARIsResumedByTheNext(t *testing.T) {
	ctx := context.Background()
	from := openTest(t)
	src := add(t, from, writeTree(t, someFiles()), AddOptions{})
	data := carOf(t, from, src.Root)
	s := openTest(t)
	for _, cut := range []int{len(data) / 2, len(data) - 1} {
		_, err := s.Import(ctx, bytes.NewReader(data[:cut]), ReceiveOptions{Size: src.Size})
		if err == nil || errors.Is(err, ErrHostile) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if _, err := s.Item(src.Root); !errors.Is(err, ErrNotFound) {
			t.Fatal("half an item shows")
		}
	}
	in := receive(t, s, src.Root, ReceiveOptions{})
	if in.Have() < src.Size/3 {
		t.Errorf("only %d of %d bytes kept", in.Have(), src.Size)
	}
	must(t, in.Close())
	got, err := s.Import(ctx, bytes.NewReader(data), ReceiveOptions{Size: src.Size})
	must(t, err)
	checkFiles(t, s, got, someFiles())
}

func TestImportOfABrokenReaderKeepsWhatLanded(t *testing.T) {
	from := openTest(t)
	src := add(t, from, writeTree(t, someFiles()), AddOptions{})
	data := carOf(t, from, src.Root)
	s := openTest(t)
	yank := errors.New("stick was yanked")
	_, err := s.Import(context.Background(), io.MultiReader(bytes.NewReader(data[:len(data)/2]), brokenReader{yank}), ReceiveOptions{})
	if !errors.Is(err, yank) {
		t.Fatal(err)
	}
	if u, _ := s.Unfinished(); len(u) != 1 || u[0].Have == 0 {
		t.Fatalf("%+v", u)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestImportRefusesAHostileCAR(t *testing.T) {
	x := rawBlock(t, []byte("x"))
	folder := folderNode(t, map[string]cid.Cid{"a": x.Cid()})
	climb := folderNode(t, map[string]cid.Cid{"../a": x.Cid()})
	lie, err := blocks.NewBlockWithCid([]byte("y"), x.Cid())
	must(t, err)
	huge := carHeader(x.Cid())
	huge = append(huge, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
	cases := map[string]struct {
		data []byte
		want error
	}{
		"empty":                {nil, ErrHostile},
		"no CAR":               {[]byte("<html>not a CAR</html>"), ErrHostile},
		"header of 2^63 bytes": {[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, ErrHostile},
		"section of 2^55":      {huge, nil},
		"name that climbs":     {carWith(climb.Cid(), climb, x), ErrHostile},
		"wrong bytes":          {carWith(folder.Cid(), folder, lie), blocks.ErrWrongHash},
		"root missing":         {carWith(folder.Cid(), x), ErrIncomplete},
		"leaf missing":         {carWith(folder.Cid(), folder), ErrIncomplete},
		"too large":            {carWith(folder.Cid(), folderNode(t, nil), rawBlock(t, noise(1, maxBlock+1))), ErrHostile},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := openTest(t)
			_, err := s.Import(context.Background(), bytes.NewReader(c.data), ReceiveOptions{})
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for range s.Items() {
				t.Error("an item shows")
			}
			if u, _ := s.Unfinished(); errors.Is(err, ErrHostile) && len(u) > 0 {
				t.Errorf("left: %+v", u)
			}
		})
	}
}

// Whatever the bytes, an import ends in an item that verifies or in none at all, and nothing leaves the folder.
// Fuzz it with -fuzzminimizetime 1x: the coverage of Badger's goroutines never repeats, and minimizing takes all the time.
func FuzzImport(f *testing.F) {
	x := rawBlock(f, []byte("x"))
	folder := folderNode(f, map[string]cid.Cid{"a": x.Cid()})
	file := fileNode(f, []byte("i"), 2, []uint64{1}, x.Cid())
	deep := folderNode(f, map[string]cid.Cid{"f": file.Cid(), "d": folder.Cid()})
	f.Add(carWith(folder.Cid(), folder, x))
	f.Add(carWith(deep.Cid(), deep, folder, file, x))
	f.Add(carWith(deep.Cid(), x, file, folder, deep))
	f.Add(carWith(x.Cid(), x))
	climb := folderNode(f, map[string]cid.Cid{"..": x.Cid()})
	f.Add(carWith(climb.Cid(), climb, x))
	var v2 bytes.Buffer
	must(f, car.WrapV1(bytes.NewReader(carWith(folder.Cid(), folder, x)), &v2))
	f.Add(v2.Bytes())
	s := openTest(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx := context.Background()
		if it, err := s.Import(ctx, bytes.NewReader(data), ReceiveOptions{Space: Mesh, Size: 1 << 20}); err == nil {
			if bad, err := s.Verify(ctx, it.Root, nil); err != nil || len(bad) > 0 {
				t.Errorf("imported, but %+v, %v", bad, err)
			}
			if got := carOf(t, s, it.Root); len(got) == 0 {
				t.Error("imported, but not exported")
			}
			must(t, s.Drop(it.Root))
		}
		left, err := s.Unfinished()
		must(t, err)
		for _, u := range left {
			in, err := s.Receive(ctx, u.Root, ReceiveOptions{Space: u.Space})
			must(t, err)
			must(t, in.Abandon())
		}
		checkNothingLeft(t, s)
	})
}
