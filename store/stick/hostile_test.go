package stick

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sys/unix"
)

// soon is how long a stick may keep anybody busy before it is refused.
const soon = 10 * time.Second

// strange are things that are no file, each put in the place of one.
var strange = map[string]func(t *testing.T, at string){
	"link out": func(t *testing.T, at string) { try(t, os.Symlink("/etc/passwd", at)) },
	"link in": func(t *testing.T, at string) {
		try(t, os.Rename(at+".was", at+".there"), os.Symlink(filepath.Base(at)+".there", at))
	},
	"link up": func(t *testing.T, at string) { try(t, os.Symlink("../../../../../../etc/passwd", at)) },
	"pipe":    func(t *testing.T, at string) { try(t, unix.Mkfifo(at, 0o644)) },
	"folder":  func(t *testing.T, at string) { try(t, os.Mkdir(at, 0o755)) },
	"socket": func(t *testing.T, at string) {
		t.Chdir(filepath.Dir(at)) // names of sockets are short
		l, err := net.Listen("unix", "s")
		try(t, err)
		t.Cleanup(func() { l.Close() })
		try(t, os.Rename("s", filepath.Base(at)))
	},
	"device": func(t *testing.T, at string) {
		if err := unix.Mknod(at, unix.S_IFCHR|0o644, int(unix.Mkdev(1, 5))); err != nil {
			t.Skip("devices are for root: ", err)
		}
	},
}

func try(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoFileIsRefusedUnopened(t *testing.T) {
	for kind, put := range strange {
		t.Run(kind, func(t *testing.T) {
			f := newFull(t)
			m := open(t, f.dir).Manifest()
			for _, name := range []string{m.Packs[0].car(), m.Packs[1].idx(), m.Segments[0].path(), m.Letters[0].path(), m.Sealed[0].path()} {
				at := filepath.Join(f.dir, top, name)
				try(t, os.Rename(at, at+".was"))
				put(t, at)
			}
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			s := open(t, f.dir)
			r, err := s.Verify(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			hostile := 0
			for _, d := range r.Damage {
				if errors.Is(d, ErrHostile) {
					hostile++
				}
			}
			if hostile < 5 {
				t.Errorf("%d of 5 refused: %v", hostile, r.Damage)
			}
			wholeItem(t, s, f.src, f.items[2])
			key, _ := newKey(t, 1)
			if w, err := OpenWriter(ctx, f.dir, Options{Key: key}); err == nil {
				w.Close()
			} else if !errors.Is(err, ErrHostile) {
				t.Errorf("write: %v", err)
			}
		})
		t.Run(kind+" as MANIFEST", func(t *testing.T) {
			f := newFull(t)
			at := filepath.Join(f.dir, top, manifestName)
			try(t, os.Rename(at, at+".was"))
			put(t, at)
			if _, err := Open(f.dir); !errors.Is(err, ErrHostile) {
				t.Errorf("open: %v", err)
			}
			key, _ := newKey(t, 1)
			for _, anew := range []bool{false, true} {
				if _, err := OpenWriter(context.Background(), f.dir, Options{Key: key, Anew: anew}); !errors.Is(err, ErrHostile) {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
}

func TestFoldersThatAreLinksAreRefused(t *testing.T) {
	for _, name := range []string{top, top + "/packs", top + "/catalogue"} {
		f := newFull(t)
		at := filepath.Join(f.dir, name)
		try(t, os.Rename(at, at+"-there"), os.Symlink(filepath.Base(at)+"-there", at))
		s, err := Open(f.dir)
		if err == nil {
			r, verifyErr := s.Verify(context.Background(), nil)
			s.Close()
			if verifyErr != nil || len(r.Damage) == 0 || !errors.Is(r.Damage[0], ErrHostile) {
				t.Errorf("%s is a link: %v, %v", name, r.Damage, verifyErr)
			}
		} else if !errors.Is(err, ErrHostile) {
			t.Errorf("%s is a link: %v", name, err)
		}
		key, _ := newKey(t, 1)
		if _, err := OpenWriter(context.Background(), f.dir, Options{Key: key}); !errors.Is(err, ErrHostile) {
			t.Errorf("write where %s is a link: %v", name, err)
		}
	}
}

// forge signs any list.
func forge(t *testing.T, dir string, m Manifest) {
	t.Helper()
	key, id := newKey(t, 7)
	m.V, m.Author, m.Count = max(m.V, 1), id, max(m.Count, 1)
	b, err := manifestKind.seal(key, m)
	try(t, err, os.MkdirAll(filepath.Join(dir, top), 0o755))
	try(t, os.WriteFile(filepath.Join(dir, top, manifestName), b, 0o644))
}

func TestListsThatBreakALimitAreRefused(t *testing.T) {
	_, id := newKey(t, 7)
	root := newSource().file(t, 1, 1, 10).root
	good := Pack{Name: Sum{1}, Size: 1000, Index: 200, Blocks: 4}
	item := func(runs ...Run) Item {
		it := Item{Root: root, By: id, Count: 1, Runs: runs}
		for _, r := range runs {
			it.Blocks += int64(r.Blocks)
		}
		return it
	}
	var packs []Pack // a terabyte and more
	for i := range 4096 {
		packs = append(packs, Pack{Name: sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i))), Size: MaxPack, Index: 40_000, Blocks: 600})
	}
	for name, c := range map[string]struct {
		m    Manifest
		want error
	}{
		"version":            {Manifest{V: 2}, ErrMalformed},
		"pack too large":     {Manifest{Packs: []Pack{{Name: Sum{1}, Size: MaxPack + 1, Index: 100_000, Blocks: 600}}}, ErrMalformed},
		"negative pack":      {Manifest{Packs: []Pack{{Name: Sum{1}, Size: -1, Index: 100, Blocks: 1}}}, ErrMalformed},
		"too few blocks":     {Manifest{Packs: []Pack{{Name: Sum{1}, Size: MaxPack, Index: 100, Blocks: 2}}}, ErrMalformed},
		"too many blocks":    {Manifest{Packs: []Pack{{Name: Sum{1}, Size: MaxPack, Index: maxIndex, Blocks: MaxPackBlocks + 1}}}, ErrMalformed},
		"huge index":         {Manifest{Packs: []Pack{{Name: Sum{1}, Size: MaxPack, Index: maxIndex + 1, Blocks: MaxPackBlocks}}}, ErrMalformed},
		"a pack twice":       {Manifest{Packs: []Pack{good, good}}, ErrMalformed},
		"no such pack":       {Manifest{Packs: []Pack{good}, Items: []Item{item(Run{Pack: 1, Blocks: 1})}}, ErrMalformed},
		"no such block":      {Manifest{Packs: []Pack{good}, Items: []Item{item(Run{First: 3, Blocks: 2})}}, ErrMalformed},
		"endless run":        {Manifest{Packs: []Pack{good}, Items: []Item{item(Run{First: 1<<32 - 1, Blocks: 1<<32 - 1})}}, ErrMalformed},
		"item of the future": {Manifest{Items: []Item{{Root: root, By: id, Count: 2}}}, ErrMalformed},
		"huge segment":       {Manifest{Segments: []Segment{{Size: MaxSegment + 1}}}, ErrMalformed},
		"strange letter":     {Manifest{Letters: []Letter{{Kind: "../../etc", Node: id, Size: 1}}}, ErrMalformed},
		"letter twice":       {Manifest{Letters: []Letter{{Kind: WantLetter, Node: id, Size: 1}, {Kind: WantLetter, Node: id, Size: 2}}}, ErrMalformed},
		"letter of nobody":   {Manifest{Letters: []Letter{{Kind: WantLetter, Node: id[:5], Size: 1}}}, ErrMalformed},
		"huge sealed file":   {Manifest{Sealed: []Sealed{{Size: MaxSealedSize + 1}}}, ErrMalformed},
		"terabytes":          {Manifest{Packs: packs}, ErrHostile},
	} {
		dir := t.TempDir()
		forge(t, dir, c.m)
		if _, err := Open(dir); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAListSignedByAnotherIsRefused(t *testing.T) {
	dir := t.TempDir()
	key, _ := newKey(t, 7)
	_, other := newKey(t, 8)
	b, err := manifestKind.seal(key, Manifest{V: 1, Author: other, Count: 1})
	try(t, err, os.MkdirAll(filepath.Join(dir, top), 0o755), os.WriteFile(filepath.Join(dir, top, manifestName), b, 0o644))
	if _, err := Open(dir); !errors.Is(err, ErrBadSignature) {
		t.Errorf("open: %v", err)
	}
	receipts, err := SealReceipts(key, Receipts{Count: 1})
	try(t, err, os.WriteFile(filepath.Join(dir, top, manifestName), receipts, 0o644))
	if _, err := Open(dir); !errors.Is(err, ErrMalformed) {
		t.Errorf("receipts as a MANIFEST: %v", err)
	}
	try(t, os.Truncate(filepath.Join(dir, top, manifestName), 1<<40))
	if _, err := Open(dir); !errors.Is(err, ErrHostile) {
		t.Errorf("a sparse terabyte: %v", err)
	}
}

func TestASparsePackIsRefusedAtOnce(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	var refs []Ref // of 2 MiB each, a GiB, of which there is nothing
	for i := range 500 {
		c := src.file(t, uint64(i), 1, 20).refs[1].Cid
		refs = append(refs, Ref{c, MaxBlock})
	}
	var d draft
	for _, r := range refs {
		d.add(refs[0].Cid, r)
	}
	x, err := parseIndex(append(header(d.roots), d.body...))
	try(t, err)
	p := x.pack()
	it := Item{Root: refs[0].Cid, By: peer.ID(""), Count: 1, Runs: Runs{{Blocks: 500}}, Blocks: 500}
	_, it.By = newKey(t, 7)
	forge(t, dir, Manifest{Packs: []Pack{p}, Items: []Item{it}})
	try(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, top, p.car())), 0o755), os.WriteFile(filepath.Join(dir, top, p.idx()), x.raw, 0o644),
		os.WriteFile(filepath.Join(dir, top, p.car()), x.head(), 0o644), os.Truncate(filepath.Join(dir, top, p.car()), p.Size))
	s := open(t, dir)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	r, err := s.Verify(ctx, nil)
	if err != nil || r.Blocks != 0 || len(r.Hurt) != 1 {
		t.Errorf("%d right, %d hurt, %v", r.Blocks, len(r.Hurt), err)
	}
	to := newSink()
	w, err := s.Walk(ctx, it, nil, to.put)
	if err != nil || w.Blocks != 0 || len(w.Damage) == 0 {
		t.Errorf("walk: %d blocks, %d damages, %v", w.Blocks, len(w.Damage), err)
	}
}

func TestAFolderOfTooManyFilesIsRefusedByWritersAndReadByReaders(t *testing.T) {
	f := newFull(t)
	shard := filepath.Dir(filepath.Join(f.dir, top, open(t, f.dir).Manifest().Packs[0].car()))
	for i := range maxListed {
		try(t, os.WriteFile(filepath.Join(shard, fmt.Sprintf("%064x.car", i)), nil, 0o644))
	}
	key, _ := newKey(t, 1)
	if _, err := OpenWriter(context.Background(), f.dir, Options{Key: key}); !errors.Is(err, ErrHostile) {
		t.Errorf("write: %v", err)
	}
	verify(t, open(t, f.dir))
}

func TestALetterUnderAnothersNameIsRefused(t *testing.T) {
	dir := t.TempDir()
	key, _ := newKey(t, 1)
	_, other := newKey(t, 2)
	want, err := SealWant(key, Want{Count: 9})
	try(t, err)
	w := write(t, dir, Options{})
	try(t, w.PutLetter(WantLetter, other, want))
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	for got, err := range s.Wants() {
		if !errors.Is(err, ErrHostile) || got.Author != "" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	r, err := s.Verify(context.Background(), nil)
	if err != nil || len(r.Damage) != 1 || !errors.Is(r.Damage[0], ErrHostile) {
		t.Errorf("%v, %v", r.Damage, err)
	}
}

func TestReadingWritesNothing(t *testing.T) {
	f := newFull(t)
	harm(t, filepath.Join(f.dir, top, open(t, f.dir).Manifest().Packs[0].idx()), func(file *os.File) error { return file.Truncate(3) })
	type state struct {
		size int64
		when time.Time
	}
	look := func() map[string]state {
		all := make(map[string]state)
		err := filepath.WalkDir(f.dir, func(p string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			st, err := d.Info()
			all[p] = state{st.Size(), st.ModTime()}
			return err
		})
		try(t, err)
		return all
	}
	before := look()
	s := open(t, f.dir)
	if _, err := s.Verify(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blocks(context.Background()); err != nil {
		t.Fatal(err)
	}
	walk(t, s, f.items[0].root)
	after := look()
	if len(before) != len(after) {
		t.Errorf("%d files, then %d", len(before), len(after))
	}
	for name, was := range before {
		if after[name] != was {
			t.Errorf("%s was touched", name)
		}
	}
}

func TestCidsThatProveNothingAreRefused(t *testing.T) {
	src, dir := newSource(), t.TempDir()
	w := write(t, dir, Options{})
	identity, err := cid.V1Builder{Codec: cid.Raw, MhType: 0}.Sum([]byte("itself"))
	try(t, err)
	short, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x12, MhLength: 4}.Sum([]byte("short"))
	try(t, err)
	for _, c := range []cid.Cid{{}, identity, short} {
		p := Parcel{Root: src.file(t, 1, 1, 1).root, Blocks: func(yield func(Ref, error) bool) { yield(Ref{c, 6}, nil) }}
		if _, err := w.Measure(context.Background(), []Parcel{p}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if slices.ContainsFunc([]cid.Cid{identity}, NewHave(slices.Values([]cid.Cid{identity})).Has) {
		t.Error("a block that carries its bytes is in a list")
	}
}
