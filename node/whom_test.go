package node

import (
	"fmt"
	"testing"

	"savoirs/rag"
	"savoirs/store/catalog"
)

func TestCodesOfOthersTakeBoundedMemory(t *testing.T) {
	var known codes
	one := rag.Signs{Codes: make([]byte, 1<<20)}
	for i := range 20 {
		known.put(fmt.Sprint(i), one)
		if known.of(fmt.Sprint(i)) == nil {
			t.Fatalf("the codes that came last are not kept")
		}
	}
	kept := 0
	for i := range 20 {
		if known.of(fmt.Sprint(i)) != nil {
			kept++
		}
	}
	if kept != maxCodesKept>>20 {
		t.Errorf("%d MiB of codes are kept", kept)
	}
	for range 20 { // those of one dataset count once
		known.put("19", one)
	}
	if again := known.bytes >> 20; again != kept {
		t.Errorf("they count as %d MiB, after that of one dataset came again", again)
	}
}

func TestASketchOfMorePassagesThanADatasetCanHoldIsNotBelieved(t *testing.T) {
	x, err := rag.Open(rag.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Add(t.Context(), "a", "a", crowd(50), nil); err != nil {
		t.Fatal(err)
	}
	b, err := x.Sketch(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	s, err := rag.ParseSketch(b)
	if err != nil || s.Passages() != 50 {
		t.Fatalf("%v passages, %v", s, err)
	}
	if bounded(s, catalog.Entry{Size: 2000, Files: 50}) == nil {
		t.Error("an honest sketch is not believed")
	}
	if bounded(s, catalog.Entry{Size: 100, Files: 1}) != nil {
		t.Error("50 passages in 100 bytes are believed")
	}
}
