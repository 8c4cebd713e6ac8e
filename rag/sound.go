package rag

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	index "github.com/blevesearch/bleve_index_api"
	"golang.org/x/text/unicode/norm"
)

// sound is how a word of French, Haitian or Guadeloupean is heard, coarsely enough that a Creole word and the French
// one it comes from are the same: "mannyòk", "manyòk" and "manioc" are "manok", "lèt" and "lettre" are "le". Vowels
// are a, e, i, o and N for any nasal; S is ch; r counts only before a vowel; what French writes and does not say at
// the end of a word is left out.
func sound(word string) string {
	in := soundLetters(word)
	at := func(i int) rune {
		if i < len(in) {
			return in[i]
		}
		return 0
	}
	isVowel := func(r rune) bool { return r != 0 && strings.ContainsRune("aeiouyEOA", r) }
	nasal := func(i int) bool { // n or m at i makes the vowel before it nasal
		n := at(i)
		next := at(i + 1)
		return (n == 'n' || n == 'm') && !isVowel(next) && next != 'n' && next != 'm'
	}
	out := make([]byte, 0, len(in))
	put := func(b byte) {
		if len(out) == 0 || out[len(out)-1] != b {
			out = append(out, b)
		}
	}
	for i := 0; i < len(in); i++ {
		r, next, third := in[i], at(i+1), at(i+2)
		front := next == 'e' || next == 'i' || next == 'y' || next == 'E'
		switch {
		case r == 'p' && next == 'h':
			put('f')
			i++
		case r == 's' && next == 'c' && third == 'h':
			put('S')
			i += 2
		case r == 'c' && next == 'h':
			put('S')
			i++
		case r == 'q' && next == 'u':
			put('k')
			i++
		case r == 'g' && next == 'u' && isVowel(third):
			put('g')
			i++
		case r == 'g' && next == 'n':
			put('n')
			i++
		case r == 'g' && front:
			put('j')
		case r == 'c' && front:
			put('s')
		case r == 'c' || r == 'q':
			put('k')
		case r == 't' && next == 'i' && third == 'o' && at(i+3) == 'n':
			put('s')
		case r == 'x':
			put('k')
			put('s')
		case r == 'h':
		case r == 'w':
			if len(out) == 0 || strings.IndexByte("aeioN", out[len(out)-1]) >= 0 || next == 'o' || next == 'O' {
				put('r') // "wi", "gwo"; else a glide: "mwa"
			}
		case r == 'o' && next == 'i' && nasal(i+2):
			put('N')
			i += 2
		case (r == 'a' || r == 'e') && next == 'i' && nasal(i+2):
			put('N')
			i += 2
		case strings.ContainsRune("aeiouy", r) && nasal(i+1):
			put('N')
			i++
		case r == 'e' && next == 'a' && third == 'u':
			put('o')
			i += 2
		case r == 'a' && next == 'u', r == 'o' && next == 'u':
			put('o')
			i++
		case r == 'o' && next == 'i':
			put('a')
			i++
		case r == 'e' && next == 'u', (r == 'a' || r == 'e') && next == 'i':
			put('e')
			i++
		case (r == 'i' || r == 'y') && isVowel(next): // a glide
		case r == 'i' || r == 'y' || r == 'u':
			put('i')
		case r == 'E' || r == 'O' || r == 'A':
			put(byte(r) | 0x20)
		case r < 0x80:
			put(byte(r))
		default:
			out = append(out, string(r)...)
		}
	}
	return soundEnd(string(out))
}

// soundLetters folds a word, keeping with a capital the open vowels of Creole, which are not nasal before n.
func soundLetters(word string) []rune {
	word = strings.NewReplacer("ç", "s", "œ", "e").Replace(strings.ToLower(word))
	var letters []rune
	for _, r := range norm.NFD.String(word) {
		last := len(letters) - 1
		switch {
		case r == '\u0300' && last >= 0 && strings.ContainsRune("aeo", letters[last]):
			letters[last] -= 'a' - 'A'
		case r >= 0x300 && r <= 0x36f:
		default:
			letters = append(letters, r)
		}
	}
	return letters
}

// soundEnd takes off what is written at the end of a word and not said, and r before a consonant.
func soundEnd(s string) string {
	vowels := "aeioN"
	if len(s) > 2 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "s"), "e")
	}
	if n := len(s); n > 2 && (s[n-1] == 'r' || s[n-1] == 'l') && !strings.ContainsRune(vowels, rune(s[n-2])) {
		s = s[:n-1]
	}
	if len(s) > 2 {
		s = strings.TrimRight(s, "sxtdpz")
	}
	var out strings.Builder
	for i := range len(s) {
		if s[i] == 'r' && (i+1 == len(s) || !strings.ContainsRune(vowels, rune(s[i+1]))) {
			continue
		}
		out.WriteByte(s[i])
	}
	if out.Len() > 2 {
		return strings.TrimSuffix(out.String(), "e")
	}
	return out.String()
}

// Terms of an index that are compared by sound, and those of one sound that are kept, the most frequent first.
const (
	soundMost = 200_000
	soundSame = 8
)

// sounds returns the French terms of an index by sound. A term is a stem, so it is also heard with the mute e that it
// may have lost, which makes the consonant before it heard: "cyclon", "esclavag".
func (l *lexical) sounds(r index.IndexReader) (map[string][]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	docs, err := r.DocCount()
	if err != nil {
		return nil, err
	}
	if l.bySound != nil && l.bySoundOf == docs {
		return l.bySound, nil
	}
	dict, err := r.FieldDict(string(fieldFr))
	if err != nil {
		return nil, err
	}
	defer dict.Close()
	bySound, count := map[string][]string{}, map[string]uint64{}
	for range soundMost {
		e, err := dict.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			break
		}
		count[e.Term] = e.Count
		whole, open := sound(e.Term), sound(e.Term+"e")
		if len(whole) > 1 {
			bySound[whole] = append(bySound[whole], e.Term)
		}
		if len(open) > 1 && open != whole {
			bySound[open] = append(bySound[open], e.Term)
		}
	}
	for s, terms := range bySound {
		slices.SortFunc(terms, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
		bySound[s] = terms[:min(soundSame, len(terms))]
	}
	l.bySound, l.bySoundOf = bySound, docs
	return bySound, nil
}

// heardAs returns the French term that a Creole word comes from, as far as one of bySound sounds like it; else "". A
// word may begin with the article that French sets before it ("lasante", "zetwal") and end in i for ie ("maladi").
func heardAs(word string, bySound map[string][]string) string {
	said := []string{word}
	for _, article := range [...]string{"la", "lè", "lé", "l", "z"} {
		if rest, ok := strings.CutPrefix(word, article); ok && len(rest) > 2 {
			said = append(said, rest)
		}
	}
	if stem, ok := strings.CutSuffix(word, "i"); ok && len(stem) > 3 {
		said = append(said, stem+"e")
	}
	for _, w := range said {
		s := sound(w)
		best, nearest := "", 0.0
		for _, term := range bySound[s] { // the most frequent first
			if d := spelledAlike(w, term); d*spelledAsGood > nearest {
				best, nearest = term, d
			}
		}
		if best != "" && (len(s) > 2 || nearest >= spelledShort) {
			return best
		}
	}
	return ""
}

const (
	spelledAsGood = 0.92 // of how a frequent term is spelled like the word, for a rarer one to be taken instead
	spelledShort  = 0.6  // at least, when the sounds are too few to tell words apart
)

var mute = regexp.MustCompile(`r+($|[^aeiouy])`)

// spelledAlike is the share of letters, from 0 to 1, that a Creole word and a French term have in the same order, but
// for the r that Creole does not say.
func spelledAlike(word, term string) float64 {
	letters := strings.NewReplacer("y", "i", "u", "i", "k", "c", "q", "c", "nb", "mb", "np", "mp")
	a, b := letters.Replace(fold(word)), letters.Replace(mute.ReplaceAllString(term, "$1"))
	most := make([]int, len(b)+1) // letters in order of what was seen of a and so much of b
	for i := range len(a) {
		diagonal := 0
		for j := range len(b) {
			above := most[j+1]
			if a[i] == b[j] {
				most[j+1] = diagonal + 1
			} else {
				most[j+1] = max(above, most[j])
			}
			diagonal = above
		}
	}
	return 2 * float64(most[len(b)]) / float64(len(a)+len(b))
}

// soundTerms are the French terms that the words of a Creole question sound like. A word that sounds like none stays
// as it is, so that it counts among what was asked.
func (q question) soundTerms(xs []*Index, readers []index.IndexReader) (terms []string, err error) {
	for _, w := range words(q.Text) {
		if q.stops[fold(w)] || len(w) < 2 {
			continue
		}
		term := fold(w)
		for i, x := range xs {
			bySound, err := x.lexical.sounds(readers[i])
			if err != nil {
				return nil, err
			}
			if heard := heardAs(w, bySound); heard != "" {
				term = heard
				break
			}
		}
		terms = append(terms, term)
	}
	return terms, nil
}

// creole tells whether the words of a language come from French ones.
func creole(lang string) bool { return lang == "ht" || lang == "gcf" }

// apart tells whether the words of a passage in lang cannot meet those of q, not even by sound.
func (q question) apart(lang string) bool {
	return q.foreign(lang) && !(creole(q.lang) && lang == "fr")
}
