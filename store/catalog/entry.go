package catalog

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

// Kind is what an item is.
type Kind string

const (
	Dataset    Kind = "dataset"
	Model      Kind = "model"
	Adapter    Kind = "adapter"
	Specialist Kind = "specialist"
	Release    Kind = "release"
	Pack       Kind = "pack" // passages and vectors of the dataset that Base names
)

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool {
	switch k {
	case Dataset, Model, Adapter, Specialist, Release, Pack:
		return true
	}
	return false
}

// Verb is what an entry says about an item.
type Verb string

const (
	Publish  Verb = "publish"  // the author offers Root
	Revise   Verb = "revise"   // the author offers Root in place of Replaces
	Withdraw Verb = "withdraw" // the author no longer offers Root
)

// Valid reports whether v is one of the verbs above.
func (v Verb) Valid() bool {
	switch v {
	case Publish, Revise, Withdraw:
		return true
	}
	return false
}

// Entry is a numbered statement by an author about an item. One in hand was verified: only
// [Sealed.Open] and the catalogue make them. The tags name the fields in JSON and in the CBOR that is
// signed; a field added later is ignored by older programs, which keep and pass on the sealed bytes.
//
// Text is valid UTF-8 without control, format or bidirectional characters (a card may hold line feeds
// and tabs), and no field is longer than its limit in bytes, given in parentheses.
type Entry struct {
	V         int     `json:"v"`                   // version of the format, 1
	Author    peer.ID `json:"author"`              // who signed it
	Seq       uint64  `json:"seq"`                 // the author's own count, from 1 without gaps
	Prev      []byte  `json:"prev,omitempty"`      // SHA-256 of the author's previous sealed entry, empty for the first
	Kind      Kind    `json:"kind"`                //
	Verb      Verb    `json:"verb"`                //
	Title     string  `json:"title,omitempty"`     // for people (300), required unless withdrawing
	Root      cid.Cid `json:"root"`                // the item
	Size      int64   `json:"size,omitempty"`      // bytes of all files
	Files     int     `json:"files,omitempty"`     // number of files
	Lang      string  `json:"lang,omitempty"`      // language tag of the content (35)
	Licence   string  `json:"licence,omitempty"`   // SPDX name or a few words (100)
	Base      string  `json:"base,omitempty"`      // what it was made from: a digest or a root (200)
	Card      string  `json:"card,omitempty"`      // what it is, in Markdown (8192)
	Territory string  `json:"territory,omitempty"` // the author's community (100)
	Sketch    []byte  `json:"sketch,omitempty"`    // opaque summary of the content, for choosing whom to ask (8192)
	Replaces  cid.Cid `json:"replaces,omitzero"`   // revise only: the former root
}

const version = 1

// check returns an error, wrapping ErrMalformed, naming the first field that breaks a rule.
func (e Entry) check() error {
	if e.V != version {
		return fmt.Errorf("%w: version %d, this program knows %d", ErrMalformed, e.V, version)
	}
	if err := e.Author.Validate(); err != nil {
		return fmt.Errorf("%w: no author", ErrMalformed)
	}
	if e.Seq == 0 {
		return fmt.Errorf("%w: entries are numbered from 1", ErrMalformed)
	}
	if want := hashSize * int(min(e.Seq-1, 1)); len(e.Prev) != want {
		return fmt.Errorf("%w: entry %d with a previous hash of %d bytes", ErrMalformed, e.Seq, len(e.Prev))
	}
	if !e.Kind.Valid() {
		return fmt.Errorf("%w: unknown kind %.40q", ErrMalformed, string(e.Kind))
	}
	if !e.Verb.Valid() {
		return fmt.Errorf("%w: unknown verb %.40q", ErrMalformed, string(e.Verb))
	}
	if e.Size < 0 || e.Files < 0 {
		return fmt.Errorf("%w: negative size or file count", ErrMalformed)
	}
	if err := checkRoot("root", e.Root); err != nil {
		return err
	}
	if (e.Verb == Revise) != e.Replaces.Defined() {
		return fmt.Errorf("%w: a revision, and nothing else, names the root it replaces", ErrMalformed)
	}
	if e.Verb == Revise {
		if err := checkRoot("replaces", e.Replaces); err != nil {
			return err
		}
	}
	if e.Verb != Withdraw && strings.TrimSpace(e.Title) == "" {
		return fmt.Errorf("%w: no title", ErrMalformed)
	}
	if len(e.Sketch) > maxLong {
		return fmt.Errorf("%w: sketch of %d bytes, at most %d", ErrMalformed, len(e.Sketch), maxLong)
	}
	return e.checkText()
}

const maxLong = 8192 // bytes in a card and in a sketch

func (e Entry) checkText() error {
	for _, f := range []struct {
		name, text string
		max        int
	}{
		{"title", e.Title, 300}, {"lang", e.Lang, 35}, {"licence", e.Licence, 100},
		{"base", e.Base, 200}, {"card", e.Card, maxLong}, {"territory", e.Territory, 100},
	} {
		text := f.text
		if f.name == "card" {
			text = strings.Map(func(r rune) rune {
				if r == '\n' || r == '\t' {
					return ' '
				}
				return r
			}, text)
		}
		if err := checkLine(f.name, text, f.max); err != nil {
			return err
		}
	}
	return nil
}

// checkLine holds foreign text to a length in bytes and to what one line of a screen can show.
func checkLine(name, text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrMalformed, name, len(text), most)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrMalformed, name)
	}
	for _, r := range text {
		if unfitForScreens(r) {
			return fmt.Errorf("%w: character %U in %s", ErrMalformed, r, name)
		}
	}
	return nil
}

// unfitForScreens reports characters that can reorder, hide or break a line of text: controls, format
// characters (bidirectional marks, zero widths, tags) and the line and paragraph separators.
func unfitForScreens(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// checkRoot holds roots to the hash the store uses, so that a root never carries its content inside
// itself (the identity hash) nor names it by a hash nobody here checks.
func checkRoot(name string, c cid.Cid) error {
	if !c.Defined() {
		return fmt.Errorf("%w: no %s", ErrMalformed, name)
	}
	if p := c.Prefix(); p.MhType != multihash.SHA2_256 || p.MhLength != hashSize {
		return fmt.Errorf("%w: %s %.100s is not named by SHA2-256", ErrMalformed, name, c)
	}
	return nil
}

// marshal gives the bytes that are signed: CBOR, core deterministic encoding (RFC 8949, 4.2.1).
func (e Entry) marshal() ([]byte, error) { return encMode.Marshal(e) }

// unmarshal reads and checks signed bytes. What it returns shares nothing with them.
func unmarshal(signed []byte) (Entry, error) {
	var e Entry
	if err := decMode.Unmarshal(signed, &e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// The two modes are fixed options compiled once; nothing changes them.
var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  4096,
		MaxMapPairs:       64,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
