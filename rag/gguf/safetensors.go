package gguf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrNotSafetensors is a file that does not begin like one.
var ErrNotSafetensors = errors.New("not a safetensors file")

// SafeInfo is what a safetensors file says of itself.
type SafeInfo struct {
	Tensors    int      `json:"tensors"`
	Parameters int64    `json:"parameters"` // elements of all tensors
	DTypes     []string `json:"dtypes"`     // sorted: "BF16", "F32"
	Adapter    bool     `json:"adapter"`    // every tensor is half of a LoRA pair
	LoraRank   int64    `json:"lora_rank,omitempty"`
}

const (
	defaultSafeHeader = 2 << 20
	maxSafeDims       = 8
	maxSafeName       = 256
)

// CheckSafetensors reads the header of a safetensors file of size bytes: a length, then JSON. It
// returns ErrNotSafetensors, ErrMalformed, or an error of r. It is as strict as the reference reader
// (tensors fill the file without holes) and stricter where readers differ: nothing may be said twice,
// and a tensor says its type, shape and place and nothing else. It holds the JSON and about 60 bytes
// a tensor.
//
// The format: github.com/huggingface/safetensors#format.
func CheckSafetensors(r io.ReaderAt, size int64, l Limits) (SafeInfo, error) {
	l = l.orDefaults(defaultSafeHeader)
	h := newHeader(r, size, size)
	n, err := h.uint64()
	if errors.Is(err, ErrMalformed) {
		return SafeInfo{}, ErrNotSafetensors
	}
	if err != nil {
		return SafeInfo{}, err
	}
	start, err := h.take(1)
	if err != nil && !errors.Is(err, ErrMalformed) {
		return SafeInfo{}, err
	}
	if err != nil || start[0] != '{' {
		return SafeInfo{}, ErrNotSafetensors
	}
	if n > uint64(l.Header) || n > uint64(size-8) {
		return SafeInfo{}, fmt.Errorf("%w: header of %d bytes, at most %d", ErrMalformed, n, min(l.Header, size-8))
	}
	text := make([]byte, n)
	if got, err := r.ReadAt(text, 8); got < len(text) {
		return SafeInfo{}, fmt.Errorf("read header: %w", err)
	}
	if !utf8.Valid(text) {
		return SafeInfo{}, fmt.Errorf("%w: header is not UTF-8", ErrMalformed)
	}
	s := safeHeader{dec: json.NewDecoder(bytes.NewReader(text)), limits: l, room: uint64(size) - 8 - n}
	s.dec.UseNumber()
	if err := s.read(); err != nil {
		return SafeInfo{}, err
	}
	return s.info()
}

// safeHeader reads the JSON token by token: encoding/json alone would take a field said twice, or in
// other letters, and leave open which one a loader believes.
type safeHeader struct {
	dec    *json.Decoder
	limits Limits
	room   uint64 // bytes of tensor data

	tensors    int64
	parameters uint64
	rank       uint64
	pairs      int64 // tensors that are half of a LoRA pair
	dtypes     []string
	spans      []span
}

func (s *safeHeader) read() error {
	err := s.object(func(name string) error {
		if name == "__metadata__" {
			return s.object(func(string) error { _, err := s.text(); return err })
		}
		if err := s.tensor(name); err != nil {
			return fmt.Errorf("tensor %.80q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t, err := s.dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: %v after the header", ErrMalformed, t)
	}
	return nil
}

// tensor reads one description and checks it.
func (s *safeHeader) tensor(name string) error {
	if len(name) > maxSafeName {
		return fmt.Errorf("%w: name of %d bytes, at most %d", ErrMalformed, len(name), maxSafeName)
	}
	if err := checkName(name); err != nil {
		return err
	}
	if s.tensors++; s.tensors > s.limits.Tensors {
		return fmt.Errorf("%w: more than %d tensors", ErrMalformed, s.limits.Tensors)
	}
	var dtype string
	var shape, offsets []uint64
	fields := 0
	err := s.object(func(field string) (err error) {
		fields++
		switch field {
		case "dtype":
			dtype, err = s.text()
		case "shape":
			shape, err = s.counts(maxSafeDims)
		case "data_offsets":
			offsets, err = s.counts(2)
		default:
			err = fmt.Errorf("%w: unknown field %.40q", ErrMalformed, field)
		}
		return err
	})
	if err != nil {
		return err
	}
	if fields != 3 || len(offsets) != 2 {
		return fmt.Errorf("%w: lacks its type, shape or place", ErrMalformed)
	}
	return s.place(name, dtype, shape, span{offsets[0], offsets[1]})
}

// place checks that a tensor fits where it says it lies.
func (s *safeHeader) place(name, dtype string, shape []uint64, at span) error {
	bits := bitsOf(dtype)
	if bits == 0 {
		return fmt.Errorf("%w: unknown type %.20q", ErrMalformed, dtype)
	}
	elements, ok := uint64(1), true
	for _, d := range shape {
		if elements, ok = product(elements, d); !ok {
			return fmt.Errorf("%w: shape too large", ErrMalformed)
		}
	}
	size, ok := product(elements, bits)
	if !ok || size%8 != 0 || at.from > at.to || at.to > s.room || at.to-at.from != size/8 {
		return fmt.Errorf("%w: %d elements of %s do not fill bytes %d to %d of %d", ErrMalformed, elements, dtype, at.from, at.to, s.room)
	}
	if !slices.Contains(s.dtypes, dtype) {
		s.dtypes = append(s.dtypes, dtype)
	}
	s.spans = append(s.spans, at)
	s.parameters += elements
	a, b := strings.Contains(name, ".lora_A."), strings.Contains(name, ".lora_B.")
	if a || b {
		s.pairs++
	}
	if a && len(shape) == 2 {
		s.rank = max(s.rank, shape[0])
	}
	return nil
}

// info checks that the tensors fill the file, one after the other, and sums up.
func (s *safeHeader) info() (SafeInfo, error) {
	if s.tensors == 0 {
		return SafeInfo{}, fmt.Errorf("%w: no tensors", ErrMalformed)
	}
	slices.SortFunc(s.spans, compareSpans)
	end := uint64(0)
	for _, at := range s.spans {
		if at.from != end {
			return SafeInfo{}, fmt.Errorf("%w: tensors overlap or leave a hole at byte %d", ErrMalformed, min(at.from, end))
		}
		end = at.to
	}
	if end != s.room {
		return SafeInfo{}, fmt.Errorf("%w: %d bytes after the last tensor", ErrMalformed, s.room-end)
	}
	slices.Sort(s.dtypes)
	return SafeInfo{
		Tensors: int(s.tensors), Parameters: int64(s.parameters), DTypes: s.dtypes,
		Adapter: s.pairs == s.tensors, LoraRank: int64(s.rank),
	}, nil
}

// object reads an object and calls each for every key, to read its value.
func (s *safeHeader) object(each func(key string) error) error {
	if err := s.delim('{'); err != nil {
		return err
	}
	seen := map[key]struct{}{}
	for s.dec.More() {
		name, err := s.text()
		if err != nil {
			return err
		}
		if _, twice := seen[keyOf(name)]; twice {
			return fmt.Errorf("%w: %.80q said twice", ErrMalformed, name)
		}
		seen[keyOf(name)] = struct{}{}
		if err := each(name); err != nil {
			return err
		}
	}
	return s.delim('}')
}

// counts reads a list of at most limit whole numbers.
func (s *safeHeader) counts(limit int) ([]uint64, error) {
	if err := s.delim('['); err != nil {
		return nil, err
	}
	var list []uint64
	for s.dec.More() {
		t, err := s.token()
		if err != nil {
			return nil, err
		}
		n, ok := t.(json.Number)
		v, err := strconv.ParseUint(string(n), 10, 63)
		if !ok || err != nil || len(list) == limit {
			return nil, fmt.Errorf("%w: %.40q in a list of at most %d whole numbers", ErrMalformed, fmt.Sprint(t), limit)
		}
		list = append(list, v)
	}
	return list, s.delim(']')
}

func (s *safeHeader) text() (string, error) {
	t, err := s.token()
	if err != nil {
		return "", err
	}
	text, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%w: %.40q where text belongs", ErrMalformed, fmt.Sprint(t))
	}
	return text, nil
}

func (s *safeHeader) delim(want json.Delim) error {
	t, err := s.token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%w: %.40q where %v belongs", ErrMalformed, fmt.Sprint(t), want)
	}
	return nil
}

func (s *safeHeader) token() (json.Token, error) {
	t, err := s.dec.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return t, nil
}

// bitsOf is the size of an element of a type; 0 if unknown.
func bitsOf(dtype string) uint64 {
	switch dtype {
	case "F4":
		return 4
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0":
		return 8
	case "U16", "I16", "F16", "BF16":
		return 16
	case "U32", "I32", "F32":
		return 32
	case "U64", "I64", "F64", "C64":
		return 64
	}
	return 0
}
