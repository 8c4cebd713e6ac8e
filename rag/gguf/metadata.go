package gguf

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode"
)

// valueType is the type of a value, as GGUF numbers them.
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// width is the size of a value in bytes; 0 for strings, arrays and types unknown.
func (t valueType) width() int {
	switch t {
	case typeUint8, typeInt8, typeBool:
		return 1
	case typeUint16, typeInt16:
		return 2
	case typeUint32, typeInt32, typeFloat32:
		return 4
	case typeUint64, typeInt64, typeFloat64:
		return 8
	}
	return 0
}

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

// readArray steps over an array and keeps the shape of those that loaders read side by side.
func (m *metadata) readArray(name string) error {
	t, err := m.h.uint32()
	if err != nil {
		return err
	}
	a := array{of: valueType(t), ok: true}
	if a.length, err = m.h.count("elements", m.limits.Array); err != nil {
		return err
	}
	switch a.of {
	case typeString:
		for range a.length {
			if err := m.skipText(); err != nil {
				return err
			}
		}
	case typeArray:
		return fmt.Errorf("%w: array of arrays", ErrMalformed)
	default:
		width := a.of.width()
		if width == 0 {
			return fmt.Errorf("%w: array of unknown type %d", ErrMalformed, a.of)
		}
		if err := m.h.skip(uint64(a.length) * uint64(width)); err != nil {
			return err
		}
	}
	return m.keepArray(name, a)
}

// isList reports the keys that loaders read as lists without asking what they are.
func isList(name string) bool {
	switch name {
	case "tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.scores",
		"tokenizer.ggml.token_type", "tokenizer.ggml.precompiled_charsmap":
		return true
	}
	return false
}

// keepArray holds those lists to the element types that loaders take for granted.
func (m *metadata) keepArray(name string, a array) error {
	fits := true
	switch name {
	case "tokenizer.ggml.tokens":
		m.tokens, fits = a, a.of == typeString
	case "tokenizer.ggml.merges":
		fits = a.of == typeString
	case "tokenizer.ggml.scores":
		m.scores, fits = a, a.of == typeFloat32
	case "tokenizer.ggml.token_type":
		m.tokenTypes, fits = a, a.of == typeInt32 || a.of == typeUint32
	case "tokenizer.ggml.precompiled_charsmap": // begins with a length of 4 bytes
		fits = a.of.width() == 1 && (a.length == 0 || a.length > 4)
	}
	if !fits {
		return fmt.Errorf("%w: a list of %d values of type %d, which loaders do not expect here", ErrMalformed, a.length, a.of)
	}
	return nil
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

// info puts together what the pairs say, and refuses what does not fit together.
func (m *metadata) info() (Info, error) {
	if !isWord(m.architecture) {
		return Info{}, fmt.Errorf("%w: architecture %.80q", ErrMalformed, m.architecture)
	}
	switch {
	case m.kind == "" && m.adapts != "":
		m.kind = "adapter"
	case m.kind == "":
		m.kind = "model"
	case !isWord(m.kind):
		return Info{}, fmt.Errorf("%w: type %.80q", ErrMalformed, m.kind)
	}
	for name, a := range map[string]array{"scores": m.scores, "token types": m.tokenTypes} {
		if a.ok && a.length < m.tokens.length {
			return Info{}, fmt.Errorf("%w: %d %s for %d tokens", ErrMalformed, a.length, name, m.tokens.length)
		}
	}
	info := Info{
		Type: m.kind, Architecture: m.architecture,
		Name: oneLine(m.name), Licence: oneLine(m.licence), ChatTemplate: m.template,
		Context: m.number("context_length", 0), Embedding: m.number("embedding_length", 0),
		Blocks: m.number("block_count", 0), Vocabulary: m.tokens.length,
		Pooling:   Pooling(m.number("pooling_type", int64(PoolingUnset))),
		LoraAlpha: m.alpha, Quantization: quantization(m.fileType),
	}
	info.Embedder = info.Type == "model" && makesVectors(info.Architecture, info.Pooling)
	return info, nil
}

// makesVectors tells models made for vectors: those that say how they pool (but for rerankers), and
// encoders that do not say.
func makesVectors(architecture string, p Pooling) bool {
	switch p {
	case PoolingMean, PoolingCLS, PoolingLast:
		return true
	case PoolingRank:
		return false
	}
	return strings.HasSuffix(architecture, "bert") || strings.Contains(architecture, "bert-") ||
		architecture == "t5encoder" || architecture == "gemma-embedding"
}

// isWord reports a short word of the letters that architectures and types are named with.
func isWord(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// oneLine makes foreign text fit for one line on a screen: at most 200 bytes, no control, format or
// bidirectional characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return strings.TrimSpace(s)
}
