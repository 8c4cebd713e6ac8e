package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func checkSafe(b []byte) (SafeInfo, error) {
	return CheckSafetensors(bytes.NewReader(b), int64(len(b)), Limits{})
}

func TestSafetensorsAreReadForWhatTheySay(t *testing.T) {
	header := safeJSON(map[string]any{
		"__metadata__": map[string]string{"format": "pt"},
		"embed.weight": safeTensor("F32", 16, 64, 4, 3),
		"norm.weight":  safeTensor("BF16", 0, 16, 8),
		"empty":        safeTensor("F32", 64, 64, 0, 7),
		"scalar":       safeTensor("I64", 64, 72),
	})
	got, err := checkSafe(safe(header+"   ", 72))
	if err != nil {
		t.Fatal(err)
	}
	want := SafeInfo{Tensors: 4, Parameters: 21, DTypes: []string{"BF16", "F32", "I64"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestALoraInSafetensorsIsKnownByItsPairs(t *testing.T) {
	a, b := "base.q_proj.lora_A.weight", "base.q_proj.lora_B.weight"
	pair := map[string]any{a: safeTensor("F32", 0, 512, 8, 16), b: safeTensor("F32", 512, 1024, 16, 8)}
	got, err := checkSafe(safe(safeJSON(pair), 1024))
	if err != nil || !got.Adapter || got.LoraRank != 8 {
		t.Errorf("%+v, %v", got, err)
	}
	pair["more"] = safeTensor("U8", 1024, 1025, 1)
	if got, err := checkSafe(safe(safeJSON(pair), 1025)); err != nil || got.Adapter {
		t.Errorf("with another tensor: %+v, %v", got, err)
	}
}

func TestWhatIsNotSafetensorsIsToldFromABadOne(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("GGUF"), small().bytes(), safe("[]", 0), le(uint64(2))} {
		if _, err := checkSafe(b); !errors.Is(err, ErrNotSafetensors) {
			t.Errorf("%.20q: %v", b, err)
		}
	}
}

func TestAbsurdSafetensorsAreRefused(t *testing.T) {
	one := func(dtype string, from, to int, shape ...int) string {
		return safeJSON(map[string]any{"a": safeTensor(dtype, from, to, shape...)})
	}
	const good = `"dtype":"U8","shape":[8],"data_offsets":[0,8]`
	const half, other = `"dtype":"U8","shape":[4],"data_offsets":[0,4]`, `"dtype":"U8","shape":[4],"data_offsets":[4,8]`
	for name, header := range map[string]string{
		"no tensors":                      `{}`,
		"metadata only":                   `{"__metadata__":{"a":"b"}}`,
		"metadata that is not text":       `{"__metadata__":{"a":1},"a":{` + good + `}}`,
		"not JSON":                        `{"a":{` + good + `}`,
		"more after the header":           `{"a":{` + good + `}} {}`,
		"tensor that is a list":           `{"a":[1]}`,
		"lists in lists":                  `{"a":{"shape":` + strings.Repeat("[", 10_000) + `}}`,
		"one name twice":                  `{"a":{` + half + `},"a":{` + other + `}}`,
		"one name twice, spelled apart":   `{"a":{` + half + `},"\u0061":{` + other + `}}`,
		"one field twice":                 `{"a":{` + good + `,"dtype":"U8"}}`,
		"unknown field":                   `{"a":{` + good + `,"Dtype":"F32"}}`,
		"no place":                        `{"a":{"dtype":"U8","shape":[8]}}`,
		"half a place":                    `{"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}}`,
		"place of three numbers":          `{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}}`,
		"negative place":                  `{"a":{"dtype":"U8","shape":[8],"data_offsets":[-8,0]}}`,
		"shape with a fraction":           `{"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}}`,
		"shape of 2^64":                   `{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,8]}}`,
		"shape that is text":              `{"a":{"dtype":"U8","shape":["8"],"data_offsets":[0,8]}}`,
		"shape that overflows":            one("U8", 0, 8, 1<<32, 1<<32),
		"bits that overflow":              one("F64", 0, 8, 1<<60),
		"shape of nine":                   one("U8", 0, 8, 1, 1, 1, 1, 1, 1, 1, 1, 8),
		"unknown type":                    one("Q4_0", 0, 8, 8),
		"type that does not fill":         one("F32", 0, 8, 3),
		"half a byte":                     one("F4", 0, 8, 15),
		"place beyond the end":            one("U8", 0, 9, 9),
		"place that runs backwards":       one("U8", 8, 0, 8),
		"hole at the start":               one("U8", 1, 8, 7),
		"bytes after the last":            one("U8", 0, 7, 7),
		"name with a control character":   `{"a\u0000":{` + good + `}}`,
		"empty name":                      `{"":{` + good + `}}`,
		"name of 257 bytes":               `{"` + strings.Repeat("n", 257) + `":{` + good + `}}`,
		"name that is not UTF-8":          "{\"\xff\":{" + good + `}}`,
		"tensors that overlap":            safeJSON(map[string]any{"a": safeTensor("U8", 0, 5, 5), "b": safeTensor("U8", 4, 8, 4)}),
		"hole between tensors":            safeJSON(map[string]any{"a": safeTensor("U8", 0, 3, 3), "b": safeTensor("U8", 4, 8, 4)}),
		"two tensors in one place":        safeJSON(map[string]any{"a": safeTensor("U8", 0, 8, 8), "b": safeTensor("U8", 0, 8, 8)}),
		"empty tensor inside another one": safeJSON(map[string]any{"a": safeTensor("U8", 0, 8, 8), "b": safeTensor("U8", 4, 4, 0)}),
	} {
		if info, err := checkSafe(safe(header, 8)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	if _, err := checkSafe(safe(`{"a":{`+good+`}}`, 8)); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for name, n := range map[string]uint64{"longer than the file": 1 << 20, "of 2^63": 1 << 63, "of 2^64-1": 1<<64 - 1} {
		if _, err := checkSafe(append(le(n), "{}"...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("header %s: %v", name, err)
		}
	}
}

func TestMemoryStaysSmallWhateverASafetensorsHeaderSays(t *testing.T) {
	tensors := map[string]any{}
	for i := range 16_384 {
		tensors[fmt.Sprint("layer.", i)] = safeTensor("U8", i, i+1, 1)
	}
	for name, start := range map[string][]byte{
		"16,384 tensors":        safe(safeJSON(tensors), 0),
		"one string of 2 MiB":   safe(`{"`+strings.Repeat("a", 2<<20-8)+`":0}`, 0),
		"header of a gibibyte":  append(le(uint64(1<<30)), '{'),
		"metadata of many keys": safe(`{"__metadata__":{`+strings.Repeat(`"":"",`, 300_000)+`}}`, 0),
	} {
		got := allocated(func() { CheckSafetensors(hole{start}, 1<<50, Limits{}) })
		t.Logf("%s: %d KiB allocated in all", name, got>>10)
		if got > 32<<20 {
			t.Errorf("%s: %d bytes allocated", name, got)
		}
	}
}

func FuzzCheckSafetensors(f *testing.F) {
	f.Add(safe(safeJSON(map[string]any{"a": safeTensor("F32", 0, 16, 4), "b": safeTensor("U8", 16, 24, 8)}), 24))
	f.Add(safe(safeJSON(map[string]any{"__metadata__": map[string]string{"format": "pt"}, "a": safeTensor("F16", 0, 2, 1)})+"  ", 2))
	f.Add(safe(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}`, 8))
	f.Add(le(uint64(1<<63), uint64('{')))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := checkSafe(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNotSafetensors) {
				t.Errorf("unnamed error %v", err)
			}
			return
		}
		if info.Tensors < 1 || info.Parameters < 0 || info.Parameters > 2*int64(len(b)) {
			t.Errorf("accepted %d bytes as %+v", len(b), info)
		}
	})
}
