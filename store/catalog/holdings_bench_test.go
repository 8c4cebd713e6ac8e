package catalog

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// village is what a node knows of n nodes that hold some items each.
func village(b *testing.B, n, items int) (library, []Told) {
	b.Helper()
	var told []Told
	for i := range n {
		names := make([]Short, items)
		for j := range names {
			binary.BigEndian.PutUint32(names[j][:], uint32(i*7+j*13))
			names[j][7] = byte(j)
		}
		told = append(told, Told{Holding: newWriter(b, fmt.Sprint("node", i)).says(b, 1, Holding{Held: MakeShorts(names)})})
	}
	l := newLibrary(b, "a", func(o *HoldingsOptions) { o.Room = 64 << 20 })
	if _, err := l.Take("somebody", told); err != nil {
		b.Fatal(err)
	}
	return l, told
}

func BenchmarkDigestOfAThousandHoldings(b *testing.B) {
	l, _ := village(b, 1000, 100)
	for b.Loop() {
		l.Digest()
	}
}

func BenchmarkTakeAHoldingOf100Items(b *testing.B) {
	l, told := village(b, 1000, 100)
	b.ReportMetric(float64(len(told[0].Holding)), "sealed-bytes")
	i := 0
	for b.Loop() {
		l.drop(newWriter(b, fmt.Sprint("node", i%1000)).id)
		if _, err := l.Take("somebody", told[i%1000:i%1000+1]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkCompareAThousandHoldings(b *testing.B) {
	l, _ := village(b, 1000, 100)
	tallies := l.Tallies()
	enc, err := encMode.Marshal(tallies)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.Compare(tallies)
	}
	b.ReportMetric(float64(len(enc))/1000, "tally-bytes")
}
