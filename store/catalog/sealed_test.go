package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"
	"github.com/multiformats/go-multihash"
)

var sameCid = cmp.Comparer(cid.Cid.Equals)

func TestASealedEntryOpensToWhatWasSigned(t *testing.T) {
	w := newWriter(t, "a")
	e := offer("Jardins")
	e.Verb, e.Replaces, e.Base, e.Sketch = Revise, root("former"), "sha256:b179c952", []byte{1, 2, 3}
	e.V, e.Author, e.Seq, e.Prev = 1, w.id, 7, bytes.Repeat([]byte{9}, 32)
	_, s, err := seal(w.key, e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got, sameCid); diff != "" {
		t.Error(diff)
	}
}

func TestAnEntryIsReadableAsJSON(t *testing.T) {
	w := newWriter(t, "a")
	want, err := w.chain(t, nil, "Jardins", 1)[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), w.id.String()) {
		t.Errorf("no author in %s", text)
	}
	var got Entry
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameCid); diff != "" {
		t.Error(diff)
	}
}

func TestOpenRefusesEveryFlippedBit(t *testing.T) {
	good := newWriter(t, "a").chain(t, nil, "Jardins", 1)[0]
	for i := range len(good) * 8 {
		s := slices.Clone(good)
		s[i/8] ^= 1 << (i % 8)
		if _, err := s.Open(); !errors.Is(err, ErrBadSignature) && !errors.Is(err, ErrMalformed) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
}

func TestOpenRefusesAForgedEntry(t *testing.T) {
	author, forger := newWriter(t, "author"), newWriter(t, "forger")
	e := offer("Jardins")
	e.V, e.Author, e.Seq = 1, author.id, 1
	if _, _, err := seal(forger.key, e); !errors.Is(err, ErrBadSignature) {
		t.Errorf("named another author: %v", err)
	}
	s := author.chain(t, nil, "Jardins", 1)[0]
	other := author.chain(t, nil, "Cyclones", 1)[0]
	copy(s[len(s)-sigSize:], other[len(other)-sigSize:])
	if _, err := s.Open(); !errors.Is(err, ErrBadSignature) {
		t.Errorf("signature of another entry: %v", err)
	}
}

func TestOpenRefusesASignatureMadeForAnotherPurpose(t *testing.T) {
	w := newWriter(t, "a")
	e, err := w.chain(t, nil, "Jardins", 1)[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := e.marshal()
	if err != nil {
		t.Fatal(err)
	}
	env, err := record.Seal(&elsewhere{payload{signed}}, w.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sealed(raw).Open(); !errors.Is(err, ErrBadSignature) {
		t.Error(err)
	}
}

type elsewhere struct{ payload }

func (*elsewhere) Domain() string { return "elsewhere" }

// Anyone can rewrite a protobuf without the key. If both spellings opened, an honest author would look
// like one who signed twice.
func TestOpenRefusesAnotherSpellingOfTheSameEnvelope(t *testing.T) {
	s := newWriter(t, "a").chain(t, nil, "Jardins", 1)[0]
	at := len(keyField) + keySize
	for name, other := range map[string]Sealed{
		"unknown field at the end": append(slices.Clone(s), 0x30, 1),
		"key after the rest":       append(slices.Clone(s[at:]), s[:at]...),
		"key twice":                append(slices.Clone(s[:at]), s...),
		"longer length of key":     append(Sealed{0x0a, 0xa4, 0x00}, s[2:]...),
		"longer length of payload": longLength(s),
	} {
		var p payload
		if _, err := record.ConsumeTypedEnvelope(other, &p); err != nil {
			t.Errorf("%s: the test spells it wrong: %v", name, err)
		}
		if _, err := other.Open(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// longLength spells the length of the payload with one byte more than it needs.
func longLength(s Sealed) Sealed {
	at := len(keyField) + keySize + len(codecField(codec)) + len(payloadField)
	end := at
	for s[end]&0x80 != 0 {
		end++
	}
	out := append(slices.Clone(s[:end]), s[end]|0x80, 0)
	return append(out, s[end+1:]...)
}

func TestOpenRefusesEntriesBeyondTheSizeLimit(t *testing.T) {
	if _, err := make(Sealed, MaxSealed+1).Open(); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestTheLargestPermittedFieldsStillFit(t *testing.T) {
	w := newWriter(t, "a")
	e := offer(strings.Repeat("é", 150))
	e.V, e.Author, e.Seq, e.Prev, e.Verb, e.Replaces = 1, w.id, 1<<63, make([]byte, 32), Revise, root("former")
	e.Lang, e.Licence, e.Base = strings.Repeat("x", 35), strings.Repeat("x", 100), strings.Repeat("x", 200)
	e.Territory, e.Card = strings.Repeat("x", 100), strings.Repeat("x", 8192)
	if _, _, err := seal(w.key, e); err != nil {
		t.Error(err)
	}
	e.Sketch = make([]byte, 8192)
	if _, _, err := seal(w.key, e); !errors.Is(err, ErrTooLarge) {
		t.Errorf("card and sketch both full: %v", err)
	}
}

func TestEntriesThatBreakARuleAreMalformed(t *testing.T) {
	w := newWriter(t, "a")
	identity, err := multihash.Sum([]byte("content"), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Entry){
		"version of the future":           func(e *Entry) { e.V = 2 },
		"number zero":                     func(e *Entry) { e.Seq = 0 },
		"first with a previous hash":      func(e *Entry) { e.Prev = make([]byte, 32) },
		"second without a previous hash":  func(e *Entry) { e.Seq = 2 },
		"previous hash too short":         func(e *Entry) { e.Seq, e.Prev = 2, make([]byte, 31) },
		"unknown kind":                    func(e *Entry) { e.Kind = "poem" },
		"unknown verb":                    func(e *Entry) { e.Verb = "sell" },
		"no title":                        func(e *Entry) { e.Title = " " },
		"no root":                         func(e *Entry) { e.Root = cid.Undef },
		"root that holds its content":     func(e *Entry) { e.Root = cid.NewCidV1(cid.Raw, identity) },
		"negative size":                   func(e *Entry) { e.Size = -1 },
		"negative number of files":        func(e *Entry) { e.Files = -1 },
		"publication that replaces":       func(e *Entry) { e.Replaces = root("former") },
		"revision that replaces nothing":  func(e *Entry) { e.Verb = Revise },
		"title too long":                  func(e *Entry) { e.Title = strings.Repeat("x", 301) },
		"title with a line feed":          func(e *Entry) { e.Title = "a\nb" },
		"title with a terminal escape":    func(e *Entry) { e.Title = "a\x1b[2J" },
		"title read from right to left":   func(e *Entry) { e.Title = "a\u202egpj.exe" },
		"title with an invisible letter":  func(e *Entry) { e.Title = "a\u200bb" },
		"licence with a line separator":   func(e *Entry) { e.Licence = "a\u2028b" },
		"territory that is not UTF-8":     func(e *Entry) { e.Territory = "\xff" },
		"card with a carriage return":     func(e *Entry) { e.Card = "a\r\nb" },
		"card too long":                   func(e *Entry) { e.Card = strings.Repeat("x", 8193) },
		"sketch too long":                 func(e *Entry) { e.Sketch = make([]byte, 8193) },
		"base with a tag character":       func(e *Entry) { e.Base = "a\U000e0041" },
		"language tag longer than one is": func(e *Entry) { e.Lang = strings.Repeat("f", 36) },
	} {
		e := offer("Jardins")
		e.V, e.Author, e.Seq = 1, w.id, 1
		spoil(&e)
		if _, _, err := seal(w.key, e); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyEd25519KeysSignEntries(t *testing.T) {
	key, _, err := crypto.GenerateSecp256k1Key(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, Options{}).Append(key, offer("Jardins")); err == nil {
		t.Error("an ECDSA key signed: anyone could vary its signature")
	}
}

func TestAFieldOfTheFutureIsIgnoredAndKept(t *testing.T) {
	w := newWriter(t, "a")
	e := offer("Jardins")
	e.V, e.Author, e.Seq = 1, w.id, 1
	later, err := encMode.Marshal(struct {
		Entry
		Mood string `json:"mood"`
	}{e, "calm"})
	if err != nil {
		t.Fatal(err)
	}
	env, err := record.Seal(&payload{later}, w.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{})
	add(t, c, raw)
	if head, _ := c.Head(w.id); !bytes.Equal(head, raw) {
		t.Error("the sealed bytes changed")
	}
}

func FuzzSealedOpen(f *testing.F) {
	w := newWriter(f, "a")
	chain := w.chain(f, nil, "Jardins", 2)
	f.Add([]byte(chain[0]))
	f.Add([]byte(chain[1]))
	f.Add([]byte(chain[0][:len(chain[0])-1]))
	f.Add([]byte(longLength(chain[0])))
	f.Add([]byte(keyField))
	f.Add([]byte{})
	// The CBOR alone, so that mutations reach the decoder behind the signature.
	signed, _ := signedIn(chain[0], codec, MaxSealed)
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := unmarshal(b); err == nil {
			if again, err := e.marshal(); err != nil {
				t.Errorf("%+v cannot be written: %v", e, err)
			} else if e2, err := unmarshal(again); err != nil || !cmp.Equal(e, e2, sameCid, cmpopts.EquateEmpty()) {
				t.Errorf("%+v reads back as %+v, %v", e, e2, err)
			}
		}
		e, err := Sealed(b).Open()
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrBadSignature) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("unnamed error %v", err)
			}
			return
		}
		if err := e.check(); err != nil || e.Author == "" {
			t.Errorf("opened %+v: %v", e, err)
		}
	})
}
