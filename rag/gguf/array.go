package gguf

import "fmt"

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
