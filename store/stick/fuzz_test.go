package stick

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
)

func FuzzManifest(f *testing.F) {
	key, id := newKey(f, 1)
	root := newSource().file(f, 1, 1, 10).root
	for _, m := range []Manifest{
		{V: 1, Author: id, Count: 1},
		{V: 1, Author: id, Count: 7, Stick: ID{1}, Packs: []Pack{{Name: Sum{1}, Size: 1000, Index: 200, Blocks: 4}},
			Items:    []Item{{Root: root, By: id, Count: 2, For: Nodes{id}, Blocks: 3, Bytes: 9, Runs: Runs{{First: 1, Blocks: 3}}}},
			Segments: []Segment{{Name: Sum{2}, Size: 100, Entries: 2}}, Letters: []Letter{{Kind: WantLetter, Node: id, Size: 9}}, Sealed: []Sealed{{Size: 5}}},
	} {
		said, err := encMode.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		_, _ = openManifest(said)
		var m Manifest // as if it were signed
		if decMode.Unmarshal(said, &m) != nil || m.check() != nil {
			return
		}
		blame(m, []Damage{{pack: 0, blocks: MaxPackBlocks}})
		if m.Author == id {
			if _, err := m.seal(key); err != nil {
				t.Errorf("a list that was accepted cannot be written: %v", err)
			}
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	key, id := newKey(f, 1)
	b, err := manifestKind.seal(key, Manifest{V: 1, Author: id, Count: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(slices.Clone(b), 0))
	f.Fuzz(func(t *testing.T, other []byte) {
		if _, err := openManifest(other); err == nil && !bytes.Equal(b, other) && bytes.Contains(other, b[6:38]) {
			t.Error("accepted what was not signed")
		}
	})
}

func FuzzIndex(f *testing.F) {
	src := newSource()
	var d draft
	for _, r := range src.file(f, 1, 5, 100).refs {
		d.add(r.Cid, r)
	}
	f.Add(append(header(d.roots), d.body...))
	f.Add(header(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := parseIndex(raw)
		if err != nil {
			return
		}
		again := header(nil)[:0]
		again = append(again, x.head()...)
		for i := range x.len() {
			off, size := x.data(i)
			if !x.cid(i).Defined() || size < 0 || size > MaxBlock || off+int64(size) > x.size() {
				t.Fatalf("block %d at %d of %d bytes, in %d", i, off, size, x.size())
			}
			again = append(again, x.section(i)...)
		}
		if !bytes.Equal(again, raw) || x.size() > MaxPack {
			t.Error("an index that says more than it holds")
		}
	})
}

// FuzzPack reads any bytes as a pack: with no index that fits, and with that of a good one.
func FuzzPack(f *testing.F) {
	dir, src := f.TempDir(), newSource()
	it := src.file(f, 1, 5, 100)
	m := pack(f, dir, src, Options{}, it.parcel())
	good, err := os.ReadFile(filepath.Join(dir, top, m.Packs[0].car()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:200])
	s := open(f, dir)
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := scanIndex(context.Background(), bytes.NewReader(b), int64(len(b))); err == nil && x.size() > int64(len(b)) && x.len() > 0 && int64(x.off[x.len()-1]) > int64(len(b)) {
			t.Error("blocks beyond the end")
		}
		try(t, os.WriteFile(filepath.Join(dir, top, m.Packs[0].car()), b, 0o644))
		s.indexes.kept = nil
		got, damage := walk(t, s, it.root)
		for c, data := range got {
			if !bytes.Equal(data, src.blocks[c]) {
				t.Errorf("block %s with other content", c)
			}
		}
		if len(got) < len(it.refs) && len(damage) == 0 {
			t.Error("blocks are lost and nobody says so")
		}
	})
}

func FuzzWant(f *testing.F) {
	key, _ := newKey(f, 1)
	root := newSource().file(f, 1, 1, 10).root
	for _, w := range []Want{{Count: 1}, {Count: 2, Name: "A", Wanted: []cid.Cid{root}, Have: NewHave(slices.Values([]cid.Cid{root}))}} {
		b, err := SealWant(key, w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		said, _, err := wantKind.split(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, err := OpenWant(b); err == nil && w.Have.Len() > MaxHave {
			t.Error("too many blocks")
		}
		var w Want // as if it were signed
		if decMode.Unmarshal(b, &w) == nil && w.check() == nil {
			w.Have.Has(root)
		}
	})
}

func FuzzReceipts(f *testing.F) {
	key, id := newKey(f, 1)
	root := newSource().file(f, 1, 1, 10).root
	b, err := SealReceipts(key, Receipts{Count: 1, Lines: []Receipt{{Root: root, State: Refused, Why: "no", By: id, Count: 3}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	said, _, err := receiptsKind.split(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(said)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = OpenReceipts(b)
		var r Receipts // as if it were signed
		if decMode.Unmarshal(b, &r) == nil && r.check() == nil && len(r.Lines) > MaxReceiptLines {
			t.Error("too many lines")
		}
	})
}

func FuzzSegment(f *testing.F) {
	b := appendFrame(appendFrame(nil, []byte("one")), []byte("two"))
	f.Add(b)
	f.Add(append([]byte{1, 2, 3}, b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		good, _ := frames(b, func(e []byte) bool { again = appendFrame(again, e); return true })
		if good != bytes.Equal(again, b) {
			t.Errorf("said to be good: %v, and it is %x, not %x", good, again, b)
		}
	})
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again Runs
		if r.UnmarshalBinary(b) != nil {
			return
		}
		out, err := r.MarshalBinary()
		try(t, err, again.UnmarshalBinary(out))
		if !slices.Equal(r, again) {
			t.Errorf("%v became %v", r, again)
		}
	})
}
