// Package gguf looks over foreign model files before any loader sees them. Loaders are written in C++
// for files of friends: they allocate what a header asks for, and some read beyond a list that is
// shorter than another. Here every count, length, type, dimension and offset is checked against the
// file and against limits, in a few MiB of memory, without reading a single weight.
//
// It is not a loader, and it does not say that a model is any good or will run (one generated token
// says that), nor that its text is fit to show: a chat template is the author's program.
//
// [Check] reads GGUF (versions 2 and 3, little endian), [CheckSafetensors] the safetensors format.
package gguf

import (
	"errors"
	"fmt"
	"io"
)

var (
	// ErrNotGGUF is a file that does not begin like one.
	ErrNotGGUF = errors.New("not a GGUF file")
	// ErrMalformed is a file whose header contradicts itself, the file or the limits. The error that
	// wraps it says where.
	ErrMalformed = errors.New("malformed model file")
)

// Limits on what a header may ask for. The zero value has room for the largest models there are.
type Limits struct {
	Tensors int64 // default 16,384
	Keys    int64 // key-value pairs, default 4,096
	Array   int64 // elements of one array, default 4,194,304
	Header  int64 // bytes before the tensor data, default 128 MiB; safetensors 2 MiB
}

func (l Limits) orDefaults(header int64) Limits {
	for _, d := range []struct {
		of    *int64
		value int64
	}{{&l.Tensors, 16_384}, {&l.Keys, 4096}, {&l.Array, 1 << 22}, {&l.Header, header}} {
		if *d.of == 0 {
			*d.of = d.value
		}
	}
	return l
}

// Pooling is how a model makes one vector of a text, as GGUF numbers it.
type Pooling int

const (
	PoolingUnset Pooling = iota - 1 // the file does not say
	PoolingNone
	PoolingMean
	PoolingCLS
	PoolingLast
	PoolingRank // scores a pair of texts and makes no vector
)

// Info is what a GGUF file says of itself. Names are cut to a line fit for screens; ChatTemplate is as
// the author wrote it.
type Info struct {
	Version      int     `json:"version"`
	Type         string  `json:"type"` // "model", "adapter", or what else general.type says
	Architecture string  `json:"architecture"`
	Name         string  `json:"name,omitempty"`
	Licence      string  `json:"licence,omitempty"`
	Quantization string  `json:"quantization,omitempty"` // "Q4_K_M"
	Tensors      int     `json:"tensors"`
	Parameters   int64   `json:"parameters"`          // elements of all tensors
	Context      int64   `json:"context,omitempty"`   // tokens, 0 if not said
	Embedding    int64   `json:"embedding,omitempty"` // width, 0 if not said
	Blocks       int64   `json:"blocks,omitempty"`    // layers, 0 if not said
	Vocabulary   int64   `json:"vocabulary,omitempty"`
	Pooling      Pooling `json:"pooling"`
	Embedder     bool    `json:"embedder"` // made for vectors, not for text
	ChatTemplate string  `json:"chat_template,omitempty"`
	LoraAlpha    float32 `json:"lora_alpha,omitempty"` // adapters: scale is LoraAlpha / rank
	LoraRank     int64   `json:"lora_rank,omitempty"`  // adapters: the largest of its tensors
}

const (
	magic         = "GGUF"
	defaultHeader = 128 << 20
)

// Check reads the header of a GGUF file of size bytes. It returns ErrNotGGUF, ErrMalformed, or an
// error of r. Beyond what it returns it holds a buffer of 64 KiB and about 60 bytes a key and tensor.
//
// The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
func Check(r io.ReaderAt, size int64, l Limits) (Info, error) {
	l = l.orDefaults(defaultHeader)
	h := newHeader(r, size, l.Header)
	if start, err := h.take(4); err != nil || string(start) != magic {
		if err != nil && !errors.Is(err, ErrMalformed) {
			return Info{}, err
		}
		return Info{}, ErrNotGGUF
	}
	version, err := h.uint32()
	if err != nil {
		return Info{}, err
	}
	if version>>16 != 0 && version&0xffff == 0 {
		return Info{}, fmt.Errorf("%w: written for big-endian machines", ErrMalformed)
	}
	if version < 2 || version > 3 {
		return Info{}, fmt.Errorf("%w: version %d, only 2 and 3 are known", ErrMalformed, version)
	}
	tensors, err := h.count("tensors", l.Tensors)
	if err != nil {
		return Info{}, err
	}
	keys, err := h.count("keys", l.Keys)
	if err != nil {
		return Info{}, err
	}
	if tensors == 0 {
		return Info{}, fmt.Errorf("%w: no tensors", ErrMalformed)
	}
	m := metadata{h: h, limits: l, seen: map[key]struct{}{}, fileType: -1}
	for i := range keys {
		if err := m.readPair(); err != nil {
			return Info{}, fmt.Errorf("key %d of %d: %w", i+1, keys, err)
		}
	}
	info, err := m.info()
	if err != nil {
		return Info{}, err
	}
	info.Version = int(version)
	if err := readTensors(h, tensors, m.alignment(), &info); err != nil {
		return Info{}, err
	}
	return info, nil
}
