package rag

import (
	"strings"
	"unicode"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/char/asciifolding"
	"github.com/blevesearch/bleve/v2/analysis/lang/cjk"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/analysis/lang/es"
	"github.com/blevesearch/bleve/v2/analysis/lang/fr"
	"github.com/blevesearch/bleve/v2/analysis/token/elision"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/token/stop"
	uax29 "github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	"golang.org/x/text/unicode/norm"
)

// A field is one analysed form of the text. Each passage is in exactly one, chosen by its language,
// and a question is analysed once for each.
type field string

const (
	fieldFr    field = "fr"
	fieldEn    field = "en"
	fieldEs    field = "es"
	fieldHt    field = "ht"
	fieldGcf   field = "gcf"
	fieldOther field = "xx" // every language without its own rules: no stops, no stems; kin find other forms
)

var fields = [...]field{fieldFr, fieldEn, fieldEs, fieldHt, fieldGcf, fieldOther}

func fieldOf(lang string) field {
	switch f := field(lang); f {
	case fieldFr, fieldEn, fieldEs, fieldHt, fieldGcf:
		return f
	}
	return fieldOther
}

// An analyzer turns text into terms: accents folded, elisions removed ("l'eau" is "eau"), numbers in one
// spelling, lower case, function and question words dropped, light stems; scripts without spaces in pairs
// of signs. Folding comes first, so that a question typed without accents meets the same terms. Safe for
// concurrent use.
type analyzer map[field]analysis.Analyzer

func newAnalyzer() analyzer {
	lower, pairs := lowercase.NewLowerCaseFilter(), cjk.NewCJKBigramFilter(false)
	build := func(filters ...analysis.TokenFilter) analysis.Analyzer {
		return &analysis.DefaultAnalyzer{
			CharFilters:  []analysis.CharFilter{apostrophes{}, numerals{}, asciifolding.New()},
			Tokenizer:    uax29.NewUnicodeTokenizer(),
			TokenFilters: append([]analysis.TokenFilter{cjk.NewCJKWidthFilter(), lower}, append(filters, pairs)...),
		}
	}
	stops := func(words string) analysis.TokenFilter { return stop.NewStopTokensFilter(tokenMap(words)) }
	elide := elision.NewElisionFilter(tokenMap("l m t qu n s j d c jusqu quoiqu lorsqu puisqu"))
	pronouns := elision.NewElisionFilter(tokenMap("m w l n y k t d z p s"))
	return analyzer{
		fieldFr:    build(elide, stops(stopFr), frenchPlurals{}, fr.NewFrenchLightStemmerFilter()),
		fieldEn:    build(en.NewPossessiveFilter(), stops(stopEn), en.NewEnglishStemmerFilter()),
		fieldEs:    build(stops(stopEs), es.NewSpanishLightStemmerFilter()),
		fieldHt:    build(pronouns, stops(stopHt), creoleStems{}),
		fieldGcf:   build(pronouns, stops(stopGcf), creoleStems{}),
		fieldOther: build(elide),
	}
}

// terms returns the terms of text in the order of the text, repeated as they are repeated.
func (a analyzer) terms(f field, text string) []string {
	tokens := a[f].Analyze([]byte(text))
	terms := make([]string, 0, len(tokens))
	for _, t := range tokens {
		if len(t.Term) > 0 {
			terms = append(terms, string(t.Term))
		}
	}
	return terms
}

func tokenMap(words string) analysis.TokenMap {
	m := analysis.NewTokenMap()
	for _, w := range strings.Fields(words) {
		m.AddToken(fold(w))
	}
	return m
}

// fold lowers s and takes the accents off.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case apostrophe(r):
			b.WriteByte('\'')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}
