package rag

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

// The passages of a large dataset are compared with its documents in a sample only; what follows is asked of each.
func TestEachPassageOfAPackIsHeldToLimitsWhetherOrNotItIsInTheSample(t *testing.T) {
	names := []string{"a.txt", "b.txt", "c.txt"}
	honest := func() []Passage {
		return []Passage{
			{N: 0, Doc: "a.txt", Lang: "fr", Title: "Jardin", Text: "L'igname se plante en mars.", End: 27},
			{N: 1, Doc: "a.txt", Lang: "fr", Text: "On la récolte en janvier.", Start: 28, End: 54},
			{N: 2, Doc: "c.txt", Text: "Le manioc aime l'eau.", End: 21},
		}
	}
	for name, c := range map[string]struct {
		spoil func([]Passage) []Passage
		false bool
	}{
		"honest":                     {func(p []Passage) []Passage { return p }, false},
		"of a document that is not":  {func(p []Passage) []Passage { p[2].Doc = "d.txt"; return p }, true},
		"of a document before":       {func(p []Passage) []Passage { p[0].Doc, p[1].Doc, p[2].Doc = "c.txt", "c.txt", "a.txt"; return p }, true},
		"apart from its others":      {func(p []Passage) []Passage { p[1].Doc, p[2].Doc = "b.txt", "a.txt"; return p }, true},
		"out of number":              {func(p []Passage) []Passage { p[1].N = 7; return p }, true},
		"one more than is said":      {func(p []Passage) []Passage { return append(p, Passage{N: 3, Doc: "c.txt", Text: "Encore."}) }, true},
		"one less than is said":      {func(p []Passage) []Passage { return p[:2] }, true},
		"that ends before it begins": {func(p []Passage) []Passage { p[1].Start, p[1].End = 54, 28; return p }, true},
		"before the document":        {func(p []Passage) []Passage { p[1].Start = -1; return p }, true},
		"on a page before the first": {func(p []Passage) []Passage { p[1].Page = -1; return p }, true},
		"without text":               {func(p []Passage) []Passage { p[1].Text = ""; return p }, true},
		"with a hidden character":    {func(p []Passage) []Passage { p[1].Text = "On la\u202e récolte"; return p }, true},
		"with a hidden title":        {func(p []Passage) []Passage { p[1].Title = "Jar\u202edin"; return p }, true},
		"with hidden headings":       {func(p []Passage) []Passage { p[1].Heading = "Jar\u202edin"; return p }, true},
		"in no language":             {func(p []Passage) []Passage { p[1].Lang = "<b>"; return p }, true},
	} {
		var lines strings.Builder
		for _, p := range c.spoil(honest()) {
			b, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(b, '\n'))
		}
		p := incomingPack{stamp: PackStamp{Passages: 3, Bytes: 1 << 20}, files: fstest.MapFS{passagesName: {Data: []byte(lines.String())}}}
		w, err := createPassages(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.passages(t.Context(), names, w); errors.Is(err, ErrFalsePack) != c.false || !c.false && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.abort()
	}
}

func TestAPassageOfAPackDoesNotSayItselfWhoseItIsAndThatItIsVerified(t *testing.T) {
	b, err := json.Marshal(Passage{Set: "other", Doc: "a.txt", Text: "L'igname", From: &From{Peer: "p", Verified: true}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parsePassage(b, 0); err != nil || p.From != nil || p.Set != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAStampOutOfBoundsIsRefused(t *testing.T) {
	honest := PackStamp{V: packVersion, Base: "v", Splitter: setVersion, Model: "sha256:m", Dim: 384, Passages: 2, Bytes: 100, Documents: 1, Lang: "fr", Langs: []string{"fr", "gcf"}}
	for name, spoil := range map[string]func(*PackStamp){
		"":                                     func(*PackStamp) {},
		"no passage":                           func(s *PackStamp) { s.Passages = 0 },
		"too many passages":                    func(s *PackStamp) { s.Passages = maxPassages + 1 },
		"no byte":                              func(s *PackStamp) { s.Bytes = 0 },
		"more bytes than passages have":        func(s *PackStamp) { s.Bytes = 2*maxPassageLen + 1 },
		"no component":                         func(s *PackStamp) { s.Dim = 0 },
		"too many components":                  func(s *PackStamp) { s.Dim = maxDim + 1 },
		"no model":                             func(s *PackStamp) { s.Model = "" },
		"an endless model":                     func(s *PackStamp) { s.Model = strings.Repeat("a", maxModelDigest+1) },
		"documents below none":                 func(s *PackStamp) { s.Documents = -1 },
		"unread documents below none":          func(s *PackStamp) { s.Unread = -1 },
		"a base that is a path":                func(s *PackStamp) { s.Base = "../v" },
		"a language that is none":              func(s *PackStamp) { s.Lang = "<b>" },
		"among its languages one that is none": func(s *PackStamp) { s.Langs = []string{"fr", "<b>"} },
		"too many languages":                   func(s *PackStamp) { s.Langs = make([]string, maxPackLangs+1) },
	} {
		s := honest
		spoil(&s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePackStamp(b); errors.Is(err, ErrFalsePack) != (name != "") {
			t.Errorf("%q: %v", name, err)
		}
		if name == "" {
			if _, err := ParsePackStamp(append(b, make([]byte, maxStamp)...)); !errors.Is(err, ErrFalsePack) {
				t.Errorf("too long: %v", err)
			}
		}
	}
}
