package stick

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ipfs/go-cid"
)

func TestAStickGivesBackWhatWasPut(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a, b := src.file(t, 1, 20, 10_000), src.file(t, 2, 1, 50)
	key, me := newKey(t, 1)
	_, you := newKey(t, 2)

	w := write(t, dir, Options{Key: key})
	plan, err := w.Measure(context.Background(), []Parcel{a.parcel(you), b.parcel()})
	if err != nil {
		t.Fatal(err)
	}
	var last, total int64
	done, err := w.Put(context.Background(), src, []Parcel{a.parcel(you), b.parcel()}, func(d, all int64) { last, total = d, all })
	if err != nil {
		t.Fatal(err)
	}
	if done != plan || plan.Blocks != 23 || plan.Packs != 4 || last != total || total != plan.Bytes {
		t.Errorf("planned %+v, wrote %+v, told %d of %d", plan, done, last, total)
	}
	entries := [][]byte{[]byte("one"), bytes.Repeat([]byte("x"), MaxEntry)}
	if err := w.PutEntries(slices.Values(entries)); err != nil {
		t.Fatal(err)
	}
	want, err := SealWant(key, Want{Count: 3, Name: "École A", Have: NewHave(slices.Values([]cid.Cid{a.root})), Wanted: []cid.Cid{b.root}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.PutLetter(WantLetter, me, want); err != nil {
		t.Fatal(err)
	}
	if err := w.PutLetter(HeadsLetter, me, []byte("heads")); err != nil {
		t.Fatal(err)
	}
	sealed, err := w.PutSealed(strings.NewReader("secret"), 6)
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var used int64
	for name, content := range files(t, dir) {
		if path.Base(name) != manifestName {
			used += int64(len(content))
		}
	}
	if used != m.Size() {
		t.Errorf("%d bytes on the drive, %d named", used, m.Size())
	}

	s := open(t, dir)
	if diff := cmp.Diff(m, s.Manifest(), cmp.AllowUnexported(), cmp.Comparer(func(a, b cid.Cid) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	wholeItem(t, s, src, a)
	wholeItem(t, s, src, b)
	var got [][]byte
	for e, err := range s.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, bytes.Clone(e))
	}
	if diff := cmp.Diff(entries, got); diff != "" {
		t.Error(diff)
	}
	for w, err := range s.Wants() {
		if err != nil || w.Author != me || w.Name != "École A" || !w.Have.Has(a.root) || w.Have.Has(b.root) {
			t.Errorf("want %+v, %v", w, err)
		}
	}
	r, err := s.OpenSealed(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "secret" {
		t.Errorf("sealed %q, %v", b, err)
	}
	r.Close()
	report := verify(t, s)
	if report.Packs != 4 || report.Blocks != 23 || report.Entries != 2 || report.Letters != 2 || report.Sealed != 1 {
		t.Errorf("report %+v", report)
	}
}

func TestBlocksAreFoundByCid(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a := src.file(t, 1, 20, 10_000)
	pack(t, dir, src, Options{}, a.parcel())
	s := open(t, dir)
	b, err := s.Blocks(context.Background())
	if err != nil || len(b.Damage()) > 0 {
		t.Fatal(err, b.Damage())
	}
	for _, r := range a.refs {
		got, err := b.Get(context.Background(), r.Cid)
		if err != nil || !bytes.Equal(got.RawData(), src.blocks[r.Cid]) {
			t.Fatalf("block %s: %v", r.Cid, err)
		}
		if n, err := b.GetSize(context.Background(), r.Cid); err != nil || n != r.Size {
			t.Fatalf("size %d, not %d: %v", n, r.Size, err)
		}
	}
	other := src.file(t, 9, 1, 10)
	if ok, err := b.Has(context.Background(), other.root); ok || err != nil {
		t.Error("it has what was not put", err)
	}
}

func TestWritersOneAfterTheOtherShareOneCopyOfABlock(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	pieces := [][]byte{noise(1, 9000), noise(2, 9000), noise(3, 9000)}
	a := src.pieces(t, pieces)
	b := src.pieces(t, append(slices.Clone(pieces), noise(4, 9000)))
	keyA, idA := newKey(t, 1)
	keyB, idB := newKey(t, 2)
	first := pack(t, dir, src, Options{Key: keyA}, a.parcel(idB))
	size := first.Size()
	second := pack(t, dir, src, Options{Key: keyB}, b.parcel(), a.parcel())
	if second.Author != idB || second.Count != 2 || second.Stick != first.Stick {
		t.Errorf("second writing: by %s, %d", second.Author, second.Count)
	}
	if grown := second.Size() - size; grown > 10_000 {
		t.Errorf("the stick grew by %d bytes for one new piece", grown)
	}
	s := open(t, dir)
	wholeItem(t, s, src, a)
	wholeItem(t, s, src, b)
	var by []any
	for _, it := range s.Manifest().Items {
		by = append(by, it.Root, it.By, it.Count, len(it.For))
	}
	want := []any{a.root, idA, uint64(1), 1, b.root, idB, uint64(2), 0, a.root, idB, uint64(2), 0}
	if !slices.Equal(by, want) {
		t.Errorf("items %v, want %v", by, want)
	}
	verify(t, s)
}

func TestADeltaCarriesOnlyWhatTheOtherLacks(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a := src.file(t, 1, 20, 10_000)
	has := NewHave(func(yield func(cid.Cid) bool) {
		for _, r := range a.refs[:15] {
			if !yield(r.Cid) {
				return
			}
		}
	})
	p := Parcel{Root: a.root, Blocks: a.seq(func(r Ref) bool { return !has.Has(r.Cid) })}
	m := pack(t, dir, src, Options{}, p)
	if m.Items[0].Blocks != 6 || m.Size() > 70_000 {
		t.Errorf("%d blocks, %d bytes", m.Items[0].Blocks, m.Size())
	}
	to := newSink()
	walked, err := open(t, dir).Walk(context.Background(), m.Items[0], func(c cid.Cid) bool { return c == a.refs[20].Cid }, to.put)
	if err != nil || walked.Blocks != 5 {
		t.Errorf("walked %+v, %v", walked, err)
	}
}

func TestNamesFitEveryFileSystem(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a := src.file(t, 1, 40, 30_000)
	_, id := newKey(t, 3)
	w := write(t, dir, Options{})
	if _, err := w.Put(context.Background(), src, []Parcel{a.parcel(id)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.PutLetter(ReceiptsLetter, id, []byte("r")); err != nil {
		t.Fatal(err)
	}
	if err := w.PutEntries(slices.Values([][]byte{[]byte("e")})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.PutSealed(strings.NewReader("s"), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`^[a-z0-9-]+(\.[a-z]+)?$`)
	in := make(map[string]int)
	for name := range files(t, filepath.Join(dir, top)) {
		in[path.Dir(name)]++
		for part := range strings.SplitSeq(name, "/") {
			if !plain.MatchString(part) && part != manifestName {
				t.Errorf("name %s", name)
			}
		}
	}
	for folder, n := range in {
		if n > 1000 {
			t.Errorf("%d files in %s", n, folder)
		}
	}
	if MaxPacks/256*2*2 > 1000 {
		t.Error("a folder of packs can have more than 1,000 files")
	}
}

func TestWhatIsTooMuchIsRefusedBeforeAByte(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a, b := src.file(t, 1, 20, 10_000), src.file(t, 2, 20, 10_000)
	pack(t, dir, src, Options{}, a.parcel())
	before := files(t, dir)
	w := write(t, dir, Options{Max: 100_000})
	_, err := w.Put(context.Background(), refusing{t}, []Parcel{b.parcel()}, nil)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("put: %v", err)
	}
	if need, ok := errors.AsType[*SpaceError](err); !ok || need.Need < 200_000 || need.Have != 100_000 {
		t.Errorf("put: %v", err)
	}
	if _, err := w.PutSealed(strings.NewReader("x"), 200_000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("seal: %v", err)
	}
	many := Parcel{Root: a.root, For: slices.Repeat(w.next.Items[0].For, 1), Blocks: b.seq(func(Ref) bool { return true })}
	for range MaxFor + 1 {
		many.For = append(many.For, w.author)
	}
	if _, err := w.Put(context.Background(), refusing{t}, []Parcel{many}, nil); !errors.Is(err, ErrFull) {
		t.Errorf("put for too many: %v", err)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("something was written: %s", diff)
	}
}

// refusing is a source that must not be asked.
type refusing struct{ t *testing.T }

func (r refusing) View(context.Context, cid.Cid, func([]byte) error) error {
	r.t.Error("a block was read")
	return errors.New("no")
}

func TestASourceThatChangesIsNotBelieved(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a, b := src.file(t, 1, 3, 5000), src.file(t, 2, 20, 10_000)
	pack(t, dir, src, Options{}, a.parcel())
	w := write(t, dir, Options{})
	src.blocks[b.refs[18].Cid] = []byte("shorter")
	if _, err := w.Put(context.Background(), src, []Parcel{b.parcel()}, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("a shorter block: %v", err)
	}
	calls := 0
	twice := Parcel{Root: b.root, Blocks: func(yield func(Ref, error) bool) {
		calls++
		for _, r := range b.refs[:calls] {
			if !yield(r, nil) {
				return
			}
		}
	}}
	if _, err := w.Put(context.Background(), src, []Parcel{twice}, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("another list: %v", err)
	}
	m, err := w.Commit(context.Background())
	if err != nil || len(m.Items) != 1 || len(m.Packs) != 1 {
		t.Errorf("it names %d items in %d packs: %v", len(m.Items), len(m.Packs), err)
	}
	s := open(t, dir)
	verify(t, s)
	wholeItem(t, s, src, a)
}

func TestASecondWriterWaits(t *testing.T) {
	dir := t.TempDir()
	w := write(t, dir, Options{})
	key, _ := newKey(t, 2)
	if _, err := OpenWriter(context.Background(), dir, Options{Key: key}); !errors.Is(err, ErrBusy) {
		t.Errorf("second writer: %v", err)
	}
	w.Close()
	write(t, dir, Options{Key: key}).Close()
}

func TestWhatIsForgottenGoesWithTheCommit(t *testing.T) {
	dir, src := t.TempDir(), newSource()
	a, b := src.file(t, 1, 20, 10_000), src.file(t, 2, 20, 10_000)
	_, id := newKey(t, 3)
	w := write(t, dir, Options{})
	for _, it := range []item{a, b} {
		if _, err := w.Put(context.Background(), src, []Parcel{it.parcel()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.PutLetter(HoldingLetter, id, []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.Forget(a.root)
	if err := w.PutLetter(HoldingLetter, id, []byte("2")); err != nil {
		t.Fatal(err)
	}
	m, err := w.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Packs) != 4 || m.Count != 2 || w.Has(a.root) || !w.Has(b.root) {
		t.Errorf("%d packs, writing %d, has %v and %v", len(m.Packs), m.Count, w.Has(a.root), w.Has(b.root))
	}
	if got := len(files(t, dir)); got != 2*4+1+1 {
		t.Errorf("%d files", got)
	}
	// Numbers of packs have changed: what is put now must land in the right ones.
	if _, err := w.Put(context.Background(), src, []Parcel{b.parcel(id), a.parcel(id)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	wholeItem(t, s, src, a)
	wholeItem(t, s, src, b)
	verify(t, s)
}

func TestManySegmentsBecomeFew(t *testing.T) {
	dir := t.TempDir()
	w := write(t, dir, Options{})
	for i := range MaxSegments + 3 {
		if err := w.PutEntries(slices.Values([][]byte{{byte(i), byte(i >> 8), 1}})); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Segments) != 4 || len(files(t, dir)) != 5 {
		t.Errorf("%d segments, %d files", len(m.Segments), len(files(t, dir)))
	}
	i := 0
	for e, err := range open(t, dir).Entries() {
		if err != nil || !bytes.Equal(e, []byte{byte(i), byte(i >> 8), 1}) {
			t.Fatalf("entry %d is %v, %v", i, e, err)
		}
		i++
	}
	if i != MaxSegments+3 {
		t.Errorf("%d entries", i)
	}
}

func TestADriveThatCannotBeWrittenIsNamed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root writes everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	key, _ := newKey(t, 1)
	if _, err := OpenWriter(context.Background(), dir, Options{Key: key}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
}
