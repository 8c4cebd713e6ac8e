package rag

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math"
	"strings"
)

// The world is what one can ask about and a library of a community seldom holds: one line for each of some seventy
// subjects of an encyclopedia, in the languages passages are compared in. A question whose nearest passage is nearer
// than any of them is about something the library holds; one for which a bare list of subjects does as well is not.
// The comparison cancels what a cosine owes to the model, to the language and to how the question is put, and it does
// not depend on how many passages there are.
//
//go:embed world/*.txt
var worldFiles embed.FS

// Subjects returns the lines in lang: "fr", "en" or "es".
func Subjects(lang string) []string {
	b, err := worldFiles.ReadFile("world/" + lang + ".txt")
	if err != nil {
		panic("rag: " + err.Error()) // a bug: the files are part of the program
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// meetWorld embeds the lines in the languages that the passages of x are compared in, each once for a model.
func (w *embedWork) meetWorld(ctx context.Context, v *vectors) error {
	for _, lang := range w.x.worldLanguages() {
		w.x.mu.RLock()
		known := v.chance.world[lang] != nil
		w.x.mu.RUnlock()
		if known {
			continue
		}
		lines := Subjects(lang)
		var vs [][]float32
		err := w.turn(ctx, func(ctx context.Context) (err error) {
			vs, err = w.e.Embed(ctx, RolePassage, lines)
			return err
		})
		if errors.Is(err, ErrYielded) {
			return w.meetWorld(ctx, v)
		}
		if err != nil {
			return err
		}
		if len(vs) != len(lines) {
			return fmt.Errorf("%d vectors for %d texts: %w", len(vs), len(lines), ErrDimension)
		}
		w.x.mu.Lock()
		if v.chance.world == nil {
			v.chance.world = map[string][][]float32{}
		}
		v.chance.world[lang] = vs
		w.x.mu.Unlock()
	}
	return nil
}

// worldLanguages are French and those of English and Spanish that x has passages in.
func (x *Index) worldLanguages() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	langs := []string{"fr"}
	for _, f := range []field{fieldEn, fieldEs} {
		if x.fieldSize(f, fieldSize{}).Passages > 0 {
			langs = append(langs, string(f))
		}
	}
	return langs
}

// nearestOfWorld is the best cosine of a question with the lines that are known, 0 when none is. The indexes are
// locked for reading by the caller.
func nearestOfWorld(question []float32, xs []*Index) (best float64) {
	for _, x := range xs {
		if x.vectors != nil {
			best = max(best, x.vectors.chance.nearest(question))
		}
	}
	return best
}

func (c *chance) nearest(question []float32) (best float64) {
	for _, lines := range c.world {
		for _, line := range lines {
			best = max(best, cosineOf(question, line))
		}
	}
	return best
}

// cosineOf two vectors; 0 when they do not compare.
func cosineOf(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab, aa, bb = ab+float64(x)*y, aa+float64(x)*float64(x), bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
