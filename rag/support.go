package rag

import (
	"strings"
	"unicode"
)

// support finds the passage that says what a sentence says, by the words they share.
type support struct {
	analyze  analyzer
	field    field
	passages []map[string]bool // terms of each
	numbers  []int
}

// A sentence is supported by a passage that has at least half of its terms, and two.
const (
	supportShare = 0.5
	supportTerms = 2
)

func newSupport(given []Citation, lang string) support {
	s := support{analyze: newAnalyzer(), field: fieldOf(lang)}
	for _, c := range given {
		s.passages = append(s.passages, s.terms(c.embedText()))
		s.numbers = append(s.numbers, c.N)
	}
	return s
}

// of returns the number of the passage that supports sentence best, or 0.
func (s support) of(sentence string) (number int) {
	terms := s.terms(sentence)
	best := 0
	for i, p := range s.passages {
		shared := 0
		for t := range terms {
			if p[t] {
				shared++
			}
		}
		if shared > best && shared >= supportTerms && float64(shared) >= supportShare*float64(len(terms)) {
			best, number = shared, s.numbers[i]
		}
	}
	return number
}

func (s support) terms(text string) map[string]bool {
	set := map[string]bool{}
	for _, t := range s.analyze.terms(s.field, text) {
		set[t] = true
	}
	return set
}

// doubtQuotes returns the quotations of two words and more that none of the passages cited contains,
// letter for letter but for case, accents, spaces and marks.
func doubtQuotes(text string, cited []Citation) (doubts []Doubt) {
	plain := make([]string, len(cited))
	for i, c := range cited {
		plain[i] = onlyWords(c.embedText())
	}
	for _, where := range quotations(text) {
		quote := text[where.start:where.end]
		want := onlyWords(footnote.ReplaceAllString(quote, ""))
		found := strings.Count(strings.TrimSpace(want), " ") == 0
		for _, p := range plain {
			found = found || strings.Contains(p, want)
		}
		if !found {
			doubts = append(doubts, Doubt{DoubtQuote, quote, where.start, where.end})
		}
	}
	return doubts
}

// onlyWords reduces text to its folded words, each between spaces.
func onlyWords(text string) string {
	return " " + strings.Join(strings.FieldsFunc(fold(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ") + " "
}

// quotations returns the places of what stands between « », “ ” and " ".
func quotations(text string) (quotes []span) {
	for _, marks := range [...][2]string{{"«", "»"}, {"“", "”"}, {`"`, `"`}} {
		for from := 0; ; {
			open := strings.Index(text[from:], marks[0])
			if open < 0 {
				break
			}
			start := from + open + len(marks[0])
			size := strings.Index(text[start:], marks[1])
			if size < 0 {
				break
			}
			quote := strings.TrimLeftFunc(text[start:start+size], unicode.IsSpace)
			begin := start + size - len(quote)
			quotes = append(quotes, span{begin, begin + len(strings.TrimRightFunc(quote, unicode.IsSpace))})
			from = start + size + len(marks[1])
		}
	}
	return quotes
}
