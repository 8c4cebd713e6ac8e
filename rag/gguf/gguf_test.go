package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func check(b []byte) (Info, error) { return Check(bytes.NewReader(b), int64(len(b)), Limits{}) }

func TestAModelIsReadForWhatItSays(t *testing.T) {
	for _, version := range []uint32{2, 3} {
		f := small()
		f.version = version
		got, err := check(f.bytes())
		if err != nil {
			t.Fatal(err)
		}
		want := Info{Version: int(version), Type: "model", Architecture: "llama", Name: "Petit modèle", Licence: "apache-2.0",
			Quantization: "Q4_K_M", Tensors: 2, Parameters: 64*3 + 64*2, Context: 2048, Embedding: 64, Blocks: 2,
			Vocabulary: 3, Pooling: PoolingUnset, ChatTemplate: "{{ messages }}"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnAdapterIsToldFromAModel(t *testing.T) {
	got, err := check(adapter().bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := Info{Version: 3, Type: "adapter", Architecture: "llama", Tensors: 2, Parameters: 256, Pooling: PoolingUnset,
		LoraAlpha: 16, LoraRank: 8}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	silent := empty().set("adapter.type", typed("lora")).tensor("a", 0, 0, 1)
	if got, err := check(silent.bytes()); err != nil || got.Type != "adapter" {
		t.Errorf("without general.type: %q, %v", got.Type, err)
	}
}

func TestTheAdapterOfTheDemoIsAccepted(t *testing.T) {
	paths, err := filepath.Glob("../../deploy/demo/adapter/*.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("no adapter in deploy/demo/adapter")
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		info, err := Check(f, st.Size(), Limits{})
		if err != nil || info.Type != "adapter" || info.Architecture != "llama" || info.LoraAlpha == 0 {
			t.Errorf("%s: %+v, %v", path, info, err)
		}
	}
}

func TestModelsForVectorsAreToldFromModelsForText(t *testing.T) {
	for _, test := range []struct {
		architecture string
		pooling      Pooling
		embedder     bool
	}{
		{"bert", PoolingMean, true}, {"bert", PoolingUnset, true}, {"nomic-bert-moe", PoolingUnset, true},
		{"qwen3", PoolingLast, true}, {"qwen3", PoolingUnset, false}, {"llama", PoolingNone, false},
		{"bert", PoolingRank, false}, {"llama", PoolingCLS, true},
	} {
		f := &ggufFile{version: 3, align: 32, data: make([]byte, 64)}
		if test.pooling != PoolingUnset { // before the architecture is named
			f.set(test.architecture+".pooling_type", typed(uint32(test.pooling)))
		}
		f.set("general.architecture", typed(test.architecture)).tensor("a", 0, 0, 1)
		info, err := check(f.bytes())
		if err != nil || info.Embedder != test.embedder || info.Pooling != test.pooling {
			t.Errorf("%+v: %+v, %v", test, info, err)
		}
	}
}

func TestWhatIsNotGGUFIsToldFromABadOne(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("GGU"), []byte("GGML____"), safe(`{"a":1}`, 0)} {
		if _, err := check(b); !errors.Is(err, ErrNotGGUF) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func TestAFileCutAnywhereIsRefused(t *testing.T) {
	whole := small().bytes()
	last := len(whole) - 4096 + 768 + 72 // where the data of the second tensor ends
	for cut := 4; cut < last; cut++ {
		if _, err := check(whole[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
		}
	}
	if _, err := check(whole[:last]); err != nil {
		t.Errorf("the padding after the last tensor is asked for: %v", err)
	}
	if _, err := Check(bytes.NewReader(whole[:100]), int64(len(whole)), Limits{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("shorter than its size: %v", err)
	}
}

func TestAbsurdFilesAreRefused(t *testing.T) {
	with := func(f *ggufFile, change func(*ggufFile)) []byte { change(f); return f.bytes() }
	key := func(name string, value []byte) []byte { return small().set(name, value).bytes() }
	one := func(t uint32, offset uint64, dims ...uint64) []byte {
		return empty().tensor("a", t, offset, dims...).bytes()
	}
	replaced := func(name string, value []byte) []byte {
		f := small()
		for i, p := range f.pairs {
			if bytes.HasPrefix(p, le(name)) {
				f.pairs[i] = append(le(name), value...)
			}
		}
		return f.bytes()
	}
	for name, b := range map[string][]byte{
		"version 1":                       with(small(), func(f *ggufFile) { f.version = 1 }),
		"version of the future":           with(small(), func(f *ggufFile) { f.version = 4 }),
		"big endian":                      with(small(), func(f *ggufFile) { f.version = 3 << 24 }),
		"2^63 tensors":                    with(small(), func(f *ggufFile) { f.tensors = 1 << 63 }),
		"2^64-1 keys":                     with(small(), func(f *ggufFile) { f.keys = math.MaxUint64 }),
		"a tensor more than there is":     with(small(), func(f *ggufFile) { f.tensors = 3 }),
		"no tensors":                      empty().bytes(),
		"no architecture":                 (&ggufFile{version: 3, align: 32}).tensor("a", 0, 0, 0).bytes(),
		"architecture in other letters":   replaced("general.architecture", typed("../llama")),
		"architecture that is a number":   replaced("general.architecture", typed(uint32(1))),
		"type with an escape":             key("general.type", typed("model\x1b[0m")),
		"key longer than the file":        small().set("", nil).bytes()[:0:0],
		"empty key":                       key("", typed(uint32(1))),
		"key with a zero":                 key("a\x00b", typed(uint32(1))),
		"key that is not UTF-8":           key("\xff", typed(uint32(1))),
		"key of 257 bytes":                key(strings.Repeat("k", 257), typed(uint32(1))),
		"key twice":                       key("llama.context_length", typed(uint32(1))),
		"value of unknown type":           key("x", le(uint32(13))),
		"string longer than the file":     key("x", le(typeString, uint64(1<<40))),
		"string of 2^64-1 bytes":          key("x", le(typeString, uint64(math.MaxUint64))),
		"template longer than the file":   replaced("tokenizer.chat_template", le(typeString, uint64(1<<40))),
		"name of 64 KiB and one":          replaced("general.name", typed(strings.Repeat("n", 64<<10+1))),
		"array of arrays":                 key("x", list(typeArray, 1, typeUint8, uint64(0))),
		"array of unknown type":           key("x", list(99, 1)),
		"array of 2^64-1 strings":         key("x", list(typeString, math.MaxUint64)),
		"array longer than the file":      key("x", list(typeFloat64, 1<<21)),
		"array of more than the limit":    key("x", list(typeUint8, 1<<22+1)),
		"string in an array too long":     key("x", list(typeString, 2, "a", uint64(1<<62))),
		"tokens that are numbers":         replaced("tokenizer.ggml.tokens", list(typeUint32, 1, uint32(1))),
		"tokens that are one string":      replaced("tokenizer.ggml.tokens", typed("a")),
		"fewer scores than tokens":        replaced("tokenizer.ggml.scores", list(typeFloat32, 2, [2]float32{})),
		"scores of one byte":              replaced("tokenizer.ggml.scores", list(typeUint8, 3, [3]uint8{})),
		"one score":                       replaced("tokenizer.ggml.scores", typed(float32(1))),
		"fewer types than tokens":         replaced("tokenizer.ggml.token_type", list(typeInt32, 2, [2]int32{})),
		"types of one byte":               replaced("tokenizer.ggml.token_type", list(typeUint8, 3, [3]uint8{})),
		"merges that are numbers":         key("tokenizer.ggml.merges", list(typeUint8, 1, uint8(1))),
		"character map cut short":         key("tokenizer.ggml.precompiled_charsmap", list(typeUint8, 4, [4]uint8{})),
		"character map of words":          key("tokenizer.ggml.precompiled_charsmap", list(typeUint32, 8, [8]uint32{})),
		"four billion layers":             replaced("llama.block_count", typed(uint32(math.MaxUint32))),
		"minus one layer":                 replaced("llama.block_count", typed(int32(-1))),
		"layers as text":                  key("bert.block_count", typed(float32(1))),
		"2^64-1 tokens of context":        replaced("llama.context_length", typed(uint64(math.MaxUint64))),
		"unknown pooling":                 key("llama.pooling_type", typed(uint32(5))),
		"alpha that is no number":         key("adapter.lora.alpha", typed(float32(math.NaN()))),
		"alpha as a whole number":         key("adapter.lora.alpha", typed(uint32(16))),
		"zero alignment":                  key("general.alignment", typed(uint32(0))),
		"alignment of 48":                 key("general.alignment", typed(uint32(48))),
		"huge alignment":                  key("general.alignment", typed(uint32(1<<31))),
		"alignment of eight bytes":        key("general.alignment", typed(uint64(32))),
		"tensor without a name":           empty().tensor("", 0, 0, 1).bytes(),
		"tensor name of 64 bytes":         empty().tensor(strings.Repeat("n", 64), 0, 0, 1).bytes(),
		"two tensors of one name":         empty().tensor("a", 0, 0, 1).tensor("a", 0, 32, 1).bytes(),
		"tensor of no dimensions":         one(0, 0),
		"tensor of five dimensions":       one(0, 0, 1, 1, 1, 1, 1),
		"dimension of zero":               one(0, 0, 32, 0),
		"negative dimension":              one(0, 0, math.MaxUint64),
		"dimensions that overflow":        one(0, 0, 1<<32, 1<<32),
		"dimensions that overflow to one": one(0, 0, 1<<32+1, 1<<32-1, 1<<63),
		"bytes that overflow":             one(27, 0, 1<<61),
		"type given up by ggml":           one(5, 0, 32),
		"type of the future":              one(40, 0, 32),
		"row of half a block":             one(2, 0, 16, 2),
		"tensor larger than the file":     one(0, 0, 1025),
		"offset beyond the end":           one(0, 4096, 1),
		"offset that wraps around":        one(0, math.MaxUint64-31, 16),
		"offset not aligned":              one(0, 16, 1),
		"two tensors in one place":        empty().tensor("a", 0, 0, 1).tensor("b", 0, 0, 1).bytes(),
		"tensors that overlap":            empty().tensor("a", 0, 32, 64).tensor("b", 0, 0, 9).bytes(),
	} {
		if len(b) == 0 { // a key longer than the file
			b = append([]byte(magic), le(uint32(3), uint64(1), uint64(1), uint64(1<<20))...)
		}
		if info, err := check(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
}

func TestLimitsAreTheCallersToSet(t *testing.T) {
	b := small().bytes()
	for name, l := range map[string]Limits{
		"tensors": {Tensors: 1}, "keys": {Keys: 12}, "array": {Array: 2}, "header": {Header: 300},
	} {
		if _, err := Check(bytes.NewReader(b), int64(len(b)), l); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	exact := Limits{Tensors: 2, Keys: 13, Array: 3, Header: int64(len(b))}
	if _, err := Check(bytes.NewReader(b), int64(len(b)), exact); err != nil {
		t.Errorf("just enough: %v", err)
	}
}

func TestAnotherAlignmentIsHonoured(t *testing.T) {
	f := empty().set("general.alignment", typed(uint32(64))).tensor("a", 0, 0, 1).tensor("b", 0, 64, 1)
	f.align, f.data = 64, make([]byte, 68)
	if _, err := check(f.bytes()); err != nil {
		t.Error(err)
	}
	f.data = f.data[:67]
	if _, err := check(f.bytes()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte short: %v", err)
	}
}

// The sizes of blocks in bytes, summed from the fields of the structures in ggml-common.h: halves for
// scales, then packed bits.
func TestTensorTypesHaveTheirSizes(t *testing.T) {
	const k = 256
	for name, test := range map[string]struct {
		t               uint32
		elements, bytes uint64
	}{
		"F32": {0, 1, 4}, "F16": {1, 1, 2}, "BF16": {30, 1, 2}, "F64": {28, 1, 8},
		"I8": {24, 1, 1}, "I16": {25, 1, 2}, "I32": {26, 1, 4}, "I64": {27, 1, 8},
		"Q4_0": {2, 32, 2 + 32/2}, "Q4_1": {3, 32, 2*2 + 32/2}, "Q5_0": {6, 32, 2 + 4 + 32/2}, "Q5_1": {7, 32, 2*2 + 4 + 32/2},
		"Q8_0": {8, 32, 2 + 32}, "Q8_1": {9, 32, 2*2 + 32}, "MXFP4": {39, 32, 1 + 32/2}, "MXFP4 as 4": {4, 32, 1 + 32/2},
		"Q2_K": {10, k, 2*2 + k/16 + k/4}, "Q3_K": {11, k, 2 + k/4 + k/8 + 12}, "Q4_K": {12, k, 2*2 + 12 + k/2},
		"Q5_K": {13, k, 2*2 + 12 + k/2 + k/8}, "Q6_K": {14, k, 2 + k/16 + 3*k/4}, "Q8_K": {15, k, 4 + k + k/16*2},
		"IQ2_XXS": {16, k, 2 + k/8*2}, "IQ2_XS": {17, k, 2 + k/8*2 + k/32}, "IQ2_S": {22, k, 2 + k/4 + k/16},
		"IQ3_XXS": {18, k, 2 + 3*(k/8)}, "IQ3_S": {21, k, 2 + 13*(k/32) + k/64}, "IQ1_S": {19, k, 2 + k/8 + k/16},
		"IQ1_M": {29, k, k/8 + k/16 + k/32}, "IQ4_NL": {20, 32, 2 + 32/2}, "IQ4_XS": {23, k, 2*2 + k/64 + k/2},
		"TQ1_0": {34, k, 2 + k/64 + (k-4*k/64)/5}, "TQ2_0": {35, k, 2 + k/4},
	} {
		if got := layoutOf(test.t); got != (layout{test.elements, test.bytes}) {
			t.Errorf("%s: %+v, not %+v", name, got, test)
		}
	}
}

func TestAReadErrorIsNotTakenForABadFile(t *testing.T) {
	broken := errors.New("bad sector")
	whole := small().bytes()
	for _, at := range []int64{0, 4, 100} {
		_, err := Check(brokenAt{bytes.NewReader(whole), at, broken}, int64(len(whole)), Limits{})
		if !errors.Is(err, broken) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrNotGGUF) {
			t.Errorf("broken at %d: %v", at, err)
		}
	}
	_, err := CheckSafetensors(brokenAt{bytes.NewReader(whole), 0, broken}, int64(len(whole)), Limits{})
	if !errors.Is(err, broken) {
		t.Errorf("safetensors: %v", err)
	}
}

type brokenAt struct {
	r   io.ReaderAt
	at  int64
	err error
}

func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.at {
		return 0, b.err
	}
	return b.r.ReadAt(p, off)
}

// hole is a file of any size: a beginning, then zeros.
type hole struct{ start []byte }

func (h hole) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(h.start)) {
		copy(p, h.start[off:])
	}
	return len(p), nil
}

func TestMemoryStaysSmallWhateverTheFileSays(t *testing.T) {
	const huge = 1 << 50
	one := func() *ggufFile { f := empty(); f.tensors = 1; return f }
	manyKeys := one()
	for i := range 4000 {
		manyKeys.set(fmt.Sprintf("%0250d", i), typed(uint32(1)))
	}
	manyTensors := &ggufFile{version: 3, align: 32}
	manyTensors.set("general.architecture", typed("llama"))
	for i := range 16_384 {
		manyTensors.tensor(fmt.Sprintf("%063d", i), 0, uint64(i)*32, 1)
	}
	for name, start := range map[string][]byte{
		"array of 4 million empty strings": one().set("x", list(typeString, 1<<22)).bytes(),
		"template of a mebibyte":           one().set("tokenizer.chat_template", le(typeString, uint64(1<<20))).bytes(),
		"string of 100 MiB":                one().set("x", le(typeString, uint64(100<<20))).bytes(),
		"4,000 long keys":                  manyKeys.bytes(),
		"16,384 tensors":                   manyTensors.bytes(),
	} {
		got := allocated(func() { Check(hole{start}, huge, Limits{}) })
		if got > 8<<20 {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
		t.Logf("%s: %d KiB allocated in all", name, got>>10)
	}
}

// allocated is the number of bytes f allocates in all: more than it ever holds at once.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzCheck(f *testing.F) {
	for _, b := range [][]byte{
		small().bytes(), adapter().bytes(), empty().bytes(), small().bytes()[:200], []byte(magic),
		empty().set("x", list(typeString, 1<<40)).bytes(),
		empty().tensor("a", 12, 0, 1<<62).bytes(),
	} {
		f.Add(b[:min(len(b), 2000)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := check(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNotGGUF) {
				t.Errorf("unnamed error %v", err)
			}
			return
		}
		// The densest type there is holds 256 elements in 50 bytes.
		if info.Tensors < 1 || info.Parameters < 1 || info.Parameters > int64(len(b))*256/50 || info.Architecture == "" {
			t.Errorf("accepted %d bytes as %+v", len(b), info)
		}
	})
}
