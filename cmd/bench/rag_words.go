package main

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const lexiconSize = 50_000

// lexicon is words like those of French, the most frequent first: those of the
// library that ships by how often they occur, function words among them, then
// rare ones that begin like one of these and end like another, so that there are
// families of words as in a language.
var lexicon = sync.OnceValues(func() ([]string, error) {
	times := map[string]int{}
	library := os.DirFS("deploy/library")
	err := fs.WalkDir(library, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".md" || strings.HasSuffix(name, ".ht.md") || strings.HasSuffix(name, ".gcf.md") {
			return err
		}
		text, err := fs.ReadFile(library, name)
		for _, w := range strings.FieldsFunc(strings.ToLower(string(text)), func(r rune) bool { return !unicode.IsLetter(r) }) {
			times[w]++
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	words := slices.SortedFunc(maps.Keys(times), func(a, b string) int {
		return cmp.Or(times[b]-times[a], cmp.Compare(a, b))
	})
	var long [][]rune
	for _, w := range words {
		if r := []rune(w); len(r) >= 6 {
			long = append(long, r)
		}
	}
	if len(long) < 500 {
		return nil, errors.New("deploy/library has too few words to make a language of")
	}
	random := rand.New(rand.NewPCG(9, 10))
	for len(words) < lexiconSize {
		a, b := long[random.IntN(len(long))], long[random.IntN(len(long))]
		w := string(a[:4+random.IntN(len(a)-4)]) + string(b[len(b)-2-random.IntN(3):])
		if times[w] == 0 {
			times[w] = 1
			words = append(words, w)
		}
	}
	return words, nil
})

// drawWords returns a function that draws words as often as a language uses them.
func drawWords(random *rand.Rand) (func() string, error) {
	words, err := lexicon()
	if err != nil {
		return nil, err
	}
	ranks := rand.NewZipf(random, 1.1, 3, uint64(len(words)-1))
	return func() string { return words[ranks.Uint64()] }, nil
}
