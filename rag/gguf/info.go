package gguf

import (
	"fmt"
	"strings"
	"unicode"
)

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
