package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
)

// MaxSealed is the largest sealed entry, in bytes.
const MaxSealed = 16 << 10

// What can be wrong with sealed bytes.
var (
	ErrBadSignature = errors.New("bad signature")
	ErrMalformed    = errors.New("malformed entry")
	ErrTooLarge     = errors.New("entry too large")
)

// Sealed is an entry as it travels and is kept: a libp2p signed envelope around the CBOR of an [Entry].
// Its bytes are never re-encoded.
//
// An envelope is protobuf, which lets anyone rewrite it (field order, unknown fields, long varints)
// without touching what is signed. Two spellings of one statement would then look like a fork of its
// author, so one spelling is accepted, byte for byte, with an Ed25519 key, whose signatures nobody
// but the author can vary:
//
//	0a 24 08 01 12 20 <public key, 32>
//	12 <length of codec> <codec>
//	1a <length of CBOR, shortest varint> <CBOR>
//	2a 40 <signature, 64>
//
// The signature covers domain, codec and CBOR, each after its length as a varint.
type Sealed []byte

const (
	domain = "savoirs-catalogue-entry"
	codec  = "/savoirs/entry/1"

	hashSize = sha256.Size
	keySize  = 32
	sigSize  = 64

	keyField     = "\x0a\x24\x08\x01\x12\x20"
	payloadField = "\x1a"
	sigField     = "\x2a\x40"
)

// Open verifies s and returns what it says. It is the only way from foreign bytes to an Entry.
// Errors are ErrTooLarge, ErrMalformed (not an envelope of ours in its one spelling, or an entry that
// breaks a rule), ErrBadSignature (not signed by the author it names).
func (s Sealed) Open() (Entry, error) {
	e, err := s.read()
	if err != nil {
		return Entry{}, err
	}
	var p payload
	env, err := record.ConsumeTypedEnvelope(s, &p)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if !e.Author.MatchesPublicKey(env.PublicKey) {
		return Entry{}, fmt.Errorf("%w: says it is from %s, signed with another key", ErrBadSignature, e.Author)
	}
	return e, nil
}

// Claimed is the author that s names, whoever signed it, or "" if it names none: for saying who is wronged or lies, never
// for believing it.
func (s Sealed) Claimed() peer.ID {
	e, err := s.read()
	if err != nil {
		return ""
	}
	return e.Author
}

// Hash is the SHA-256 of the sealed bytes: what the next entry names as Prev.
func (s Sealed) Hash() [32]byte { return sha256.Sum256(s) }

// read is Open without the signature, for bytes that were verified when they entered the journal and
// are vouched for by its checksum since.
func (s Sealed) read() (Entry, error) {
	if len(s) > MaxSealed {
		return Entry{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(s), MaxSealed)
	}
	signed, ok := signedIn(s, codec, MaxSealed)
	if !ok {
		return Entry{}, fmt.Errorf("%w: not a sealed entry", ErrMalformed)
	}
	return unmarshal(signed)
}

// signedIn returns the CBOR inside an envelope of a codec, if it is spelled as it must be.
func signedIn(s []byte, codec string, most uint64) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(s, []byte(keyField))
	if !ok || len(rest) < keySize {
		return nil, false
	}
	rest, ok = bytes.CutPrefix(rest[keySize:], []byte(codecField(codec)+payloadField))
	if !ok {
		return nil, false
	}
	size, n := binary.Uvarint(rest)
	if n <= 0 || n != len(binary.AppendUvarint(nil, size)) || size > most {
		return nil, false
	}
	rest = rest[n:]
	if uint64(len(rest)) != size+uint64(len(sigField)+sigSize) {
		return nil, false
	}
	if !bytes.HasPrefix(rest[size:], []byte(sigField)) {
		return nil, false
	}
	return rest[:size:size], true
}

// codecField is how an envelope names its codec, which has less than 128 bytes.
func codecField(codec string) string { return "\x12" + string(rune(len(codec))) + codec }

// seal signs e, whose every field is set, and reads it back as others will.
func seal(key crypto.PrivKey, e Entry) (Entry, Sealed, error) {
	signed, err := e.marshal()
	if err != nil {
		return Entry{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	env, err := record.Seal(&payload{signed}, key)
	if err != nil {
		return Entry{}, nil, fmt.Errorf("sign: %w", err)
	}
	raw, err := env.Marshal()
	if err != nil {
		return Entry{}, nil, fmt.Errorf("sign: %w", err)
	}
	s := Sealed(raw)
	e, err = s.Open()
	return e, s, err
}

// authorOf is the author a key signs as. Only Ed25519 keys do, see [Sealed].
func authorOf(key crypto.PrivKey) (peer.ID, error) {
	if t := key.Type(); t != crypto.Ed25519 {
		return "", fmt.Errorf("entries are signed with Ed25519 keys, not %s", t)
	}
	return peer.IDFromPrivateKey(key)
}

// payload hands the CBOR through libp2p's record interface unchanged.
type payload struct{ cbor []byte }

func (*payload) Domain() string                   { return domain }
func (*payload) Codec() []byte                    { return []byte(codec) }
func (p *payload) MarshalRecord() ([]byte, error) { return p.cbor, nil }
func (p *payload) UnmarshalRecord(b []byte) error { p.cbor = b; return nil }
