package rag

import (
	"slices"
	"strconv"
	"strings"
)

// A Doubt is a part of an answer that the cited passages do not bear out: bytes [Start, End) of Answer.Text, which
// Text repeats. Both are 0 where the whole answer is meant.
type Doubt struct {
	Kind  DoubtKind `json:"kind"`
	Text  string    `json:"text,omitempty"`
	Start int       `json:"start"`
	End   int       `json:"end"`
}

// DoubtKind says what is doubtful.
type DoubtKind string

const (
	DoubtQuote    DoubtKind = "quote"    // words in quotation marks that no cited passage contains
	DoubtSource   DoubtKind = "source"   // no sentence of the answer could be tied to a passage; the nearest is cited
	DoubtSentence DoubtKind = "sentence" // a sentence that none of the passages it cites, if any, supports
	DoubtFigure   DoubtKind = "figure"   // a number or a date that the passages cited beside it do not contain
	DoubtLanguage DoubtKind = "language" // the answer is in another language than was asked for
)

// citedShare is the part of a sentence's terms that the passages it cites must have at least. Less than what gives a
// sentence a citation: whoever wrote the sentence tied it to that passage.
const citedShare = 0.3

// doubtsOf looks for what is doubtful in a text with bound citations, in the order of the text.
func doubtsOf(text, lang string, cited []Citation, s support) (doubts []Doubt) {
	at := func(kind DoubtKind, where span) {
		doubts = append(doubts, Doubt{kind, text[where.start:where.end], where.start, where.end})
	}
	for _, c := range claims(text) {
		sources := c.sources(cited)
		if !s.bears(text[c.start:c.end], lang, sources, len(c.numbers) > 0) {
			at(DoubtSentence, c.span)
		}
		if len(sources) == 0 {
			sources = cited
		}
		values := map[string]bool{}
		for _, source := range sources {
			for v := range valuesIn(source.embedText()) {
				values[v] = true
			}
		}
		for _, f := range figuresIn(text[c.start:c.end]) {
			if !slices.ContainsFunc(f.values, func(v string) bool { return values[v] }) {
				at(DoubtFigure, span{c.start + f.start, c.start + f.end})
			}
		}
	}
	doubts = append(doubts, doubtQuotes(text, cited)...)
	if otherLanguage(text, lang) {
		doubts = append(doubts, Doubt{Kind: DoubtLanguage})
	}
	slices.SortStableFunc(doubts, func(a, b Doubt) int { return a.Start - b.Start })
	return doubts
}

// A claim is a sentence of an answer and the numbers it cites.
type claim struct {
	span
	numbers []int
}

// claims cuts a text into sentences. Citations that follow one belong to it.
func claims(text string) (all []claim) {
	for _, s := range sentences(text) {
		for _, m := range footnote.FindAllStringSubmatchIndex(text[s.start:s.end], -1) {
			n, _ := strconv.Atoi(text[s.start+m[2] : s.start+m[3]]) // three digits
			if strings.TrimSpace(footnote.ReplaceAllString(text[s.start:s.start+m[0]], "")) == "" && len(all) > 0 {
				all[len(all)-1].numbers = append(all[len(all)-1].numbers, n)
				continue
			}
			if len(all) == 0 || all[len(all)-1].start != s.start {
				all = append(all, claim{span: s})
			}
			all[len(all)-1].numbers = append(all[len(all)-1].numbers, n)
		}
		rest := text[s.start:s.end]
		for {
			m := footnote.FindStringIndex(rest)
			if m == nil || m[0] != 0 {
				break
			}
			rest = strings.TrimLeft(rest[m[1]:], " \u00a0")
		}
		s.start = s.end - len(rest)
		if len(onlyWords(rest)) < 3 {
			continue
		}
		if len(all) > 0 && all[len(all)-1].end == s.end {
			all[len(all)-1].start = s.start
			continue
		}
		all = append(all, claim{span: s})
	}
	return all
}

func (c claim) sources(cited []Citation) (sources []Citation) {
	for _, source := range cited {
		if slices.Contains(c.numbers, source.N) {
			sources = append(sources, source)
		}
	}
	return sources
}

// bears tells whether the sources have enough of what a sentence says. Sources in another language than the answer
// cannot be compared by words: what cites them is believed, what cites nothing is not.
func (s support) bears(sentence, lang string, sources []Citation, cites bool) bool {
	terms := s.terms(footnote.ReplaceAllString(sentence, ""))
	if len(terms) < supportTerms {
		return true
	}
	if !cites {
		return false
	}
	shared := map[string]bool{}
	for _, source := range sources {
		if other := languageTag(source.Lang); other != "" && other != lang {
			return true
		}
		have := s.terms(source.embedText())
		for t := range terms {
			if have[t] {
				shared[t] = true
			}
		}
	}
	return float64(len(shared)) >= citedShare*float64(len(terms))
}

// otherLanguage tells whether text is surely in another language than lang. The Creoles are not told from each other:
// in a few sentences that is a guess.
func otherLanguage(text, lang string) bool {
	found := questionLanguage(footnote.ReplaceAllString(text, ""))
	return runes(text) >= 40 && found != "" && found != lang && !(creole(found) && creole(lang)) &&
		slices.Contains([]string{"fr", "en", "es", "ht", "gcf"}, lang)
}
