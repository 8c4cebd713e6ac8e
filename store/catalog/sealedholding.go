package catalog

import (
	"crypto/sha256"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"
)

// MaxHolding is the largest sealed holding, in bytes.
const MaxHolding = 32 << 10

// SealedHolding is a [Holding] as it travels and is kept. It is spelled as [Sealed] says, with a domain
// and a codec of its own, so that neither can stand for the other.
type SealedHolding []byte

const (
	holdingDomain = "savoirs-holding"
	holdingCodec  = "/savoirs/holding/1"
)

// Open verifies s and returns what it says. It is the only way from foreign bytes to a Holding. Errors
// are those of [Sealed.Open].
func (s SealedHolding) Open() (Holding, error) {
	h, err := s.read()
	if err != nil {
		return Holding{}, err
	}
	var p holdingPayload
	env, err := record.ConsumeTypedEnvelope(s, &p)
	if err != nil {
		return Holding{}, fmt.Errorf("%w: %w", ErrBadSignature, err)
	}
	if !h.Author.MatchesPublicKey(env.PublicKey) {
		return Holding{}, fmt.Errorf("%w: says it is from %s, signed with another key", ErrBadSignature, h.Author)
	}
	return h, nil
}

// read is Open without the signature, to see whether it is worth verifying.
func (s SealedHolding) read() (Holding, error) {
	if len(s) > MaxHolding {
		return Holding{}, fmt.Errorf("%w: holding of %d bytes, at most %d", ErrTooLarge, len(s), MaxHolding)
	}
	signed, ok := signedIn(s, holdingCodec, MaxHolding)
	if !ok {
		return Holding{}, fmt.Errorf("%w: not a sealed holding", ErrMalformed)
	}
	return readHolding(signed)
}

// readHolding reads and checks signed bytes. What it returns shares nothing with them.
func readHolding(signed []byte) (Holding, error) {
	var h Holding
	if err := decMode.Unmarshal(signed, &h); err != nil {
		return Holding{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return h, h.check()
}

func (s SealedHolding) hash() [32]byte { return sha256.Sum256(s) }

// sealHolding signs h, whose every field is set, and reads it back as others will.
func sealHolding(key crypto.PrivKey, h Holding) (Holding, SealedHolding, error) {
	signed, err := encMode.Marshal(h)
	if err != nil {
		return Holding{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	env, err := record.Seal(&holdingPayload{payload{signed}}, key)
	if err != nil {
		return Holding{}, nil, fmt.Errorf("sign: %w", err)
	}
	s, err := env.Marshal()
	if err != nil {
		return Holding{}, nil, fmt.Errorf("sign: %w", err)
	}
	h, err = SealedHolding(s).Open()
	return h, s, err
}

// holdingPayload is payload under the names of holdings.
type holdingPayload struct{ payload }

func (*holdingPayload) Domain() string { return holdingDomain }
func (*holdingPayload) Codec() []byte  { return []byte(holdingCodec) }
