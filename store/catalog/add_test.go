package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/libp2p/go-libp2p/core/peer"
)

func trustAll(peer.ID) bool { return true }

func TestAnAddedEntryOutlivesTheProcess(t *testing.T) {
	w := newWriter(t, "a")
	c := open(t, Options{})
	add(t, c, w.chain(t, nil, "Jardins", 2)...)
	want := []string{"Jardins 1", "Jardins 2"}
	if diff := cmp.Diff(want, titles(t, reopen(t, c).Entries())); diff != "" {
		t.Error(diff)
	}
}

func TestAKnownEntryIsNoErrorAndNotNew(t *testing.T) {
	c := open(t, Options{})
	s := newWriter(t, "a").chain(t, nil, "Jardins", 1)[0]
	add(t, c, s)
	size := c.journal.size
	e, isNew, err := c.Add(t.Context(), s)
	if isNew || err != nil || e.Title != "Jardins" || c.journal.size != size {
		t.Errorf("new %v, %v, entry %+v, file grew by %d", isNew, err, e, c.journal.size-size)
	}
}

func TestAForgedEntryIsRefused(t *testing.T) {
	c := open(t, Options{})
	s := newWriter(t, "a").chain(t, nil, "Jardins", 1)[0]
	s[len(s)-1] ^= 1
	if _, _, err := c.Add(t.Context(), s); !errors.Is(err, ErrBadSignature) || len(c.Heights()) != 0 {
		t.Errorf("%v, heights %v", err, c.Heights())
	}
}

func TestAnEntryBeyondAGapIsRefusedAndNothingOfItKept(t *testing.T) {
	chain := newWriter(t, "a").chain(t, nil, "Jardins", 4)
	c := open(t, Options{})
	add(t, c, chain[0])
	size := c.journal.size
	if _, _, err := c.Add(t.Context(), chain[2]); !errors.Is(err, ErrGap) {
		t.Fatal(err)
	}
	if c.journal.size != size || c.Heights()[0].Seq != 1 {
		t.Errorf("file grew by %d, heights %v", c.journal.size-size, c.Heights())
	}
	add(t, c, chain[1:]...)
}

func TestAnEntryThatNamesAnotherPredecessorIsAGap(t *testing.T) {
	w := newWriter(t, "a")
	ours, theirs := w.chain(t, nil, "Jardins", 1), w.chain(t, nil, "Cyclones", 2)
	c := open(t, Options{})
	add(t, c, ours...)
	if _, _, err := c.Add(t.Context(), theirs[1]); !errors.Is(err, ErrGap) {
		t.Error(err)
	}
}

func TestAForkFreezesItsAuthorAndKeepsTheProofOverARestart(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 5)
	other := w.chain(t, chain[1], "Cyclones", 2)
	c := open(t, Options{})
	add(t, c, chain...)
	if _, isNew, err := c.Add(t.Context(), other[0]); !errors.Is(err, ErrFork) || isNew {
		t.Fatalf("new %v, %v", isNew, err)
	}
	for range 2 {
		if diff := cmp.Diff([]string{"Jardins 1", "Jardins 2"}, titles(t, c.Entries())); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"Jardins 1", "Jardins 2"}, titles(t, c.Offers())); diff != "" {
			t.Error(diff)
		}
		if head, ok := c.Head(w.id); !ok || !bytes.Equal(head, chain[1]) {
			t.Error("the head is not the last entry before the fork")
		}
		for _, s := range []Sealed{chain[2], chain[3], other[0], other[1]} {
			if _, _, err := c.Add(t.Context(), s); !errors.Is(err, ErrFrozen) {
				t.Errorf("entry of a frozen author: %v", err)
			}
		}
		if _, _, err := c.Append(w.key, offer("x")); !errors.Is(err, ErrFrozen) {
			t.Errorf("append: %v", err)
		}
		if _, isNew, err := c.Add(t.Context(), chain[0]); isNew || err != nil {
			t.Errorf("known entry before the fork: %v, %v", isNew, err)
		}
		checkProof(t, c, w, 3)
		c = reopen(t, c)
	}
}

// checkProof checks that the proof held against w stands by itself.
func checkProof(t *testing.T, c *Catalog, w writer, seq uint64) {
	t.Helper()
	forks := c.Forks()
	if len(forks) != 1 || forks[0].Author != w.id || forks[0].Seq != seq || bytes.Equal(forks[0].A, forks[0].B) {
		t.Fatalf("forks %v, want one at %d", forks, seq)
	}
	for _, s := range []Sealed{forks[0].A, forks[0].B} {
		if e, err := s.Open(); err != nil || e.Author != w.id || e.Seq != seq {
			t.Errorf("the proof holds %+v, %v", e, err)
		}
	}
}

func TestWhatAForkedEntryWithdrewIsOnOfferAgain(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 2)
	first, err := chain[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	hash := chain[1].Hash()
	gone := first
	gone.Seq, gone.Prev, gone.Verb = 3, hash[:], Withdraw
	_, withdrawal, err := seal(w.key, gone)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{})
	add(t, c, chain[0], chain[1], withdrawal)
	if diff := cmp.Diff([]string{"Jardins 2"}, titles(t, c.Offers())); diff != "" {
		t.Fatal(diff)
	}
	c.Add(t.Context(), w.chain(t, chain[1], "Cyclones", 1)[0])
	for range 2 {
		if diff := cmp.Diff([]string{"Jardins 1", "Jardins 2"}, titles(t, c.Offers())); diff != "" {
			t.Error(diff)
		}
		c = reopen(t, c)
	}
}

func TestAForkInsideOneBatchIsFound(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 3)
	other := w.chain(t, chain[0], "Cyclones", 1)
	c := open(t, Options{})
	added, err := c.AddMany(t.Context(), []Sealed{chain[0], chain[1], chain[2], other[0]})
	if err != nil {
		t.Fatal(err)
	}
	if !added[0].New || added[1].New || added[2].New || added[3].New ||
		!errors.Is(added[1].Err, ErrFork) || !errors.Is(added[2].Err, ErrFrozen) || !errors.Is(added[3].Err, ErrFork) {
		t.Errorf("%+v", added)
	}
	for range 2 {
		checkProof(t, c, w, 2)
		if diff := cmp.Diff([]string{"Jardins 1"}, titles(t, c.Offers())); diff != "" {
			t.Error(diff)
		}
		c = reopen(t, c)
	}
}

func TestALowerForkTakesThePlaceOfAHigherOne(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 6)
	c := open(t, Options{})
	add(t, c, chain...)
	for _, seq := range []int{5, 2} {
		other := w.chain(t, chain[seq-2], fmt.Sprint("from ", seq), 1)
		if _, _, err := c.Add(t.Context(), other[0]); !errors.Is(err, ErrFork) {
			t.Fatal(err)
		}
		checkProof(t, c, w, uint64(seq))
	}
	c = reopen(t, c)
	checkProof(t, c, w, 2)
	if got := c.Heights()[0].Seq; got != 1 {
		t.Errorf("height %d", got)
	}
}

func TestAProofIsTakenBeforeTheEntriesItFollows(t *testing.T) {
	w := newWriter(t, "a")
	chain := w.chain(t, nil, "Jardins", 6)
	other := w.chain(t, chain[3], "Cyclones", 1)
	c := open(t, Options{})
	added, err := c.AddMany(t.Context(), []Sealed{chain[4], other[0]})
	if err != nil || !errors.Is(added[0].Err, ErrFork) || !errors.Is(added[1].Err, ErrFork) {
		t.Fatalf("%+v, %v", added, err)
	}
	c = reopen(t, c)
	checkProof(t, c, w, 5)
	add(t, c, chain[:4]...)
	if _, _, err := c.Add(t.Context(), chain[4]); !errors.Is(err, ErrFrozen) {
		t.Error(err)
	}
	if got := c.Heights()[0].Seq; got != 4 {
		t.Errorf("height %d", got)
	}
}

func TestAnAuthorNotTrustedHasAQuota(t *testing.T) {
	stranger, friend := newWriter(t, "stranger"), newWriter(t, "friend")
	c := open(t, Options{Quota: 3, Trusted: func(id peer.ID) bool { return id == friend.id }})
	chain := stranger.chain(t, nil, "Jardins", 4)
	add(t, c, chain[:3]...)
	if _, _, err := c.Add(t.Context(), chain[3]); !errors.Is(err, ErrQuota) {
		t.Error(err)
	}
	add(t, c, friend.chain(t, nil, "Cyclones", 4)...)
	for _, h := range c.Heights() {
		if h.Enough != (h.Author == stranger.id) {
			t.Errorf("height %+v", h)
		}
	}
}

func TestAFullCatalogueHearsOnlyTrustedAuthors(t *testing.T) {
	friend := newWriter(t, "friend")
	c := open(t, Options{Room: 2000, Trusted: func(id peer.ID) bool { return id == friend.id }})
	var last error
	for i := 0; i < 100 && last == nil; i++ {
		_, _, last = c.Add(t.Context(), newWriter(t, fmt.Sprint("stranger", i)).chain(t, nil, "Spam", 1)[0])
	}
	if !errors.Is(last, ErrQuota) || c.journal.size > 2000+MaxSealed {
		t.Errorf("file of %d bytes, %v", c.journal.size, last)
	}
	add(t, c, friend.chain(t, nil, "Cyclones", 2)...)
}

func TestStrangersRefusedAreRememberedUpToALimit(t *testing.T) {
	c := open(t, Options{Blocked: trustAll})
	for i := range maxRefused + 10 {
		c.remember(peer.ID(fmt.Sprint(i)))
	}
	if got := len(c.Heights()); got != maxRefused {
		t.Errorf("%d remembered", got)
	}
}

func TestABlockedAuthorIsNotHeardNotOfferedAndNotPassedOn(t *testing.T) {
	w := newWriter(t, "a")
	blocked := false
	c := open(t, Options{Blocked: func(id peer.ID) bool { return blocked && id == w.id }})
	chain := w.chain(t, nil, "Jardins", 2)
	add(t, c, chain[0])
	blocked = true
	if _, _, err := c.Add(t.Context(), chain[1]); !errors.Is(err, ErrBlocked) {
		t.Error(err)
	}
	if got := titles(t, c.Offers()); len(got) != 0 {
		t.Errorf("offered %q", got)
	}
	if got, err := c.Beyond(nil, 0); len(got) != 0 || err != nil {
		t.Errorf("passed on %d, %v", len(got), err)
	}
	blocked = false
	add(t, c, chain[1])
	if got := titles(t, c.Offers()); len(got) != 2 {
		t.Errorf("once unblocked: %q", got)
	}
}

func TestAProofIsKeptWhoeverItsAuthorIs(t *testing.T) {
	w := newWriter(t, "a")
	blocked, room := false, int64(0)
	for name, forbid := range map[string]func(){"blocked": func() { blocked = true }, "no room": func() { room = 1 }} {
		blocked, room = false, 0
		dir := t.TempDir()
		c := open(t, Options{Dir: dir})
		add(t, c, w.chain(t, nil, "Jardins", 3)...)
		c.Close()
		forbid()
		c = open(t, Options{Dir: dir, Room: room, Blocked: func(peer.ID) bool { return blocked }})
		other := w.chain(t, nil, "Cyclones", 1)[0]
		if _, _, err := c.Add(t.Context(), other); !errors.Is(err, ErrFork) {
			t.Errorf("%s: %v", name, err)
		}
		checkProof(t, c, w, 1)
	}
}

func TestOffersAreWhatIsNeitherWithdrawnNorReplaced(t *testing.T) {
	w, other := newWriter(t, "a"), newWriter(t, "b")
	c := open(t, Options{})
	say := func(w writer, verb Verb, of string, replaces string) {
		t.Helper()
		e := offer(of)
		e.Verb = verb
		if replaces != "" {
			e.Replaces = root(replaces)
		}
		if _, _, err := c.Append(w.key, e); err != nil {
			t.Fatal(err)
		}
	}
	say(w, Publish, "Jardins", "")
	say(w, Publish, "Cyclones", "")
	say(w, Revise, "Jardins 2025", "Jardins")
	say(w, Publish, "Eau", "")
	say(w, Withdraw, "Cyclones", "")
	say(w, Revise, "Eau", "Eau")            // the card only
	say(other, Publish, "Jardins 2025", "") // the same item from another author
	say(other, Withdraw, "Eau", "")         // not hers to withdraw
	say(other, Revise, "Santé", "Eau")      // nor to replace
	want := map[peer.ID][]string{w.id: {"Jardins 2025 3", "Eau 6"}, other.id: {"Jardins 2025 1", "Santé 3"}}
	for range 2 {
		got := map[peer.ID][]string{}
		for e, err := range c.Offers() {
			if err != nil {
				t.Fatal(err)
			}
			got[e.Author] = append(got[e.Author], fmt.Sprintf("%s %d", e.Title, e.Seq))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		c = reopen(t, c)
	}
}

func TestManyMayReadWhileOthersWrite(t *testing.T) {
	c := open(t, Options{})
	var wg sync.WaitGroup
	for i := range 4 {
		w := newWriter(t, fmt.Sprint(i))
		chain := newWriter(t, fmt.Sprint("foreign", i)).chain(t, nil, "Jardins", 10)
		wg.Go(func() {
			for _, s := range chain {
				if _, _, err := c.Append(w.key, offer("Cyclones")); err != nil {
					t.Error(err)
				}
				if _, _, err := c.Add(t.Context(), s); err != nil {
					t.Error(err)
				}
				for _, err := range c.Offers() {
					if err != nil {
						t.Error(err)
					}
				}
				if _, err := c.Beyond(c.Heights(), 0); err != nil {
					t.Error(err)
				}
				c.Head(w.id)
			}
		})
	}
	wg.Wait()
	if got := len(titles(t, c.Entries())); got != 80 {
		t.Errorf("%d entries", got)
	}
	if err := c.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheFolderIsMadeIfMissing(t *testing.T) {
	open(t, Options{Dir: filepath.Join(t.TempDir(), "a", "b")})
}

func TestWithdrawnAreItemsThatTheirAuthorTookBackAndNobodyOffers(t *testing.T) {
	c := open(t, Options{})
	a, b := newWriter(t, "a"), newWriter(t, "b")
	say := func(w writer, e Entry) {
		t.Helper()
		if _, _, err := c.Append(w.key, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, title := range []string{"taken back", "replaced", "offered by another", "offered"} {
		say(a, offer(title))
	}
	say(b, offer("offered by another"))
	for _, title := range []string{"taken back", "offered by another"} {
		say(a, Entry{Kind: Dataset, Verb: Withdraw, Root: root(title)})
	}
	next := offer("replaced 2")
	next.Verb, next.Replaces = Revise, root("replaced")
	say(a, next)
	say(b, Entry{Kind: Dataset, Verb: Withdraw, Root: root("taken back by a stranger")})
	names := map[Short]peer.ID{}
	for _, title := range []string{"taken back", "replaced", "offered by another", "offered", "unknown", "taken back by a stranger"} {
		names[ShortOf(root(title))] = a.id
	}
	gone, err := c.Withdrawn(names)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Short]bool{ShortOf(root("taken back")): true, ShortOf(root("replaced")): true}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Error(diff)
	}
	if got := titles(t, c.OffersOf(map[Short]int{ShortOf(root("offered")): 1})); !cmp.Equal(got, []string{"offered 4"}) {
		t.Errorf("offers of one item: %q", got)
	}
}
