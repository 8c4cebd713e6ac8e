package stick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// full is a stick with something of everything.
type full struct {
	dir    string
	src    *source
	items  []item
	sealed Sealed
	node   peer.ID
}

func newFull(t testing.TB) full {
	t.Helper()
	f := full{dir: t.TempDir(), src: newSource()}
	key, id := newKey(t, 1)
	f.node = id
	f.items = []item{f.src.file(t, 1, 12, 10_000), f.src.file(t, 2, 9, 3000), f.src.file(t, 3, 1, 100)}
	w := write(t, f.dir, Options{Key: key})
	for _, it := range f.items {
		if _, err := w.Put(context.Background(), f.src, []Parcel{it.parcel()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	err := w.PutEntries(slices.Values([][]byte{[]byte("first entry"), []byte("second entry"), []byte("third entry")}))
	if err != nil {
		t.Fatal(err)
	}
	want, err := SealWant(key, Want{Count: 1, Have: NewHave(slices.Values([]cid.Cid{f.items[0].root}))})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := SealReceipts(key, Receipts{Count: 1, Lines: []Receipt{{Root: f.items[0].root, State: Delivered, By: id, Count: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for kind, b := range map[LetterKind][]byte{WantLetter: want, ReceiptsLetter: receipts, HoldingLetter: []byte("holding"), HeadsLetter: []byte("heads")} {
		if err := w.PutLetter(kind, id, b); err != nil {
			t.Fatal(err)
		}
	}
	if f.sealed, err = w.PutSealed(strings.NewReader("a secret"), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// harm changes a file and returns how to undo it.
func harm(t testing.TB, name string, change func(*os.File) error) (undo func()) {
	t.Helper()
	was, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(file), file.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(name, was, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// judge reads everything a harmed stick gives. It fails when anything is not as it was put, or when the harm to the file is
// not named. It returns what Verify said, and the error of Open.
func (f full) judge(t *testing.T, name string) (Report, error) {
	t.Helper()
	s, err := Open(f.dir)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()
	r, err := s.Verify(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(r.Damage, func(d Damage) bool {
		return strings.TrimSuffix(d.File, ".idx") == strings.TrimSuffix(name, ".idx") || d.File == "catalogue"
	}) {
		t.Errorf("%s: harm that nobody names: %v", name, r.Damage)
	}
	for _, it := range f.items {
		got, damage := walk(t, s, it.root)
		for c, data := range got {
			if !bytes.Equal(data, f.src.blocks[c]) {
				t.Errorf("%s: block %s with other content", name, c)
			}
		}
		lost := 0
		for _, ref := range it.refs {
			if got[ref.Cid] == nil {
				lost++
			}
		}
		if hurt := slices.Contains(r.Hurt, it.root); lost > 0 && (!hurt || len(damage) == 0) {
			t.Errorf("%s: item %s lost %d blocks, said to be hurt: %v, damage %v", name, it.root, lost, hurt, damage)
		}
	}
	f.judgeLetters(t, s, name)
	return r, nil
}

func (f full) judgeLetters(t *testing.T, s *Stick, name string) {
	t.Helper()
	for e, err := range s.Entries() {
		if err == nil && !slices.Contains([]string{"first entry", "second entry", "third entry"}, string(e)) {
			t.Errorf("%s: entry %q", name, e)
		}
	}
	for w, err := range s.Wants() {
		if err == nil && (w.Author != f.node || w.Count != 1 || !w.Have.Has(f.items[0].root)) {
			t.Errorf("%s: want %+v", name, w)
		}
	}
	for r, err := range s.Receipts() {
		if err == nil && (r.Author != f.node || len(r.Lines) != 1 || r.Lines[0].Root != f.items[0].root) {
			t.Errorf("%s: receipts %+v", name, r)
		}
	}
	for _, l := range s.Manifest().Letters {
		if b, err := s.Letter(l); err == nil && l.Kind == HoldingLetter && string(b) != "holding" {
			t.Errorf("%s: holding %q", name, b)
		}
	}
	if x, err := s.OpenSealed(f.sealed); err == nil {
		if b, err := io.ReadAll(x); err == nil && string(b) != "a secret" {
			t.Errorf("%s: sealed %q", name, b)
		}
		x.Close()
	}
}

func TestAFileThatIsCutIsNamedAndTheRestStays(t *testing.T) {
	f := newFull(t)
	for name, content := range files(t, filepath.Join(f.dir, top)) {
		for _, size := range []int{0, 1, len(content) / 3, len(content) - 1, len(content) + 10} {
			undo := harm(t, filepath.Join(f.dir, top, name), func(file *os.File) error { return file.Truncate(int64(size)) })
			r, err := f.judge(t, name)
			switch {
			case name == manifestName && !errors.Is(err, ErrMalformed):
				t.Errorf("%s of %d bytes: %v", name, size, err)
			case name != manifestName && err != nil:
				t.Errorf("%s of %d bytes: %v", name, size, err)
			case strings.HasSuffix(name, ".idx") && len(r.Hurt) > 0:
				t.Errorf("%s of %d bytes: it can be made again, and %v are said to be hurt", name, size, r.Hurt)
			}
			undo()
		}
	}
	verify(t, open(t, f.dir))
}

func TestAFileThatIsGoneIsNamedAndTheRestStays(t *testing.T) {
	f := newFull(t)
	for name := range files(t, filepath.Join(f.dir, top)) {
		at := filepath.Join(f.dir, top, name)
		if err := os.Rename(at, at+"~"); err != nil {
			t.Fatal(err)
		}
		r, err := f.judge(t, name)
		if wanted := name == manifestName; errors.Is(err, ErrNoStick) != wanted || err != nil && !wanted {
			t.Errorf("without %s: %v", name, err)
		}
		if strings.HasSuffix(name, ".car") && len(r.Hurt) == 0 {
			t.Errorf("without %s nobody is hurt", name)
		}
		if err := os.Rename(at+"~", at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAChangedByteIsNeverAccepted(t *testing.T) {
	times := 200
	if n, err := strconv.Atoi(os.Getenv("SAVOIRS_STICK_MUTATIONS")); err == nil {
		times = n
	}
	f := newFull(t)
	all := files(t, filepath.Join(f.dir, top))
	var list []string // each file as often as it has bytes, in hundreds, and once more
	for _, name := range names(all) {
		list = append(list, slices.Repeat([]string{name}, 1+len(all[name])/100)...)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range times {
		name := list[random.IntN(len(list))]
		at, other := random.IntN(len(all[name])), byte(1+random.IntN(255))
		undo := harm(t, filepath.Join(f.dir, top, name), func(file *os.File) error {
			_, err := file.WriteAt([]byte{all[name][at] ^ other}, int64(at))
			return err
		})
		r, err := f.judge(t, name)
		if (err != nil) != (name == manifestName) {
			t.Errorf("byte %d of %s: %v", at, name, err)
		}
		if strings.HasSuffix(name, ".idx") && len(r.Hurt) > 0 {
			t.Errorf("byte %d of %s, which can be made again, hurts %v", at, name, r.Hurt)
		}
		if undo(); t.Failed() {
			t.Fatalf("byte %d of %s, %02x, seed %d", at, name, other, seed)
		}
	}
}

func TestAWritingHealsADamagedStick(t *testing.T) {
	for _, how := range []string{"car", "idx"} {
		t.Run(how, func(t *testing.T) {
			f := newFull(t)
			p := open(t, f.dir).Manifest().Packs[0]
			name := map[string]string{"car": p.car(), "idx": p.idx()}[how]
			harm(t, filepath.Join(f.dir, top, name), func(file *os.File) error { return file.Truncate(100) })
			w := write(t, f.dir, Options{})
			dropped := w.Dropped()
			if len(dropped) != 1 || dropped[0].File != name || !slices.Equal(dropped[0].Items, []cid.Cid{f.items[0].root}) {
				t.Errorf("dropped %+v", dropped)
			}
			m, err := w.Commit(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Items) != 2 {
				t.Errorf("%d items are named without the pack", len(m.Items))
			}
			if _, err := w.Put(context.Background(), f.src, []Parcel{f.items[0].parcel()}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Commit(context.Background()); err != nil {
				t.Fatal(err)
			}
			s := open(t, f.dir)
			verify(t, s)
			for _, it := range f.items {
				wholeItem(t, s, f.src, it)
			}
		})
	}
}

func TestAListThatCannotBeReadIsBegunAnewOnlyWhenAsked(t *testing.T) {
	f := newFull(t)
	harm(t, filepath.Join(f.dir, top, manifestName), func(file *os.File) error { return file.Truncate(50) })
	key, _ := newKey(t, 1)
	if _, err := OpenWriter(context.Background(), f.dir, Options{Key: key}); !errors.Is(err, ErrMalformed) {
		t.Errorf("write: %v", err)
	}
	w := write(t, f.dir, Options{Key: key, Anew: true})
	done, err := w.Put(context.Background(), refusing{t}, []Parcel{f.items[0].parcel()}, nil)
	if err != nil || done.Bytes != 0 {
		t.Errorf("blocks that were there: %+v, %v", done, err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := open(t, f.dir)
	verify(t, s)
	wholeItem(t, s, f.src, f.items[0])
}

func TestAfterTooMuchDamageAPackIsGivenUp(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a, b := src.file(t, 1, 2000, 40), src.file(t, 2, 5, 40)
	m := pack(t, dir, src, Options{PackSize: 1 << 20}, a.parcel())
	pack(t, dir, src, Options{PackSize: 1 << 20}, b.parcel())
	harm(t, filepath.Join(dir, top, m.Packs[0].car()), func(file *os.File) error {
		_, err := file.WriteAt(make([]byte, m.Packs[0].Size/2), m.Packs[0].Size/2)
		return err
	})
	s := open(t, dir)
	r, err := s.Verify(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Damage); n < maxBad || n >= MaxDamage || !slices.Equal(r.Hurt, []cid.Cid{a.root}) {
		t.Errorf("%d damages, hurt %v", n, r.Hurt)
	}
	wholeItem(t, s, src, b)
}

func TestAReceiverThatFailsEndsTheWalk(t *testing.T) {
	f := newFull(t)
	s := open(t, f.dir)
	broken := errors.New("disk on fire")
	it := s.Manifest().Items[0]
	_, err := s.Walk(context.Background(), it, nil, func(context.Context, []blocks.Block) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("walk: %v", err)
	}
	liar := fmt.Errorf("no: %w", blocks.ErrWrongHash)
	_, err = s.Walk(context.Background(), it, nil, func(context.Context, []blocks.Block) error { return liar })
	if !errors.Is(err, blocks.ErrWrongHash) {
		t.Errorf("a receiver that is never content: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = s.Walk(ctx, it, nil, func(ctx context.Context, _ []blocks.Block) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
