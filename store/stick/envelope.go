package stick

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
)

// What can be wrong with signed bytes.
var (
	// ErrMalformed says that bytes are not what they should be in their one spelling, or break a limit.
	ErrMalformed = errors.New("malformed")
	// ErrBadSignature says that bytes are not signed by the author they name.
	ErrBadSignature = errors.New("bad signature")
)

// letterKind names what is signed: nothing signed as one kind can stand for another.
type letterKind struct {
	domain, codec string
	most          int // bytes of the CBOR
}

var (
	manifestKind = letterKind{"savoirs-stick", "/savoirs/stick/1", MaxManifest}
	wantKind     = letterKind{"savoirs-stick-want", "/savoirs/stick-want/1", maxWantSaid}
	receiptsKind = letterKind{"savoirs-stick-receipts", "/savoirs/stick-receipts/1", MaxReceipts}
)

// An envelope is a libp2p signed envelope in this one spelling, with an Ed25519 key:
//
//	0a 24 08 01 12 20 <public key, 32>
//	12 <length of codec> <codec>
//	1a <length of CBOR, shortest uvarint> <CBOR>
//	2a 40 <signature, 64>
const (
	keyField = "\x0a\x24\x08\x01\x12\x20"
	keySize  = 32
	sigField = "\x2a\x40"
	sigSize  = 64
)

func (k letterKind) codecField() string {
	return "\x12" + string(rune(len(k.codec))) + k.codec + "\x1a"
}

// seal signs v, which CBOR gives in its deterministic form.
func (k letterKind) seal(key crypto.PrivKey, v any) ([]byte, error) {
	if t := key.Type(); t != crypto.Ed25519 {
		return nil, fmt.Errorf("sticks are signed with Ed25519 keys, not %s", t)
	}
	said, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(said) > k.most {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(said), k.most)
	}
	env, err := record.Seal(&payload{k, said}, key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	b, err := env.Marshal()
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return b, nil
}

// split returns the CBOR of the envelope that b begins with, and how long the envelope is.
func (k letterKind) split(b []byte) (said []byte, size int, err error) {
	malformed := fmt.Errorf("%w: not an envelope of %s", ErrMalformed, k.codec)
	rest, ok := bytes.CutPrefix(b, []byte(keyField))
	if !ok || len(rest) < keySize {
		return nil, 0, malformed
	}
	if rest, ok = bytes.CutPrefix(rest[keySize:], []byte(k.codecField())); !ok {
		return nil, 0, malformed
	}
	n, used := binary.Uvarint(rest)
	if used <= 0 || used != len(binary.AppendUvarint(nil, n)) || n > uint64(k.most) {
		return nil, 0, malformed
	}
	rest = rest[used:]
	if uint64(len(rest)) < n+uint64(len(sigField)+sigSize) || !bytes.HasPrefix(rest[n:], []byte(sigField)) {
		return nil, 0, malformed
	}
	size = len(b) - len(rest) + int(n) + len(sigField) + sigSize
	return rest[:n:n], size, nil
}

// open verifies an envelope of nothing more and decodes what it says into v, which author reads the author of.
func (k letterKind) open(b []byte, v any, author func() peer.ID) error {
	said, size, err := k.split(b)
	if err != nil {
		return err
	}
	if size != len(b) {
		return fmt.Errorf("%w: %d bytes behind the signature", ErrMalformed, len(b)-size)
	}
	if err := decMode.Unmarshal(said, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	env, err := record.ConsumeTypedEnvelope(b, &payload{kind: k})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if id := author(); !id.MatchesPublicKey(env.PublicKey) {
		return fmt.Errorf("%w: says it is from %s, signed with another key", ErrBadSignature, id)
	}
	return nil
}

// payload hands the CBOR through libp2p's record interface unchanged.
type payload struct {
	kind letterKind
	cbor []byte
}

func (p *payload) Domain() string                 { return p.kind.domain }
func (p *payload) Codec() []byte                  { return []byte(p.kind.codec) }
func (p *payload) MarshalRecord() ([]byte, error) { return p.cbor, nil }
func (p *payload) UnmarshalRecord(b []byte) error { p.cbor = b; return nil }

// The two modes are fixed options compiled once; nothing changes them.
var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  maxElements,
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
