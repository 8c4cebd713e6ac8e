package engine

import (
	"bytes"
	"encoding/binary"
)

// tinyGGUF is a valid GGUF with one tensor of one row, of a model or of an adapter.
func tinyGGUF(adapter bool) []byte {
	kind, tensor := "model", "token_embd.weight"
	if adapter {
		kind, tensor = "adapter", "blk.0.attn_q.weight.lora_a"
	}
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				v = append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
			}
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	const text, f32 = uint32(8), uint32(0)
	b.WriteString("GGUF")
	put(uint32(3), uint64(1), uint64(2))
	put("general.architecture", text, "llama")
	put("general.type", text, kind)
	put(tensor, uint32(1), uint64(32), f32, uint64(0))
	for b.Len()%32 != 0 {
		b.WriteByte(0)
	}
	put(make([]float32, 32))
	return b.Bytes()
}
