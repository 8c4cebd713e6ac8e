package p2p

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/network"
)

var (
	errFrameTooLarge = errors.New("message beyond its size limit")
	errMalformed     = errors.New("malformed message")
)

// A frame is an unsigned varint length and that many bytes.

// appendFrame appends a frame with body to dst.
func appendFrame(dst, body []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	return append(dst, body...)
}

// readFrame reads a frame of at most max bytes. Memory is taken as bytes arrive, not as they are promised.
func readFrame(r *bufio.Reader, max int64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, fmt.Errorf("length: %w", err)
	}
	if n > uint64(max) {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", errFrameTooLarge, n, max)
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("body of %d bytes: %w", n, err)
	}
	return body.Bytes(), nil
}

// reserving counts what is read from a stream against the memory that its protocol and its peer may take, until the stream
// ends: that of the bytes, and of what is made of them.
type reserving struct{ network.Stream }

func (r reserving) Read(p []byte) (int, error) {
	n, err := r.Stream.Read(p)
	if n > 0 {
		if full := r.Scope().ReserveMemory(2*n, network.ReservationPriorityAlways); full != nil {
			return n, full
		}
	}
	return n, err
}

// decode reads exactly one CBOR value. It is strict (no duplicate keys, indefinite lengths, tags or bytes after the end,
// little nesting) except that unknown fields are passed over, so that a later version may add some.
func decode(body []byte, v any) error {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		MaxNestedLevels:  16,
		MaxArrayElements: 1 << 16,
		MaxMapPairs:      1 << 16,
	}.DecMode()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

// encode is the deterministic counterpart of decode.
func encode(v any) ([]byte, error) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}
