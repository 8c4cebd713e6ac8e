package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// header reads the front of a file in order, through a small buffer, and never beyond its end.
type header struct {
	r    io.ReaderAt
	size int64 // of the file
	end  int64 // of the file, or of what may be header
	pos  int64

	buf   []byte
	start int64 // of buf in r
}

const bufferSize = 64 << 10

func newHeader(r io.ReaderAt, size, limit int64) *header {
	return &header{r: r, size: size, end: max(0, min(size, limit))}
}

// need reports an error unless n more bytes lie ahead.
func (h *header) need(n uint64) error {
	if n <= uint64(h.end-h.pos) {
		return nil
	}
	if h.end < h.size {
		return fmt.Errorf("%w: header longer than %d bytes", ErrMalformed, h.end)
	}
	return fmt.Errorf("%w: %d bytes asked for at byte %d of %d", ErrMalformed, n, h.pos, h.end)
}

// take returns the next n bytes, valid until the next call. n is at most bufferSize.
func (h *header) take(n int) ([]byte, error) {
	if err := h.need(uint64(n)); err != nil {
		return nil, err
	}
	if h.pos < h.start || h.pos+int64(n) > h.start+int64(len(h.buf)) {
		if h.buf == nil {
			h.buf = make([]byte, bufferSize)
		}
		h.start = h.pos
		h.buf = h.buf[:min(int64(bufferSize), h.end-h.pos)]
		got, err := h.r.ReadAt(h.buf, h.pos)
		h.buf = h.buf[:got]
		if got < n {
			if errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%w: the file ends before its size", ErrMalformed)
			}
			return nil, fmt.Errorf("read at byte %d: %w", h.pos, err)
		}
	}
	b := h.buf[h.pos-h.start:][:n]
	h.pos += int64(n)
	return b, nil
}

func (h *header) skip(n uint64) error {
	if err := h.need(n); err != nil {
		return err
	}
	h.pos += int64(n)
	return nil
}

func (h *header) uint32() (uint32, error) {
	b, err := h.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (h *header) uint64() (uint64, error) {
	b, err := h.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// count reads how many of something follow.
func (h *header) count(of string, limit int64) (int64, error) {
	n, err := h.uint64()
	if err != nil {
		return 0, err
	}
	if n > uint64(limit) {
		return 0, fmt.Errorf("%w: %d %s, at most %d", ErrMalformed, n, of, limit)
	}
	return int64(n), nil
}

// text reads a string of at most limit bytes.
func (h *header) text(limit int) (string, error) {
	n, err := h.uint64()
	if err != nil {
		return "", err
	}
	if err := h.need(n); err != nil {
		return "", err
	}
	if n > uint64(limit) {
		return "", fmt.Errorf("%w: text of %d bytes, at most %d", ErrMalformed, n, limit)
	}
	out := make([]byte, 0, n)
	for left := int(n); left > 0; {
		b, err := h.take(min(left, bufferSize))
		if err != nil {
			return "", err
		}
		out = append(out, b...)
		left -= len(b)
	}
	return string(out), nil
}

// name reads the name of a key or tensor: one to limit bytes of UTF-8 without control characters. An
// empty one, or one that ends early for C, takes loaders down.
func (h *header) name(limit int) (string, error) {
	s, err := h.text(limit)
	if err != nil {
		return "", err
	}
	if err := checkName(s); err != nil {
		return "", err
	}
	return s, nil
}

func checkName(s string) error {
	if s == "" || !utf8.ValidString(s) {
		return fmt.Errorf("%w: name %.80q is empty or not UTF-8", ErrMalformed, s)
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("%w: control character in name %.80q", ErrMalformed, s)
		}
	}
	return nil
}

// product multiplies, or reports that an int64 cannot hold the result.
func product(a, b uint64) (uint64, bool) {
	if b != 0 && a > math.MaxInt64/b {
		return 0, false
	}
	return a * b, true
}
