package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// library is the holdings a node knows, with a clock the test turns.
type library struct {
	*Holdings
	writer
	dir string
	now *time.Time
}

func newLibrary(t testing.TB, name string, edits ...func(*HoldingsOptions)) library {
	t.Helper()
	return library{writer: newWriter(t, name), dir: t.TempDir(), now: new(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))}.reopen(t, edits...)
}

func (l library) reopen(t testing.TB, edits ...func(*HoldingsOptions)) library {
	t.Helper()
	o := HoldingsOptions{Dir: l.dir, Self: l.id, Now: func() time.Time { return *l.now }}
	for _, edit := range edits {
		edit(&o)
	}
	var err error
	if l.Holdings, err = OpenHoldings(o); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l library) state(t testing.TB, h Holding) Holding {
	t.Helper()
	said, _, err := l.State(l.key, h)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func (l library) count(id peer.ID) uint64 {
	for k := range l.All() {
		if k.Author == id {
			return k.Count
		}
	}
	return 0
}

// exchange is what two nodes say to each other until they have the same.
func exchange(t testing.TB, a, b library) (rounds int) {
	t.Helper()
	for a.Digest() != b.Digest() {
		if rounds++; rounds > 5 {
			t.Fatal("no end to it")
		}
		wanted, give := a.Compare(b.Tallies())
		if _, err := a.Take(b.id, b.Give(wanted)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Take(a.id, give); err != nil {
			t.Fatal(err)
		}
	}
	return rounds
}

func TestTwoNodesThatExchangeHaveTheNewestOfEach(t *testing.T) {
	a, b, c := newLibrary(t, "a"), newLibrary(t, "b"), newLibrary(t, "c")
	a.state(t, holds("Jardins"))
	b.state(t, holds("Eau"))
	c.state(t, holds("Ponts"))
	exchange(t, b, c)
	if n := exchange(t, a, b); n != 1 {
		t.Errorf("%d rounds", n)
	}
	if a.count(c.id) != 1 || b.count(a.id) != 1 {
		t.Error("not everybody's holding was passed on")
	}
	c.state(t, holds("Ponts", "Eau"))
	exchange(t, c, b)
	exchange(t, b, a)
	if a.count(c.id) != 2 {
		t.Error("the newer holding was not passed on")
	}
}

func TestAnOlderHoldingIsNotBelieved(t *testing.T) {
	a, w := newLibrary(t, "a"), newWriter(t, "w")
	older, newer := w.says(t, 4, holds("Jardins")), w.says(t, 5, holds())
	for _, s := range []SealedHolding{newer, older} {
		if _, err := a.Take(w.id, []Told{{Holding: s}}); err != nil {
			t.Fatal(err)
		}
	}
	if a.count(w.id) != 5 {
		t.Errorf("count %d is believed", a.count(w.id))
	}
}

func TestAForgedHoldingIsNotBelieved(t *testing.T) {
	a, w := newLibrary(t, "a"), newWriter(t, "w")
	s, other := w.says(t, 4, holds("Jardins")), w.says(t, 4, holds("Eau"))
	copy(s[len(s)-sigSize:], other[len(other)-sigSize:])
	if _, err := a.Take("whoever", []Told{{Holding: s}}); !errors.Is(err, ErrBadSignature) {
		t.Error(err)
	}
	if a.count(w.id) != 0 {
		t.Error("believed all the same")
	}
}

func TestTheSameIsNotSignedTwiceBeforeAWeekHasPassed(t *testing.T) {
	a := newLibrary(t, "a")
	a.state(t, holds("Jardins"))
	if a.state(t, holds("Jardins")).Count != 1 {
		t.Error("signed again at once")
	}
	*a.now = a.now.Add(8 * 24 * time.Hour)
	if a.state(t, holds("Jardins")).Count != 2 {
		t.Error("not signed again after a week")
	}
	if a.state(t, holds("Eau")).Count != 3 {
		t.Error("a change was not signed")
	}
	a = a.reopen(t)
	if a.state(t, holds("Eau")).Count != 3 {
		t.Error("signed again after a restart")
	}
}

// A disk restored from an old copy gives a count again, with other content.
func TestACountGivenTwiceEndsAlikeEverywhere(t *testing.T) {
	a, b, c := newLibrary(t, "a"), newLibrary(t, "b"), newLibrary(t, "c")
	old := newLibrary(t, "a")
	for _, said := range []Holding{holds("Jardins"), holds("Jardins", "Eau"), holds("Eau")} {
		old.state(t, said)
	}
	exchange(t, old, b)
	a.state(t, holds())
	a.state(t, holds("Ponts"))
	a.state(t, holds("Ponts", "Cyclones")) // number 3 for the second time
	exchange(t, a, c)
	exchange(t, b, c)
	exchange(t, a, b)
	exchange(t, a, c)
	last := a.state(t, holds("Ponts", "Cyclones"))
	exchange(t, a, b)
	exchange(t, b, c)
	for _, l := range []library{a, b, c} {
		if got := l.of(a.id); got.Count != last.Count || !got.sameAs(last) {
			t.Errorf("%+v, want %+v", got.Holding, last)
		}
	}
}

func TestANodeLearnsFromOthersHowFarItHadCounted(t *testing.T) {
	a, b := newLibrary(t, "a"), newLibrary(t, "b")
	for i := range 5 {
		a.state(t, holds(fmt.Sprint("Jardins", i)))
	}
	exchange(t, a, b)
	restored := newLibrary(t, "a")
	exchange(t, restored, b)
	if got := restored.state(t, holds("Eau")).Count; got != 6 {
		t.Errorf("after five came number %d", got)
	}
}

func TestHoldingsOutliveARestart(t *testing.T) {
	a, b := newLibrary(t, "a"), newLibrary(t, "b")
	a.state(t, holds("Jardins"))
	b.state(t, holds("Eau"))
	exchange(t, a, b)
	want := a.Digest()
	if err := os.WriteFile(filepath.Join(a.dir, "new-123"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	*a.now = a.now.Add(10 * 24 * time.Hour)
	a = a.reopen(t)
	if a.Digest() != want {
		t.Error("other holdings after a restart")
	}
	for k := range a.All() {
		if k.Author == b.id && k.Age != 10*24*time.Hour {
			t.Errorf("heard %v ago", k.Age)
		}
	}
	if err := os.WriteFile(filepath.Join(a.dir, b.id.String()), []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a = a.reopen(t); a.count(b.id) != 0 || a.count(a.id) != 1 {
		t.Error("a damaged holding was read, or hid the others")
	}
}

func TestANodeNotHeardForAMonthCountsNoMoreAndIsNotBroughtBackByOthers(t *testing.T) {
	a, b, c := newLibrary(t, "a"), newLibrary(t, "b"), newLibrary(t, "c")
	gone := newLibrary(t, "gone")
	b.now, c.now = a.now, a.now // they live at one time
	b, c = b.reopen(t), c.reopen(t)
	gone.state(t, holds("Jardins"))
	exchange(t, gone, b)
	*a.now = a.now.Add(20 * 24 * time.Hour)
	exchange(t, b, c) // c hears of it 20 days late
	if c.count(gone.id) != 1 {
		t.Fatal("not passed on")
	}
	*a.now = a.now.Add(11 * 24 * time.Hour)
	exchange(t, c, a)
	exchange(t, b, a)
	for _, l := range []library{a, b, c} {
		if l.count(gone.id) != 0 {
			t.Error("still counted after 31 days")
		}
	}
}

func TestANodeThatIsThereGoesOnCounting(t *testing.T) {
	a, b := newLibrary(t, "a"), newLibrary(t, "b")
	b.state(t, holds("Jardins"))
	exchange(t, a, b)
	*a.now = a.now.Add(20 * 24 * time.Hour)
	a.Met(b.id)
	*a.now = a.now.Add(20 * 24 * time.Hour)
	if a.count(b.id) != 1 {
		t.Error("not counted though it was met 20 days ago")
	}
	if a = a.reopen(t); a.count(b.id) != 1 {
		t.Error("the meeting did not outlive a restart")
	}
}

func TestAWrongClockMakesFiguresUncertainAndLosesNothing(t *testing.T) {
	a, b := newLibrary(t, "a"), newLibrary(t, "b")
	right := *a.now
	*a.now = time.Date(1970, 1, 1, 0, 0, 9, 0, time.UTC)
	b.state(t, holds("Jardins"))
	exchange(t, a, b)
	for _, now := range []time.Time{*a.now, right, right.Add(365 * 24 * time.Hour)} {
		*a.now = now
		a = a.reopen(t)
		for k := range a.All() {
			if k.Author == b.id && k.Certain {
				t.Errorf("certain at %v", now)
			}
		}
		if a.count(b.id) != 1 {
			t.Errorf("lost at %v", now)
		}
	}
}

func TestABlockedNodeIsNeitherHeardNorPassedOn(t *testing.T) {
	blocked := map[peer.ID]bool{}
	a := newLibrary(t, "a", func(o *HoldingsOptions) { o.Blocked = func(id peer.ID) bool { return blocked[id] } })
	b := newLibrary(t, "b")
	b.state(t, holds("Jardins"))
	exchange(t, a, b)
	blocked[b.id] = true
	if a.count(b.id) != 0 || len(a.Tallies()) != 0 || len(a.Give([]Short{whoIs(b.id)})) != 0 {
		t.Error("counted or passed on once blocked")
	}
	a.Forget(b.id)
	if _, err := a.Take(b.id, b.Give([]Short{whoIs(b.id)})); err != nil || a.of(b.id) != nil {
		t.Errorf("heard again, %v", err)
	}
}

func TestStrangersOnlyHeardOfTakeHalfTheRoomAndNobodysPlace(t *testing.T) {
	const room = 20_000
	a := newLibrary(t, "a", func(o *HoldingsOptions) { o.Room = room })
	a.state(t, holds("Jardins"))
	friend := newWriter(t, "friend")
	take := func(from peer.ID, w writer, count uint64) {
		t.Helper()
		if _, err := a.Take(from, []Told{{Holding: w.says(t, count, holds("Eau"))}}); err != nil {
			t.Fatal(err)
		}
	}
	take(friend.id, friend, 1)
	for i := range 100 {
		take("a liar", newWriter(t, fmt.Sprint("invented", i)), 1)
	}
	size := 0
	for _, k := range a.live() {
		if !k.met {
			size += 1024 // each less, but a file of its own
		}
	}
	if size > room/2 || size < room/4 {
		t.Errorf("strangers take %d of %d bytes", size, room)
	}
	for i := range 100 { // those that come in person take the room of those invented
		w := newWriter(t, fmt.Sprint("met", i))
		take(w.id, w, 1)
	}
	all := 0
	for _, k := range a.live() {
		if all += 1024; !k.met {
			t.Error("an invented node holds the place of one that came")
		}
	}
	if all > room {
		t.Errorf("%d bytes kept, room for %d", all, room)
	}
	if a.count(a.id) == 0 || a.count(friend.id) == 0 {
		t.Error("a friend or ourselves were driven out")
	}
	files, err := os.ReadDir(a.dir)
	if err != nil || len(files) != len(a.live()) {
		t.Errorf("%d files for %d holdings, %v", len(files), len(a.live()), err)
	}
	*a.now = a.now.Add(2 * time.Hour) // those who came are gone for two hours
	take("late", newWriter(t, "late"), 1)
	w := newWriter(t, "later")
	take(w.id, w, 1)
	if a.count(w.id) == 0 {
		t.Error("no room for one that came, though all others left two hours ago")
	}
}

func TestOneMessageIsBounded(t *testing.T) {
	a, b := newLibrary(t, "a"), newLibrary(t, "b")
	var many []Short
	for i := range MaxHeld {
		many = append(many, Short{byte(i), byte(i >> 8), 1})
	}
	for i := range 20 {
		w := newWriter(t, fmt.Sprint("node", i))
		if _, err := a.Take(w.id, []Told{{Holding: w.says(t, 1, Holding{Held: MakeShorts(many)})}}); err != nil {
			t.Fatal(err)
		}
	}
	_, give := a.Compare(nil)
	size := 0
	for _, g := range give {
		size += len(g.Holding)
	}
	if size > maxToldBytes || size < maxToldBytes/2 {
		t.Errorf("%d bytes in one message", size)
	}
	if n := exchange(t, a, b); n != 2 {
		t.Errorf("%d rounds for 20 holdings of 24 kB", n)
	}
	if !bytes.Equal(a.of(newWriter(t, "node7").id).Held, b.of(newWriter(t, "node7").id).Held) {
		t.Error("not the same afterwards")
	}
}
