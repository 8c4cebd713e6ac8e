package store

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestAFileCutInSegmentsHasThePiecesOfOneCutter(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 6<<20)
	files := map[string][]byte{
		"noise":                  noise(1, 9<<20+12345),
		"zeros":                  zeros,
		"zeros that end oddly":   zeros[:5<<20+77],
		"zeros, noise and zeros": bytes.Join([][]byte{zeros[:2<<20+100], noise(2, 3<<20), zeros[:1<<20+5]}, nil),
		"one segment and a byte": noise(3, 1<<20+1),
		"whole segments":         noise(4, 4<<20),
		"nothing":                nil,
	}
	for i := range 8 { // cuts that never meet again, and so many ways to end
		files["noise and zeros "+itoa(i)] = bytes.Join([][]byte{noise(2, 1<<20+100), zeros[:2<<20+i*70<<10]}, nil)
	}
	for name, data := range files {
		for _, kind := range []string{"dataset", "model"} {
			t.Run(name+" as "+kind, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "file")
				must(t, os.WriteFile(path, data, 0o644))
				in, err := os.Open(path)
				must(t, err)
				defer in.Close()
				to, err := os.Create(path + ".copy")
				must(t, err)
				defer to.Close()
				ctx := context.Background()
				one := &cutting{in: in, name: path, kind: kind, read: func(int) {}}
				want, err := one.segment(ctx, 0, math.MaxInt64)
				must(t, err)

				many := &cutting{in: in, to: to, name: path, kind: kind, read: func(int) {}}
				var g errgroup.Group
				g.SetLimit(3)
				got, err := many.parallel(ctx, &g, 1<<20)
				must(t, err)
				must(t, g.Wait())
				if len(got) != len(want.leaves) {
					t.Fatalf("%d pieces, want %d", len(got), len(want.leaves))
				}
				for i := range got {
					if got[i] != want.leaves[i] {
						t.Fatalf("piece %d is %v, want %v", i, got[i], want.leaves[i])
					}
				}
				if copied, err := os.ReadFile(path + ".copy"); err != nil || !bytes.Equal(copied, data) {
					t.Fatalf("the copy differs: %d bytes of %d, %v", len(copied), len(data), err)
				}
			})
		}
	}
}
