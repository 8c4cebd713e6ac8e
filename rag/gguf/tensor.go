package gguf

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// layout is how the elements of a tensor type lie in the file: blocks of so many elements in so many
// bytes. The zero value is a type no loader knows.
type layout struct{ elements, bytes uint64 }

// layoutOf gives the layout of a ggml type (ggml.h, ggml-common.h). 4, 5, 31 to 33 and 36 to 38 were
// given up by ggml; some files number MXFP4 as 4, as Ollama's engine does.
func layoutOf(t uint32) layout {
	switch t {
	case 0, 26: // F32, I32
		return layout{1, 4}
	case 1, 25, 30: // F16, I16, BF16
		return layout{1, 2}
	case 24: // I8
		return layout{1, 1}
	case 27, 28: // I64, F64
		return layout{1, 8}
	case 2, 20: // Q4_0, IQ4_NL: a half and 32 nibbles
		return layout{32, 18}
	case 3: // Q4_1
		return layout{32, 20}
	case 4, 39: // MXFP4: a byte and 32 nibbles
		return layout{32, 17}
	case 6: // Q5_0
		return layout{32, 22}
	case 7: // Q5_1
		return layout{32, 24}
	case 8: // Q8_0
		return layout{32, 34}
	case 9: // Q8_1
		return layout{32, 36}
	case 10: // Q2_K
		return layout{256, 84}
	case 11, 21: // Q3_K, IQ3_S
		return layout{256, 110}
	case 12: // Q4_K
		return layout{256, 144}
	case 13: // Q5_K
		return layout{256, 176}
	case 14: // Q6_K
		return layout{256, 210}
	case 15: // Q8_K
		return layout{256, 292}
	case 16, 35: // IQ2_XXS, TQ2_0
		return layout{256, 66}
	case 17: // IQ2_XS
		return layout{256, 74}
	case 18: // IQ3_XXS
		return layout{256, 98}
	case 19: // IQ1_S
		return layout{256, 50}
	case 22: // IQ2_S
		return layout{256, 82}
	case 23: // IQ4_XS
		return layout{256, 136}
	case 29: // IQ1_M
		return layout{256, 56}
	case 34: // TQ1_0
		return layout{256, 54}
	}
	return layout{}
}

const (
	maxDims       = 4
	maxTensorName = 63 // loaders keep 64 bytes with the zero
)

// span is where the data of a tensor lies, counted from the start of all tensor data.
type span struct{ from, to uint64 }

func compareSpans(a, b span) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

// readTensors reads and checks the n tensor descriptions that end the header.
func readTensors(h *header, n int64, alignment uint64, info *Info) error {
	spans := make([]span, 0, min(n, 4096))
	seen := map[key]struct{}{}
	for i := range n {
		s, err := readTensor(h, alignment, seen, info)
		if err != nil {
			return fmt.Errorf("tensor %d of %d: %w", i+1, n, err)
		}
		spans = append(spans, s)
	}
	info.Tensors = int(n)
	start := (uint64(h.pos) + alignment - 1) / alignment * alignment
	room := uint64(0)
	if start < uint64(h.size) {
		room = uint64(h.size) - start
	}
	slices.SortFunc(spans, compareSpans)
	end := uint64(0)
	for _, s := range spans {
		if s.to > room {
			return fmt.Errorf("%w: tensor data to byte %d of %d", ErrMalformed, s.to, room)
		}
		if s.from < end {
			return fmt.Errorf("%w: two tensors share byte %d of the data", ErrMalformed, s.from)
		}
		end = s.to
	}
	return nil
}

// readTensor reads one description: name, dimensions, type, offset.
func readTensor(h *header, alignment uint64, seen map[key]struct{}, info *Info) (span, error) {
	name, err := h.name(maxTensorName)
	if err != nil {
		return span{}, err
	}
	if _, twice := seen[keyOf(name)]; twice {
		return span{}, fmt.Errorf("%w: name %q twice", ErrMalformed, name)
	}
	seen[keyOf(name)] = struct{}{}
	dims, elements, err := readDims(h)
	if err != nil {
		return span{}, fmt.Errorf("%q: %w", name, err)
	}
	t, err := h.uint32()
	if err != nil {
		return span{}, err
	}
	offset, err := h.uint64()
	if err != nil {
		return span{}, err
	}
	l := layoutOf(t)
	if l.elements == 0 {
		return span{}, fmt.Errorf("%w: %q has unknown type %d", ErrMalformed, name, t)
	}
	if dims[0]%l.elements != 0 {
		return span{}, fmt.Errorf("%w: %q has rows of %d elements, not whole blocks of %d", ErrMalformed, name, dims[0], l.elements)
	}
	size, ok := product(elements/l.elements, l.bytes)
	if !ok || offset > uint64(h.size) || size > uint64(h.size) {
		return span{}, fmt.Errorf("%w: %q lies outside the file", ErrMalformed, name)
	}
	if offset%alignment != 0 {
		return span{}, fmt.Errorf("%w: %q at byte %d, not a multiple of %d", ErrMalformed, name, offset, alignment)
	}
	if int64(elements) > math.MaxInt64-info.Parameters {
		return span{}, fmt.Errorf("%w: more elements than can be counted", ErrMalformed)
	}
	info.Parameters += int64(elements)
	if strings.HasSuffix(name, ".lora_a") {
		info.LoraRank = max(info.LoraRank, int64(dims[1]))
	}
	return span{offset, offset + size}, nil
}

// readDims reads one to four dimensions, each at least 1: loaders divide by them.
func readDims(h *header) (dims [maxDims]uint64, elements uint64, err error) {
	n, err := h.uint32()
	if err != nil {
		return dims, 0, err
	}
	if n == 0 || n > maxDims {
		return dims, 0, fmt.Errorf("%w: %d dimensions, at most %d", ErrMalformed, n, maxDims)
	}
	dims, elements = [maxDims]uint64{1, 1, 1, 1}, 1
	for i := range n {
		if dims[i], err = h.uint64(); err != nil {
			return dims, 0, err
		}
		var ok bool
		if elements, ok = product(elements, dims[i]); !ok || elements == 0 {
			return dims, 0, fmt.Errorf("%w: dimension %d is %d", ErrMalformed, i+1, dims[i])
		}
	}
	return dims, elements, nil
}

// quantization names a general.file_type (llama_ftype in llama.h); empty if unknown.
func quantization(fileType int64) string {
	names := map[int64]string{
		0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
		12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
		19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
		26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16",
		36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
	}
	return names[fileType]
}
