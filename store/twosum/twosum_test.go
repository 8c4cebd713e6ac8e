package twosum

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

func check(t *testing.T, p, q []byte) {
	t.Helper()
	if x, y := Sum(p, q); x != sha256.Sum256(p) || y != sha256.Sum256(q) {
		t.Errorf("%d and %d bytes: %x %x", len(p), len(q), x, y)
	}
}

func TestTwoSumsAreThoseOfTheStandardLibrary(t *testing.T) {
	data := make([]byte, 4096)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	for n := range 300 {
		check(t, data[:n], data[700:1000])
		check(t, data[1:301], data[700:700+n])
		check(t, data[n:], data[:4000-n])
	}
}

func FuzzTwoSumsAreThoseOfTheStandardLibrary(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add(bytes.Repeat([]byte{1}, 64), bytes.Repeat([]byte{2}, 65))
	f.Add(bytes.Repeat([]byte("ab"), 500), bytes.Repeat([]byte("c"), 4096))
	f.Fuzz(func(t *testing.T, p, q []byte) { check(t, p, q) })
}

// BenchmarkSum compares the sums of two blocks at once and one after the other.
//
//	go test -run '^$' -bench . ./store/twosum
func BenchmarkSum(b *testing.B) {
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	b.Run("at once", func(b *testing.B) {
		b.SetBytes(2 << 20)
		for b.Loop() {
			Sum(p, q)
		}
	})
	b.Run("in turn", func(b *testing.B) {
		b.SetBytes(2 << 20)
		for b.Loop() {
			sha256.Sum256(p)
			sha256.Sum256(q)
		}
	})
}
