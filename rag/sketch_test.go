package rag

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func TestASetOfTermsHoldsThemAndFewOthers(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 3000} {
		var hashes []uint64
		for i := range n {
			hashes = append(hashes, hashTerm(fmt.Sprint("term", i)))
		}
		g := golombOf(hashes)
		for i, h := range hashes {
			if !g.has(h) {
				t.Fatalf("%d terms: the one at %d is not there", n, i)
			}
		}
		others := 0
		for i := range 10_000 {
			if g.has(hashTerm(fmt.Sprint("other", i))) {
				others++
			}
		}
		if others > 10_000*2>>rice || len(g.Code) > n*(rice+2)/8+1 {
			t.Errorf("%d terms: %d of 10000 others, %d bytes", n, others, len(g.Code))
		}
	}
}

// village is a small sketch to begin from.
func village() Sketch {
	r := rand.New(rand.NewPCG(1, 1))
	v := make([]byte, 32)
	for i := range v {
		v[i] = byte(r.IntN(256))
	}
	return Sketch{V: sketchVersion, Analysis: lexicalVersion, Langs: []string{"fr"}, Model: "sha256:x",
		Fields:    []sketchField{{Field: "fr", Passages: 40, Terms: 900, Levels: levels(map[string]int{"ignam": 3, "cyclon": 12}, 40, 1000)}},
		Centroids: []centroid{{Passages: 40, Scale: 0.001, Vector: v}}}
}

func TestASketchTellsWhatItWasMadeOf(t *testing.T) {
	b, err := cbor.Marshal(village())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSketch(b)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Fields[0]
	if s.Passages() != 40 || f.with("ignam") != 3 || f.with("cyclon") != 12 || f.with("absent") != 0 {
		t.Errorf("%d passages, %d, %d, %d", s.Passages(), f.with("ignam"), f.with("cyclon"), f.with("absent"))
	}
}

func TestASketchOutOfBoundsIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Sketch){
		"another version":       func(s *Sketch) { s.V = 2 },
		"a field twice":         func(s *Sketch) { s.Fields = append(s.Fields, s.Fields[0]) },
		"an unknown field":      func(s *Sketch) { s.Fields[0].Field = "zz" },
		"fewer than no passage": func(s *Sketch) { s.Fields[0].Passages = -1 },
		"more terms than bits":  func(s *Sketch) { s.Fields[0].Levels[0].N = 1 << 40 },
		"centroids that differ": func(s *Sketch) { s.Centroids = append(s.Centroids, centroid{Scale: .1, Vector: []byte{1}}) },
		"an endless scale":      func(s *Sketch) { s.Centroids[0].Scale = 1e30 },
	} {
		s := village()
		spoil(&s)
		b, err := cbor.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSketch(b); !errors.Is(err, ErrSketch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseSketch(make([]byte, maxSketch+1)); !errors.Is(err, ErrSketch) {
		t.Errorf("too long: %v", err)
	}
}

func FuzzParseSketch(f *testing.F) {
	b, err := cbor.Marshal(village())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0xa0})
	router := NewRouter()
	q := Query{Text: "l'igname avant le cyclone", Model: "sha256:x", Vector: make([]float32, 32)}
	q.Vector[0] = 1
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSketch(b)
		if err != nil {
			return
		}
		if _, err := router.Weigh(q, Counts{}, []Place{{Set: "a", Sketch: s}, {Set: "b"}}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSignCodesThatDoNotHoldTogetherAreNone(t *testing.T) {
	for name, spoil := range map[string]func(*Signs){
		"":                       func(*Signs) {},
		"of no passage":          func(c *Signs) { c.N, c.Codes = 0, nil },
		"of passages below none": func(c *Signs) { c.N = -1 },
		"of too many passages":   func(c *Signs) { c.N, c.Codes = MaxCodes+1, make([]byte, 4*(MaxCodes+1)) },
		"too few":                func(c *Signs) { c.Codes = c.Codes[1:] },
		"too many":               func(c *Signs) { c.Codes = append(c.Codes, 0) },
		"of no component":        func(c *Signs) { c.Mean.Vector, c.Spread.Vector, c.Codes = nil, nil, nil },
		"of too many components": func(c *Signs) {
			c.Mean.Vector, c.Spread.Vector, c.N, c.Codes = make([]byte, maxDim+8), make([]byte, maxDim+8), 1, make([]byte, maxDim/8+1)
		},
		"with a spread of others":         func(c *Signs) { c.Spread.Vector = c.Spread.Vector[1:] },
		"with a mean beyond length one":   func(c *Signs) { c.Mean.Scale = 2 },
		"with a spread that is no number": func(c *Signs) { c.Spread.Scale = float32(math.NaN()) },
		"of an endless model":             func(c *Signs) { c.Model = strings.Repeat("a", maxModelDigest+1) },
	} {
		c := Signs{Model: "sha256:x", N: 2, Codes: make([]byte, 8), Mean: centroid{Scale: .01, Vector: make([]byte, 32)}, Spread: centroid{Scale: .01, Vector: make([]byte, 32)}}
		spoil(&c)
		if err := c.Check(); errors.Is(err, ErrCodes) != (name != "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzSigns(f *testing.F) {
	f.Add(32, 2, []byte("12345678"), float32(.01))
	f.Fuzz(func(t *testing.T, dim, n int, codes []byte, scale float32) {
		if dim < 0 || dim > 1<<14 {
			return
		}
		v := make([]byte, dim)
		c := Signs{N: n, Codes: codes, Mean: centroid{Scale: scale, Vector: v}, Spread: centroid{Scale: scale, Vector: v}}
		if c.Check() != nil {
			return
		}
		if got := len(c.near(make([]float32, dim))); got != n {
			t.Errorf("%d of %d passages", got, n)
		}
	})
}

func FuzzAcceptOffer(f *testing.F) {
	f.Add("L'igname se plante en mars.", "igname.txt", "fr", 0, int64(0), int64(30), []byte{1, 2})
	f.Fuzz(func(t *testing.T, text, doc, lang string, n int, start, end int64, vector []byte) {
		o := Offer{Passage: Passage{Text: text, Doc: doc, Lang: lang, N: n, Start: start, End: end}, Vector: vector}
		if o.Accept() && (o.Text == "" || o.N < 0 || o.Start > o.End || len(o.Text) > 2*maxOfferText) {
			t.Errorf("accepted %+v", o)
		}
		o.InBytes([]byte(text))
	})
}
