package catalog

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/libp2p/go-libp2p/core/peer"
)

var sameHolding = cmp.Options{cmpopts.IgnoreUnexported(Want{}), cmpopts.EquateEmpty()}

// holds is what a node says that holds the items of these names.
func holds(names ...string) Holding {
	var roots []Short
	for _, n := range names {
		roots = append(roots, ShortOf(root(n)))
	}
	return Holding{Territory: "Ti-Bourg", Held: MakeShorts(roots)}
}

func (w writer) says(t testing.TB, count uint64, h Holding) SealedHolding {
	t.Helper()
	h.V, h.Author, h.Count = version, w.id, count
	_, s, err := sealHolding(w.key, h)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func full(t testing.TB) Holding {
	h := holds("Jardins", "Cyclones", "Eau")
	h.Coming = MakeShorts([]Short{ShortOf(root("Ponts"))})
	h.Wants = []Want{{Root: ShortOf(root("Eau")), Copies: 4}}
	h.Pledge = Pledge{Bytes: 20e9, Used: 1e6, For: Named, Peers: []peer.ID{newWriter(t, "friend").id}}
	return h
}

func TestASealedHoldingOpensToWhatWasSigned(t *testing.T) {
	w := newWriter(t, "a")
	want := full(t)
	s := w.says(t, 7, want)
	got, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	want.V, want.Author, want.Count = 1, w.id, 7
	if diff := cmp.Diff(want, got, sameHolding); diff != "" {
		t.Error(diff)
	}
	if !got.Held.Has(ShortOf(root("Eau"))) || got.Held.Has(ShortOf(root("Ponts"))) || got.Held.Len() != 3 {
		t.Errorf("held: %x", got.Held)
	}
}

func TestOpenRefusesEveryFlippedBitOfAHolding(t *testing.T) {
	good := newWriter(t, "a").says(t, 1, full(t))
	for i := range len(good) * 8 {
		s := slices.Clone(good)
		s[i/8] ^= 1 << (i % 8)
		if _, err := s.Open(); !errors.Is(err, ErrBadSignature) && !errors.Is(err, ErrMalformed) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
}

func TestAHoldingAndAnEntryCannotStandForOneAnother(t *testing.T) {
	w := newWriter(t, "a")
	if _, err := SealedHolding(w.chain(t, nil, "Jardins", 1)[0]).Open(); !errors.Is(err, ErrMalformed) {
		t.Errorf("an entry opened as a holding: %v", err)
	}
	if _, err := Sealed(w.says(t, 1, full(t))).Open(); !errors.Is(err, ErrMalformed) {
		t.Errorf("a holding opened as an entry: %v", err)
	}
}

func TestAHoldingSignedForAnotherIsRefused(t *testing.T) {
	author, forger := newWriter(t, "author"), newWriter(t, "forger")
	h := full(t)
	h.V, h.Author, h.Count = version, author.id, 1
	if _, _, err := sealHolding(forger.key, h); !errors.Is(err, ErrBadSignature) {
		t.Error(err)
	}
}

func TestAHoldingThatBreaksARuleIsRefused(t *testing.T) {
	w := newWriter(t, "a")
	a, b := ShortOf(root("Jardins")), ShortOf(root("Eau"))
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	for name, break_ := range map[string]func(*Holding){
		"no count":                  func(h *Holding) { h.Count = 0 },
		"another version":           func(h *Holding) { h.V = 2 },
		"no author":                 func(h *Holding) { h.Author = "" },
		"half a root":               func(h *Holding) { h.Held = h.Held[:12] },
		"roots out of order":        func(h *Holding) { h.Held = append(append(Shorts{}, b[:]...), a[:]...) },
		"one root twice":            func(h *Holding) { h.Held = append(append(Shorts{}, a[:]...), a[:]...) },
		"too many roots":            func(h *Holding) { h.Held = make(Shorts, 8*(MaxHeld+1)) },
		"too many coming":           func(h *Holding) { h.Coming = make(Shorts, 8*(MaxComing+1)) },
		"no copies wanted":          func(h *Holding) { h.Wants = []Want{{Root: a}} },
		"a thousand copies wanted":  func(h *Holding) { h.Wants = []Want{{Root: a, Copies: 1000}} },
		"one item wanted twice":     func(h *Holding) { h.Wants = []Want{{Root: a, Copies: 2}, {Root: a, Copies: 3}} },
		"less than nothing lent":    func(h *Holding) { h.Pledge.Bytes = -1 },
		"lent to we know not whom":  func(h *Holding) { h.Pledge.For = "friends" },
		"lent to all, and to some":  func(h *Holding) { h.Pledge.For = Everyone },
		"lent to nobody":            func(h *Holding) { h.Pledge.Peers = []peer.ID{""} },
		"a territory of two lines":  func(h *Holding) { h.Territory = "Ti\nBourg" },
		"a territory without limit": func(h *Holding) { h.Territory = string(bytes.Repeat([]byte("a"), 101)) },
	} {
		h := full(t)
		h.V, h.Author, h.Count = version, w.id, 1
		break_(&h)
		if _, _, err := sealHolding(w.key, h); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheFullestHoldingFits(t *testing.T) {
	h := full(t)
	var many []Short
	for i := range MaxHeld {
		many = append(many, Short{byte(i), byte(i >> 8), 1})
	}
	h.Held, h.Coming, h.Pledge.Peers, h.Wants = MakeShorts(many), MakeShorts(many[:MaxComing]), nil, nil
	for i := range MaxWants {
		h.Wants = append(h.Wants, Want{Root: Short{byte(i)}, Copies: MaxCopies})
	}
	for range MaxPledgePeers {
		h.Pledge.Peers = append(h.Pledge.Peers, newWriter(t, "friend").id)
	}
	if s := newWriter(t, "a").says(t, 1<<40, h); len(s) > MaxHolding {
		t.Errorf("%d bytes", len(s))
	}
}

func FuzzSealedHoldingOpen(f *testing.F) {
	w := newWriter(f, "a")
	s := w.says(f, 7, full(f))
	f.Add([]byte(s))
	f.Add([]byte(s[:len(s)-1]))
	f.Add([]byte(w.chain(f, nil, "Jardins", 1)[0]))
	f.Add([]byte{})
	// The CBOR alone, so that mutations reach the decoder behind the signature.
	signed, _ := signedIn(s, holdingCodec, MaxHolding)
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := readHolding(b); err == nil {
			if again, err := encMode.Marshal(h); err != nil {
				t.Errorf("%+v cannot be written: %v", h, err)
			} else if h2, err := readHolding(again); err != nil || !cmp.Equal(h, h2, sameHolding) {
				t.Errorf("%+v reads back as %+v, %v", h, h2, err)
			}
			h.Held.Has(Short{}) // must not read beyond a set that passed
			h.Coming.Has(Short{0xff})
		}
		if h, err := SealedHolding(b).Open(); err == nil {
			if err := h.check(); err != nil || h.Author == "" {
				t.Errorf("opened %+v: %v", h, err)
			}
		} else if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrBadSignature) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("unnamed error %v", err)
		}
	})
}
