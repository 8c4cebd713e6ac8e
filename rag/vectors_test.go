package rag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// clustered makes vectors as an embedding model does: most of each is common to all (cosines are about
// .8 and more), then come its topic, its matter within the topic, and what is its own.
func clustered(n, dim int, seed uint64) [][]float32 {
	random := rand.New(rand.NewPCG(seed, 1))
	directions := func(count int, length float64) [][]float64 {
		all := make([][]float64, count)
		for i := range all {
			all[i] = make([]float64, dim)
			for j := range dim {
				all[i][j] = length * random.NormFloat64()
			}
		}
		return all
	}
	common, topics, matters := directions(1, 3)[0], directions(50, .8), directions(1000, .8)
	vs := make([][]float32, n)
	for i := range vs {
		vs[i] = make([]float32, dim)
		topic := random.IntN(50)
		matter := topic*20 + random.IntN(20)
		for j := range dim {
			weight := .3 + float64((i*7+j/32)%5)/5 // no two members hold to their matter alike
			vs[i][j] = float32(common[j] + topics[topic][j] + weight*matters[matter][j] + .5*random.NormFloat64())
		}
	}
	return vs
}

// flat makes the flat index of vectors, in one set named "s".
func flat(tb testing.TB, vs [][]float32) *vectors {
	tb.Helper()
	f, err := createVectorFile(tb.TempDir(), "sha256:test", len(vs[0]))
	if err != nil {
		tb.Fatal(err)
	}
	var records []byte
	for _, v := range vs {
		if records, err = appendRecord(records, v); err != nil {
			tb.Fatal(err)
		}
	}
	if err := f.write(records); err != nil {
		tb.Fatal(err)
	}
	f.n = len(vs)
	v := &vectors{model: f.model, dim: f.dim, sets: map[string]*setVectors{"s": {file: f}}}
	if err := v.takeMean(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.close() })
	return v
}

var discard = slog.New(slog.DiscardHandler)

func anySet(string) bool { return true }

func TestSignCodesAndInt8FindWhatExactSearchFinds(t *testing.T) {
	const n, questions, k = 5000, 60, 10
	all := clustered(n+questions, 384, 7)
	v := flat(t, all[:n])
	found := 0
	for _, q := range all[n:] {
		exact := make([]int, n)
		cos := make([]float64, n)
		for i, p := range all[:n] {
			exact[i] = i
			var pq, pp float64
			for j := range p {
				pq += float64(p[j]) * float64(q[j])
				pp += float64(p[j]) * float64(p[j])
			}
			cos[i] = pq / math.Sqrt(pp)
		}
		slices.SortFunc(exact, func(a, b int) int { return int(math.Copysign(1, cos[b]-cos[a])) })
		hits, err := v.search(q, anySet, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if slices.Contains(exact[:k], h.n) {
				found++
			}
		}
	}
	if recall := float64(found) / (questions * k); recall < .98 {
		t.Errorf("recall@10 %.4f, want at least .98", recall)
	}
}

func TestTheMeanOnlyDecidesWhoIsRescored(t *testing.T) {
	vs := clustered(300, 64, 3)
	v := flat(t, vs)
	before, err := v.search(vs[0], anySet, 5)
	if err != nil {
		t.Fatal(err)
	}
	clear(v.mean)
	after, err := v.search(vs[0], anySet, 5)
	if err != nil || !slices.Equal(before, after) || before[0].n != 0 || math.Abs(before[0].cos-1) > .001 {
		t.Errorf("before %v, after %v, %v", before, after, err)
	}
}

func TestAPassageIsNotNearToAQuestionOfAnotherDimension(t *testing.T) {
	v := flat(t, clustered(10, 64, 3))
	if _, err := v.search(make([]float32, 32), anySet, 5); !errors.Is(err, ErrDimension) {
		t.Errorf("err %v", err)
	}
	for _, q := range [][]float32{make([]float32, 64), slices.Repeat([]float32{float32(math.NaN())}, 64)} {
		if _, err := v.search(q, anySet, 5); err == nil {
			t.Errorf("a question without direction was taken: %v", q[:2])
		}
	}
}

func TestAThousandEqualVectorsAreNoTrouble(t *testing.T) {
	v := flat(t, slices.Repeat(clustered(1, 64, 3), 3*rescored))
	hits, err := v.search(clustered(1, 64, 3)[0], anySet, 100)
	if err != nil || len(hits) != 100 || hits[99].n != 99 {
		t.Errorf("%d hits, last %v, %v", len(hits), hits[len(hits)-1], err)
	}
}

// FuzzVectorFile opens whatever bytes as a vector file: it gives an error or good records, and can be
// searched.
func FuzzVectorFile(f *testing.F) {
	dir := f.TempDir()
	good, err := createVectorFile(dir, "sha256:m", 8)
	if err != nil {
		f.Fatal(err)
	}
	rec, _ := appendRecord(nil, []float32{1, 2, 3, 4, 5, 6, 7, 8})
	good.write(rec)
	good.close()
	b, _ := os.ReadFile(filepath.Join(dir, vectorName("sha256:m")))
	f.Add(b)
	f.Add(b[:514])
	f.Add([]byte(vectorMagic))
	huge := slices.Clone(b)
	binary.LittleEndian.PutUint32(huge[8:], 1<<31)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		name := filepath.Join(dir, vectorName("sha256:m"))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := loadVectors(map[string]*set{"s": {dir: dir, passages: &passageFile{n: 100}}}, "sha256:m", discard)
		if err != nil {
			t.Fatalf("a damaged file stops the index: %v", err)
		}
		defer v.close()
		if v.dim > 0 {
			if _, err := v.search(slices.Repeat([]float32{1}, v.dim), anySet, 3); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzPassages opens whatever bytes as the files of a set and reads all it finds.
func FuzzPassages(f *testing.F) {
	dir := f.TempDir()
	w, err := createPassages(dir)
	if err != nil {
		f.Fatal(err)
	}
	w.add(Passage{Doc: "a.txt", Text: "Le manioc.", Lang: "fr"})
	w.add(Passage{Doc: "b.txt", Text: "L'igname."})
	w.close()
	data, _ := os.ReadFile(filepath.Join(dir, passagesName))
	places, _ := os.ReadFile(filepath.Join(dir, placesName))
	f.Add(data, places)
	f.Add(data[:10], places)
	f.Add([]byte("{}\n"), places[:placeSize])
	f.Fuzz(func(t *testing.T, data, places []byte) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, passagesName), data, 0o600)
		os.WriteFile(filepath.Join(dir, placesName), places, 0o600)
		n := len(places) / placeSize
		p, err := openPassages(dir, "s", n, int64(len(data)))
		if err != nil {
			return
		}
		defer p.close()
		for i := range n + 1 {
			if got, err := p.read(i); err == nil && got.N != i {
				t.Errorf("passage %d says it is %d", i, got.N)
			}
		}
	})
}

func BenchmarkVectors(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := clustered(n+100, 384, 7)
			v := flat(b, all[:n])
			i := 0
			for b.Loop() {
				if _, err := v.search(all[n+i%100], anySet, depth); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
