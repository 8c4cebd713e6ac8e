package rag

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
)

// What follows brings spellings together before words are looked at: of apostrophes, numbers, plurals
// that no rule makes, and Creole sounds.

// apostrophe tells whether r is typed for one.
func apostrophe(r rune) bool {
	switch r {
	case '\'', '’', '‘', '‛', 'ʼ', 'ʻ', '`', '´', '′', '＇':
		return true
	}
	return false
}

type apostrophes struct{}

func (apostrophes) Filter(text []byte) []byte {
	if ascii(text) && bytes.IndexByte(text, '`') < 0 {
		return text
	}
	return bytes.Map(func(r rune) rune {
		if apostrophe(r) {
			return '\''
		}
		return r
	}, text)
}

func ascii(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// numerals writes numbers in one way: "1 000" and "1.000" as 1000, "1er", "2e" and "3rd" without their
// ending, "10km" as two words, "XIXe" as 19.
type numerals struct{}

var (
	groupedDigits = regexp.MustCompile(`\b\d{1,3}(?:[ \x{00a0}\x{202f}.]\d{3})+\b`)
	ordinal       = regexp.MustCompile(`\b(\d+)(?:ers?|[eè]res?|[eè]mes?|nde?s?|e|st|rd|th|º|ª)(?:\P{L}|$)`)
	withUnit      = regexp.MustCompile(`\b(\d+)(\p{L})`)
	century       = regexp.MustCompile(`\b([IVX]+)(?:e|è|ème|er)(?:\P{L}|$)`)
)

func (numerals) Filter(text []byte) []byte {
	if !bytes.ContainsAny(text, "0123456789IVX") {
		return text
	}
	text = groupedDigits.ReplaceAllFunc(text, func(n []byte) []byte {
		return bytes.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, n)
	})
	text = ordinal.ReplaceAll(text, []byte("$1 "))
	text = withUnit.ReplaceAll(text, []byte("$1 $2"))
	return century.ReplaceAllFunc(text, func(m []byte) []byte {
		return append(roman(century.FindSubmatch(m)[1]), ' ')
	})
}

// roman reads the numeral of a century, 1 to 39; another is left as it is.
func roman(numeral []byte) []byte {
	value := map[byte]int{'I': 1, 'V': 5, 'X': 10}
	n := 0
	for i, c := range numeral {
		if i+1 < len(numeral) && value[c] < value[numeral[i+1]] {
			n -= value[c]
		} else {
			n += value[c]
		}
	}
	if n < 1 || n > 39 {
		return numeral
	}
	if n < 10 {
		return []byte{byte('0' + n)}
	}
	return []byte{byte('0' + n/10), byte('0' + n%10)}
}

// frenchPlurals gives plurals that no rule makes their singular.
type frenchPlurals struct{}

func (frenchPlurals) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	for _, t := range tokens {
		switch string(t.Term) {
		case "yeux":
			t.Term = []byte("oeil")
		case "cieux":
			t.Term = []byte("ciel")
		case "aieux":
			t.Term = []byte("aieul")
		case "travaux", "vitraux", "coraux", "baux", "emaux", "vantaux", "soupiraux":
			t.Term = append(t.Term[:len(t.Term)-2:len(t.Term)-2], "il"...)
		case "messieurs":
			t.Term = []byte("monsieur")
		case "mesdames":
			t.Term = []byte("madame")
		case "mille":
			t.Term = []byte("1000")
		}
	}
	return tokens
}

// creoleStems brings together what Haitians and Guadeloupeans write now with r and now with w ("gro",
// "gwo"), and takes off the plural of French spellings. Creole words have no other endings that change.
type creoleStems struct{}

func (creoleStems) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	for _, t := range tokens {
		w := t.Term
		if n := len(w); n > 4 && w[n-1] == 's' {
			w = w[:n-1]
		}
		for i, c := range w {
			rounded := i+1 < len(w) && (w[i+1] == 'o' || w[i+1] == 'u')
			afterLips := i > 0 && bytes.IndexByte([]byte("bpfmv"), w[i-1]) >= 0
			if c == 'r' && (rounded || afterLips) {
				w[i] = 'w'
			}
		}
		t.Term = w
	}
	return tokens
}
