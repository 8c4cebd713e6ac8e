package gguf

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// key stands for a name already seen, without keeping it.
type key [16]byte

func keyOf(name string) key {
	sum := sha256.Sum256([]byte(name))
	return key(sum[:16])
}

// Longest texts in bytes. Values nobody here asks for have no limit but the header's: some files hold
// a whole tokenizer in one string.
const (
	maxKey      = 256
	maxLabel    = 64 << 10 // names and licences
	maxTemplate = 1 << 20
	maxNumbers  = 64 // keys of one meaning: a file has one architecture, not many
)

// metadata is what is kept of the key-value pairs.
type metadata struct {
	h      *header
	limits Limits
	seen   map[key]struct{}

	align                                               uint64 // 0 if not said
	architecture, kind, name, licence, template, adapts string
	fileType                                            int64 // -1 if not said
	alpha                                               float32
	numbers                                             []number
	tokens, scores, tokenTypes                          array
}

// number is a value whose key begins with the architecture, which may only be named later.
type number struct {
	architecture, of string
	value            int64
}

// array is the shape of an array; absent if not ok.
type array struct {
	of     valueType
	length int64
	ok     bool
}

// readPair reads one key and its value.
func (m *metadata) readPair() error {
	name, err := m.h.name(maxKey)
	if err != nil {
		return err
	}
	if _, twice := m.seen[keyOf(name)]; twice {
		return fmt.Errorf("%w: key %q twice", ErrMalformed, name)
	}
	m.seen[keyOf(name)] = struct{}{}
	t, err := m.h.uint32()
	if err != nil {
		return err
	}
	if err := m.readValue(name, valueType(t)); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// readValue keeps the values that matter, with the one type that loaders expect of them, and steps
// over the rest.
func (m *metadata) readValue(name string, t valueType) error {
	if into, limit := m.textFor(name); into != nil {
		if t != typeString {
			return wrongType(t)
		}
		var err error
		*into, err = m.h.text(limit)
		return err
	}
	switch name {
	case "general.alignment":
		if t != typeUint32 {
			return wrongType(t)
		}
		v, err := m.h.uint32()
		if err != nil {
			return err
		}
		if v < 8 || v > 1<<16 || v&(v-1) != 0 {
			return fmt.Errorf("%w: alignment of %d, not a power of two from 8 to 65536", ErrMalformed, v)
		}
		m.align = uint64(v)
		return nil
	case "adapter.lora.alpha":
		if t != typeFloat32 {
			return wrongType(t)
		}
		v, err := m.h.uint32()
		m.alpha = math.Float32frombits(v)
		if err == nil && (math.IsNaN(float64(m.alpha)) || math.IsInf(float64(m.alpha), 0)) {
			return fmt.Errorf("%w: not a number", ErrMalformed)
		}
		return err
	}
	if t == typeArray {
		return m.readArray(name)
	}
	if isList(name) {
		return wrongType(t)
	}
	if t == typeString {
		return m.skipText()
	}
	return m.readNumber(name, t)
}

// textFor says where the text of a key is kept and how long it may be; nil if it is not kept.
func (m *metadata) textFor(name string) (into *string, limit int) {
	switch name {
	case "general.architecture":
		return &m.architecture, maxKey
	case "general.type":
		return &m.kind, maxKey
	case "adapter.type":
		return &m.adapts, maxKey
	case "general.name":
		return &m.name, maxLabel
	case "general.license":
		return &m.licence, maxLabel
	case "tokenizer.chat_template":
		return &m.template, maxTemplate
	}
	return nil, 0
}

func wrongType(t valueType) error {
	return fmt.Errorf("%w: value of type %d, which loaders do not expect here", ErrMalformed, t)
}

func (m *metadata) skipText() error {
	n, err := m.h.uint64()
	if err != nil {
		return err
	}
	return m.h.skip(n)
}

// largest is the most that any model needs of what loaders allocate or loop by.
func largest(of string) (int64, bool) {
	switch of {
	case "block_count", "expert_count", "expert_used_count":
		return 4096, true
	case "attention.head_count", "attention.head_count_kv":
		return 1 << 16, true
	case "embedding_length", "feed_forward_length":
		return 1 << 22, true
	case "vocab_size":
		return 1 << 24, true
	case "context_length":
		return 1 << 31, true
	case "pooling_type":
		return int64(PoolingRank), true
	}
	return 0, false
}

func (m *metadata) readNumber(name string, t valueType) error {
	width := t.width()
	if width == 0 {
		return fmt.Errorf("%w: unknown type %d", ErrMalformed, t)
	}
	b, err := m.h.take(width)
	if err != nil {
		return err
	}
	var wide [8]byte
	copy(wide[:], b)
	v := binary.LittleEndian.Uint64(wide[:])
	if name == "general.file_type" && t == typeUint32 {
		m.fileType = int64(v)
		return nil
	}
	architecture, of, ok := strings.Cut(name, ".")
	limit, known := largest(of)
	if !ok || !known {
		return nil
	}
	if t != typeUint32 && t != typeUint64 && t != typeInt32 && t != typeUint16 {
		return wrongType(t)
	}
	if v > uint64(limit) { // a negative int32 too
		return fmt.Errorf("%w: %d, at most %d", ErrMalformed, v, limit)
	}
	if len(m.numbers) == maxNumbers {
		return fmt.Errorf("%w: more than %d numbers of architectures", ErrMalformed, maxNumbers)
	}
	m.numbers = append(m.numbers, number{architecture, of, int64(v)})
	return nil
}

// number returns what the file says of its own architecture, or otherwise.
func (m *metadata) number(of string, otherwise int64) int64 {
	for _, n := range m.numbers {
		if n.architecture == m.architecture && n.of == of {
			return n.value
		}
	}
	return otherwise
}

func (m *metadata) alignment() uint64 {
	if m.align == 0 {
		return 32
	}
	return m.align
}
