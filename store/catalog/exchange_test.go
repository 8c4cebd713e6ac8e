package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// link carries questions and answers between two catalogues as bytes, and counts them.
type link struct {
	questions, taken int
	asked, answered  int // bytes
	settled          Settled
}

func (l *link) other(t testing.TB, to, from *Catalog) Other {
	return Other{
		Ask: func(_ context.Context, q Question) (Answer, error) {
			l.questions++
			a, err := from.Answer(carry(t, q, &l.asked))
			if err != nil {
				t.Errorf("%+v: %v", q, err)
			}
			return carry(t, a, &l.answered), nil
		},
		Take: func(ctx context.Context, entries []Sealed) error {
			before := to.Digest()
			_, err := to.AddMany(ctx, entries)
			if to.Digest() != before {
				l.taken++
			}
			return err
		},
	}
}

func carry[T any](t testing.TB, v T, bytes *int) (out T) {
	t.Helper()
	b, err := encMode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	*bytes += len(b)
	if err := decMode.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// follow makes to hold what from has.
func follow(t testing.TB, to, from *Catalog) link {
	t.Helper()
	l := link{}
	again(t, to, from, &l)
	return l
}

func again(t testing.TB, to, from *Catalog, l *link) {
	t.Helper()
	*l = link{settled: l.settled}
	s, err := to.Follow(t.Context(), l.other(t, to, from), l.settled)
	if err != nil {
		t.Fatal(err)
	}
	l.settled = s
}

func TestEqualCataloguesFindOutInOneShortQuestion(t *testing.T) {
	for _, authors := range []int{0, 1, 10, 1000} {
		dir := big(t, authors, 1)
		a, b := open(t, Options{Dir: dir}), open(t, Options{})
		follow(t, b, a)
		sameState(t, a, b)
		l := follow(t, b, a)
		if l.questions != 1 || l.asked+l.answered > 40 {
			t.Errorf("%d authors: %d questions, %d+%d bytes", authors, l.questions, l.asked, l.answered)
		}
	}
}

func TestOneNewEntryAmongAThousandAuthorsIsFoundInFewBytes(t *testing.T) {
	a, b := open(t, Options{Dir: big(t, 1000, 1)}), open(t, Options{})
	follow(t, b, a)
	s := newWriter(t, "author7").chain(t, nil, "Jardins créoles", 2)[1]
	add(t, a, s)
	l := follow(t, b, a)
	if l.questions > 4 || l.asked+l.answered-len(s) > 2<<10 {
		t.Errorf("%d questions, %d+%d bytes", l.questions, l.asked, l.answered)
	}
	sameState(t, a, b)

	add(t, a, newWriter(t, "author8").chain(t, nil, "Jardins créoles", 2)[1])
	l = link{}
	if err := b.FollowAuthors(t.Context(), l.other(t, b, a), newWriter(t, "author8").id); err != nil {
		t.Fatal(err)
	}
	if l.questions != 1 || l.asked > 128 {
		t.Errorf("told of it: %d questions, %d bytes asked", l.questions, l.asked)
	}
	sameState(t, a, b)
}

func TestAReturningCatalogueIsBroughtUpToDateInBoundedRounds(t *testing.T) {
	if testing.Short() {
		t.Skip("verifies 3,000 signatures")
	}
	a, b := open(t, Options{Dir: big(t, 1000, 3)}), open(t, Options{})
	add(t, b, newWriter(t, "author7").chain(t, nil, "Jardins créoles", 2)...)
	l := follow(t, b, a)
	sameState(t, a, b)
	if l.questions > 3000/MaxBeyond*2+10 {
		t.Errorf("%d questions for 3,000 entries", l.questions)
	}
}

func TestDigestsDependOnWhatIsHeldAndNotOnHowItCame(t *testing.T) {
	var all []Sealed
	for i := range 60 {
		all = append(all, newWriter(t, fmt.Sprint(i)).chain(t, nil, "x", 1)...)
	}
	a, b := open(t, Options{}), open(t, Options{})
	add(t, a, all...)
	slices.Reverse(all)
	for _, s := range all {
		add(t, b, s)
	}
	b = reopen(t, b)
	sameState(t, a, b)
	add(t, a, newWriter(t, "5").chain(t, nil, "x", 2)[1])
	if a.Digest() == b.Digest() {
		t.Error("one entry more does not show")
	}
}

func TestAProofAloneShowsInTheDigest(t *testing.T) {
	w := newWriter(t, "x")
	trunk := w.chain(t, nil, "trunk", 3)
	a, b := open(t, Options{}), open(t, Options{})
	give(t, a, trunk)
	give(t, a, w.chain(t, trunk[1], "other", 1))
	add(t, b, trunk[:2]...)
	if a.Digest() == b.Digest() {
		t.Fatal("a proved fork does not show")
	}
	follow(t, b, a)
	checkProof(t, b, w, 3)
	sameState(t, a, b)
}

func TestOneExchangeFindsAForkFarBelow(t *testing.T) {
	w := newWriter(t, "x")
	trunk := w.chain(t, nil, "trunk", 1)
	a, b := open(t, Options{}), open(t, Options{})
	add(t, a, append(trunk[:1:1], w.chain(t, trunk[0], "ours", 3*branchStep)...)...)
	add(t, b, append(trunk[:1:1], w.chain(t, trunk[0], "theirs", 3*branchStep)...)...)
	follow(t, b, a)
	checkProof(t, b, w, 2)
}

func TestCataloguesWithRandomGapsAndForksBecomeEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		a, b := open(t, Options{}), open(t, Options{})
		for i := range 1 + r.IntN(80) {
			w := newWriter(t, fmt.Sprint(i))
			trunk := w.chain(t, nil, "trunk", 1+r.IntN(4))
			give(t, a, trunk[:r.IntN(len(trunk)+1)])
			give(t, b, trunk[:r.IntN(len(trunk)+1)])
			if r.IntN(8) == 0 {
				last := len(trunk) - 1
				var at Sealed
				if last > 0 {
					at = trunk[last-1]
				}
				give(t, a, trunk)
				give(t, b, append(trunk[:last:last], w.chain(t, at, "other", 2)...))
			}
		}
		settle(t, 0, a, b)
		sameState(t, a, b)
		if got, err := a.Beyond(b.Heights(), 0); len(got) != 0 || err != nil {
			t.Errorf("by heights %d entries still lack, %v", len(got), err)
		}
	}
}

// give adds entries, whatever becomes of them.
func give(t testing.TB, c *Catalog, entries []Sealed) {
	t.Helper()
	if _, err := c.AddMany(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
}

func TestWhatStaysDifferentIsGoneThroughOnce(t *testing.T) {
	spam := newWriter(t, "spam")
	a := open(t, Options{Dir: big(t, 30, 1), Trusted: trustAll})
	blocked := true
	b := open(t, Options{Blocked: func(id peer.ID) bool { return blocked && id == spam.id }})
	chain := spam.chain(t, nil, "spam", 3)
	add(t, a, chain[:2]...)
	l := follow(t, b, a)
	again(t, b, a, &l)
	again(t, b, a, &l)
	if l.questions != 1 || l.answered > 20 {
		t.Errorf("nothing changed: %d questions, %d bytes answered", l.questions, l.answered)
	}
	add(t, a, chain[2], newWriter(t, "new").chain(t, nil, "new", 1)[0])
	again(t, b, a, &l)
	if l.taken != 1 {
		t.Error("a change on the other side is not seen")
	}
	again(t, b, a, &l)
	add(t, b, newWriter(t, "own").chain(t, nil, "own", 1)...)
	if again(t, b, a, &l); l.questions == 1 {
		t.Error("a change on this side is not seen")
	}
	blocked = false
	l.settled = Settled{}
	again(t, b, a, &l)
	if e, err := b.Beyond([]Height{{Author: spam.id, Seq: 2}}, 0); err != nil || len(e) == 0 {
		t.Errorf("after unblocking: %d, %v", len(e), err)
	}
}

func TestAQuestionShowsWhatTheAskerKnowsMore(t *testing.T) {
	w, blockedW, forked, behind := newWriter(t, "x"), newWriter(t, "blocked"), newWriter(t, "forked"), newWriter(t, "behind")
	c := open(t, Options{Blocked: func(id peer.ID) bool { return id == blockedW.id }})
	add(t, c, w.chain(t, nil, "x", 2)...)
	add(t, c, forked.chain(t, nil, "a", 2)...)
	add(t, c, behind.chain(t, nil, "y", 5)...)
	other := forked.chain(t, nil, "b", 1)[0].Hash()
	got := c.Ahead(Question{Heights: []Height{
		{Author: w.id, Seq: 3}, {Author: blockedW.id, Seq: 9}, {Author: forked.id, Seq: 1, Hash: other[:]},
		{Author: behind.id}, {Author: newWriter(t, "unknown").id, Seq: 1},
		{Author: newWriter(t, "frozen").id, Fork: 1},
	}})
	want := []peer.ID{w.id, forked.id, newWriter(t, "unknown").id, newWriter(t, "frozen").id}
	var ids []peer.ID
	for _, h := range got {
		ids = append(ids, h.Author)
	}
	if !slices.Equal(ids, want) {
		t.Errorf("ahead: %v, want %v", ids, want)
	}
	many := make([]Height, 1000)
	for i := range many {
		many[i] = Height{Author: peer.ID(fmt.Sprint(i)), Seq: 1}
	}
	if got := c.Ahead(Question{Heights: many}); len(got) > maxAhead {
		t.Errorf("%d authors to ask back about", len(got))
	}
}

func TestAQuestionThatOnlyMakesWorkIsRefused(t *testing.T) {
	c := open(t, Options{})
	for name, q := range map[string]Question{
		"twice":         {Within: []string{"1", "1"}},
		"inside":        {Within: []string{"", "1"}},
		"split inside":  {Split: []string{"1", "12"}},
		"unsorted":      {Split: []string{"2", "1"}},
		"no digits":     {Within: []string{"x"}},
		"capitals":      {Within: []string{"A"}},
		"too deep":      {Split: []string{"12345678"}},
		"deeper":        {Within: []string{"123456789"}},
		"many splits":   {Split: make([]string, maxSplit+1)},
		"many branches": {Within: make([]string, maxWithin+1)},
		"many heights":  {Heights: make([]Height, maxHeights+1)},
	} {
		if _, err := c.Answer(q); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALyingAnswererCannotKeepAnExchangeGoing(t *testing.T) {
	c := open(t, Options{Dir: big(t, 200, 1)})
	r := rand.New(rand.NewPCG(1, 2))
	junk := []Sealed{[]byte("junk"), newWriter(t, "author3").chain(t, nil, "Jardins créoles", 1)[0]}
	for name, lie := range map[string]func(Question) Answer{
		"everything differs": func(q Question) (a Answer) {
			for _, p := range append(q.Split, "", "f", "0123") {
				b := Branch{Prefix: p, Parts: make([]Digest, 16)}
				for i := range b.Parts {
					b.Parts[i][0] = byte(1 + r.IntN(255))
				}
				a.Branches = append(a.Branches, b)
			}
			a.Entries, a.More = junk, true
			return a
		},
		"branches of any size": func(Question) Answer {
			return Answer{Branches: []Branch{{}, {Prefix: strings.Repeat("f", 99)}, {Prefix: "", Parts: make([]Digest, 17)}}, More: true}
		},
		"nothing": func(Question) Answer { return Answer{} },
	} {
		questions := 0
		s, err := c.Follow(t.Context(), Other{
			Ask: func(_ context.Context, q Question) (Answer, error) {
				questions++
				if err := q.check(); err != nil {
					t.Error(err)
				}
				return lie(q), nil
			},
			Take: func(ctx context.Context, entries []Sealed) error {
				_, err := c.AddMany(ctx, entries)
				return err
			},
		}, Settled{})
		if err != nil || questions > 20 {
			t.Errorf("%s: %d questions, %v", name, questions, err)
		}
		if name == "everything differs" && s != (Settled{}) {
			t.Errorf("%s: taken for settled", name)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	c := open(f, Options{Dir: big(f, 40, 2)})
	for _, q := range []Question{
		{}, {Root: c.Digest()}, {Split: []string{"", "3"}}, {Within: []string{"0", "1f"}, Heights: c.Heights()[:3]},
		{Heights: c.Heights()[:2]},
	} {
		b, err := encMode.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q Question
		if decMode.Unmarshal(b, &q) != nil {
			return
		}
		a, err := c.Answer(q)
		if err != nil && !errors.Is(err, ErrQuestion) {
			t.Error(err)
		}
		if len(a.Entries) > MaxBeyond || len(a.Branches) > maxSplit {
			t.Errorf("%d entries, %d branches", len(a.Entries), len(a.Branches))
		}
		c.Ahead(q)
	})
}

// FuzzFollow lets any bytes answer.
func FuzzFollow(f *testing.F) {
	dir := big(f, 40, 2)
	c := open(f, Options{Dir: dir})
	for _, a := range []Answer{
		{Same: true}, {Branches: c.split([]string{""})}, {Branches: c.split([]string{"1"}), More: true},
		{Entries: []Sealed{[]byte("x")}, More: true},
	} {
		b, err := encMode.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a Answer
		if decMode.Unmarshal(b, &a) != nil {
			return
		}
		questions := 0
		_, err := c.Follow(t.Context(), Other{
			Ask:  func(context.Context, Question) (Answer, error) { questions++; return a, nil },
			Take: func(context.Context, []Sealed) error { return nil },
		}, Settled{})
		if err != nil || questions > 50 {
			t.Errorf("%d questions, %v", questions, err)
		}
	})
}

func TestQuietNeighboursAreAskedEverMoreSeldomButNeverForgotten(t *testing.T) {
	r := Rounds{Chance: func() float64 { return 1 }}
	now := time.Unix(0, 0)
	p, q := peer.ID("p"), peer.ID("q")
	asked := map[peer.ID]int{}
	longest := time.Duration(0)
	last := now
	for now.Before(time.Unix(24*3600, 0)) {
		due, next := r.Due(now, []peer.ID{p, q})
		for _, d := range due {
			r.Begin(d, now)
			r.Done(d, now, Settled{}, true)
			asked[d]++
			if d == p {
				longest, last = max(longest, now.Sub(last)), now
			}
		}
		if !next.After(now) || next.Sub(now) > shortestRound {
			t.Fatalf("next at %v, now %v", next, now)
		}
		now = next
	}
	if asked[p] > 200 || longest > LongestRound*5/4+shortestRound || asked[q] != asked[p] {
		t.Errorf("a quiet day: %d and %d exchanges, %v between two", asked[p], asked[q], longest)
	}
	r.Done(p, now, Settled{}, false)
	r.Equal(q, now)
	if due, _ := r.Due(now.Add(shortestRound*5/4), []peer.ID{p, q}); !slices.Equal(due, []peer.ID{p}) {
		t.Errorf("due after news from p: %v", due)
	}
	r.Hurry(p, now)
	now = now.Add(hurrySpace)
	if due, _ := r.Due(now, []peer.ID{p, q}); !slices.Equal(due, []peer.ID{q}) {
		t.Errorf("due after a hurry by p: %v", due)
	}
	s := Settled{ours: Digest{1}}
	r.Done(p, now, s, true)
	if r.Begin(p, now.Add(time.Minute)) != s {
		t.Error("what was settled is forgotten")
	}
	if r.Begin(p, now.Add(2*settledFor)) == s {
		t.Error("what was settled is never asked again")
	}
}
