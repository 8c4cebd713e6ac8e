package rag

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	index "github.com/blevesearch/bleve_index_api"
)

// Kin of a term are words of the dictionary that stand for it when a passage says the same otherwise
// ("licencié", "licenciement") or the question is mistyped. They are found among those that begin
// alike, by the trigrams they share; for a term that occurs nowhere, also by one slip of the finger
// anywhere (a letter too many, too few, another, or two exchanged) and by cutting it in two. A very
// common term has none: it tells little, and its kin would be most of the postings read.
const (
	kinBegin  = 4    // letters that begin alike
	kinAlike  = 0.45 // Dice coefficient of trigrams, at least
	kinWeight = 0.5  // of the coefficient
	kinMost   = 8    // for each term
	kinLooked = 4096 // words of the dictionary looked at for each term
	kinCommon = 5000 // passages that have a term which needs none

	slipWeight = 0.8 // one slip away
	slip2      = 0.5 // two, in a term of slip2From letters
	slip2From  = 8
	slipFrom   = 4
)

// kin is a word that counts for a term.
type kin struct {
	text   string
	weight float64
}

// vocabulary is the dictionary of one field: that of all indexes asked and of what other nodes sent.
type vocabulary struct {
	analyze analyzer
	field   field
	readers []index.IndexReader
	offers  map[string]int // passages that have the word
}

func (v vocabulary) count(ctx context.Context, text string) (df int, err error) {
	for _, r := range v.readers {
		tfr, err := r.TermFieldReader(ctx, []byte(text), string(v.field), false, false, false)
		if err != nil {
			return 0, err
		}
		df += int(tfr.Count())
		if err := tfr.Close(); err != nil {
			return 0, err
		}
	}
	return df, nil
}

// akin returns the kin of a term that so many passages have, the nearest first. Some may be of removed
// passages only: the dictionary remembers them until a merge.
func (v vocabulary) akin(ctx context.Context, text string, df int) ([]kin, error) {
	size := utf8.RuneCountInString(text)
	if size < slipFrom || df >= kinCommon || strings.ContainsFunc(text, unicode.IsDigit) {
		return nil, nil
	}
	weights := map[string]float64{}
	if size >= kinBegin {
		if err := v.beginAlike(text, weights); err != nil {
			return nil, err
		}
	}
	if df == 0 {
		if err := v.mistyped(ctx, text, size, weights); err != nil {
			return nil, err
		}
	}
	delete(weights, text)
	texts := slices.SortedFunc(maps.Keys(weights), func(a, b string) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b))
	})
	var found []kin
	for _, t := range texts[:min(kinMost, len(texts))] {
		found = append(found, kin{t, weights[t]})
	}
	return found, nil
}

// beginAlike adds the words that share the beginning of text and enough of its trigrams.
func (v vocabulary) beginAlike(text string, weights map[string]float64) error {
	own := trigrams(nil, text)
	var theirs []uint64
	weigh := func(word string) {
		theirs = trigrams(theirs[:0], word)
		if d := dice(own, theirs); d >= kinAlike {
			weights[word] = max(weights[word], kinWeight*d)
		}
	}
	begin := string([]rune(text)[:kinBegin])
	for word := range v.offers {
		if strings.HasPrefix(word, begin) {
			weigh(word)
		}
	}
	for _, r := range v.readers {
		dict, err := r.FieldDictPrefix(string(v.field), []byte(begin))
		if err != nil {
			return err
		}
		if err := each(dict, weigh); err != nil {
			return err
		}
	}
	return nil
}

// mistyped adds the words that text may have been meant for.
func (v vocabulary) mistyped(ctx context.Context, text string, size int, weights map[string]float64) error {
	slips, weight := 1, slipWeight
	for {
		n := len(weights)
		for _, r := range v.readers {
			fuzzy, ok := r.(index.IndexReaderFuzzy)
			if !ok {
				continue
			}
			dict, err := fuzzy.FieldDictFuzzy(string(v.field), text, slips, "")
			if err != nil {
				return err
			}
			err = each(dict, func(word string) { weights[word] = max(weights[word], weight) })
			if err != nil {
				return err
			}
		}
		if len(weights) > n || slips == 2 || size < slip2From {
			break
		}
		slips, weight = 2, slip2
	}
	if len(weights) > 0 {
		return nil
	}
	return v.cut(ctx, text, weights)
}

// cut adds the two words that text is when it is cut in two, each of at least three letters.
func (v vocabulary) cut(ctx context.Context, text string, weights map[string]float64) error {
	for i := range text {
		left, right := text[:i], text[i:]
		if utf8.RuneCountInString(left) < 3 || utf8.RuneCountInString(right) < 3 {
			continue
		}
		stem := v.analyze.terms(v.field, left)
		if len(stem) != 1 {
			continue
		}
		for _, part := range []string{stem[0], right} {
			df, err := v.count(ctx, part)
			if err != nil {
				return err
			}
			if df == 0 {
				stem = nil
				break
			}
		}
		if stem != nil {
			weights[stem[0]], weights[right] = slip2, slip2
			return nil
		}
	}
	return nil
}

// each calls f with the words of a dictionary, at most kinLooked, and closes it.
func each(dict index.FieldDict, f func(word string)) error {
	defer dict.Close()
	for range kinLooked {
		e, err := dict.Next()
		if err != nil || e == nil {
			return err
		}
		f(e.Term)
	}
	return nil
}

// trigrams appends the trigrams of a word, its ends marked, packed.
func trigrams(to []uint64, word string) []uint64 {
	a, b := uint64(0), uint64('^')
	for i, r := range word {
		if i > 0 {
			to = append(to, a<<42|b<<21|uint64(r))
		}
		a, b = b, uint64(r)
	}
	return append(to, a<<42|b<<21|uint64('$'))
}

// dice is twice what two words share over what they have.
func dice(a, b []uint64) float64 {
	if float64(2*min(len(a), len(b))) < kinAlike*float64(len(a)+len(b)) {
		return 0
	}
	shared := 0
	for _, g := range a {
		if slices.Contains(b, g) {
			shared++
		}
	}
	return 2 * float64(shared) / float64(len(a)+len(b))
}
