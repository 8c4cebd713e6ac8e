package gguf

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// gguf is a file being written, right or wrong as a test wants it.
type ggufFile struct {
	version       uint32
	keys, tensors uint64 // counts to lie with; 0 says the truth
	pairs, infos  [][]byte
	align         int
	data          []byte
}

func le(vs ...any) []byte {
	var b bytes.Buffer
	for _, v := range vs {
		if s, ok := v.(string); ok {
			v = append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
		}
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// typed is a value as a pair holds it: its type, then itself.
func typed(v any) []byte {
	types := map[string]valueType{"uint8": 0, "int8": 1, "uint16": 2, "int16": 3, "uint32": 4, "int32": 5,
		"float32": 6, "bool": 7, "string": 8, "uint64": 10, "int64": 11, "float64": 12}
	return le(types[fmt.Sprintf("%T", v)], v)
}

func list(of valueType, n uint64, values ...any) []byte { return le(typeArray, of, n, le(values...)) }

func (f *ggufFile) set(key string, value []byte) *ggufFile {
	f.pairs = append(f.pairs, append(le(key), value...))
	return f
}

func (f *ggufFile) tensor(name string, t uint32, offset uint64, dims ...uint64) *ggufFile {
	f.infos = append(f.infos, le(name, uint32(len(dims)), dims, t, offset))
	return f
}

func (f *ggufFile) bytes() []byte {
	keys, tensors := uint64(len(f.pairs)), uint64(len(f.infos))
	if f.keys != 0 {
		keys = f.keys
	}
	if f.tensors != 0 {
		tensors = f.tensors
	}
	out := append([]byte(magic), le(f.version, tensors, keys)...)
	out = append(out, bytes.Join(f.pairs, nil)...)
	out = append(out, bytes.Join(f.infos, nil)...)
	for len(out)%f.align != 0 {
		out = append(out, 0)
	}
	return append(out, f.data...)
}

// empty is a file with an architecture and 4,096 bytes of data.
func empty() *ggufFile {
	f := &ggufFile{version: 3, align: 32, data: make([]byte, 4096)}
	return f.set("general.architecture", typed("llama"))
}

// small is a right file: a model of two tensors.
func small() *ggufFile {
	return empty().
		set("general.name", typed("Petit\u202e\nmodèle")).
		set("general.license", typed("apache-2.0")).
		set("general.file_type", typed(uint32(15))).
		set("llama.context_length", typed(uint32(2048))).
		set("llama.embedding_length", typed(uint32(64))).
		set("llama.block_count", typed(uint32(2))).
		set("other.context_length", typed(uint32(7))).
		set("tokenizer.chat_template", typed("{{ messages }}")).
		set("tokenizer.huggingface.json", typed("{}")).
		set("tokenizer.ggml.tokens", list(typeString, 3, "a", "", "ccc")).
		set("tokenizer.ggml.scores", list(typeFloat32, 3, [3]float32{})).
		set("tokenizer.ggml.token_type", list(typeInt32, 3, [3]int32{})).
		tensor("token_embd.weight", 0, 0, 64, 3).
		tensor("blk.0.weight", 2, 768, 64, 2)
}

func adapter() *ggufFile {
	return empty().
		set("general.type", typed("adapter")).
		set("adapter.type", typed("lora")).
		set("adapter.lora.alpha", typed(float32(16))).
		tensor("blk.0.attn_k.weight.lora_a", 1, 0, 16, 8).
		tensor("blk.0.attn_k.weight.lora_b", 1, 256, 8, 16)
}

// safe writes a safetensors file around a header.
func safe(header string, data int) []byte {
	return append(append(le(uint64(len(header))), header...), make([]byte, data)...)
}

func safeTensor(dtype string, from, to int, shape ...int) map[string]any {
	if shape == nil {
		shape = []int{}
	}
	return map[string]any{"dtype": dtype, "shape": shape, "data_offsets": []int{from, to}}
}

func safeJSON(tensors map[string]any) string {
	b, err := json.Marshal(tensors)
	if err != nil {
		panic(err)
	}
	return string(b)
}
