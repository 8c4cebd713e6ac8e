package rag

import (
	"hash/maphash"
	"strings"
	"unicode"
)

// What many nodes send may be one text many times over, or one author's alone. Near-duplicates are told by shingles,
// runs of words that two texts share, as in Broder (1997); of one author a few come first, when others are as good.
const (
	shingleWords  = 4
	alikeFrom     = 0.7 // of the shingles of the shorter text
	alikeMost     = 3   // texts alike that are shown: a library has some, under several titles
	mixedTop      = 5   // places that are shared among authors
	mostPerAuthor = 2
	asGood        = 0.9 // of the score of the passage that gives way
)

// nearDuplicates remembers texts by their shingles. The zero value is empty.
type nearDuplicates struct {
	seed  maphash.Seed
	texts []map[uint64]bool
}

// many tells whether text reads nearly the same as alikeMost before, and remembers it if it does not.
func (d *nearDuplicates) many(text string) bool {
	if d.texts == nil {
		d.seed = maphash.MakeSeed()
	}
	these := d.shingles(text)
	alike := 0
	for _, those := range d.texts {
		small, large := these, those
		if len(large) < len(small) {
			small, large = large, small
		}
		shared := 0
		for s := range small {
			if large[s] {
				shared++
			}
		}
		if float64(shared) >= alikeFrom*float64(len(small)) {
			if alike++; alike == alikeMost {
				return true
			}
		}
	}
	d.texts = append(d.texts, these)
	return false
}

func (d *nearDuplicates) shingles(text string) map[uint64]bool {
	words := strings.FieldsFunc(fold(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	all := map[uint64]bool{}
	for i := 0; i == 0 || i+shingleWords <= len(words); i++ {
		all[maphash.String(d.seed, strings.Join(words[i:min(len(words), i+shingleWords)], " "))] = true
	}
	return all
}

// mixAuthors lets passages of others come before the third and later ones that one author has elsewhere among the first
// places, when they are as good. What is held here was chosen by the people here, and is not counted.
func mixAuthors(hits []Hit) {
	count := map[string]int{}
	room := func(h Hit) bool { return h.From == nil || count[h.From.Author] < mostPerAuthor }
	for i := 0; i < min(mixedTop, len(hits)); i++ {
		if !room(hits[i]) {
			for j := i + 1; j < len(hits) && hits[j].Score >= asGood*hits[i].Score; j++ {
				if h := hits[j]; room(h) {
					copy(hits[i+1:j+1], hits[i:j])
					hits[i] = h
					break
				}
			}
		}
		if from := hits[i].From; from != nil {
			count[from.Author]++
		}
	}
}
