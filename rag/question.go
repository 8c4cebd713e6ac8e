package rag

import (
	"slices"
	"strings"
	"unicode"
)

// Mode is how passages are ranked.
type Mode string

const (
	ModeBest    Mode = ""        // hybrid when there are vectors, else lexical
	ModeLexical Mode = "lexical" // by shared words
	ModeDense   Mode = "dense"   // by closeness of meaning
	ModeHybrid  Mode = "hybrid"  // both
)

// Valid tells whether m is one of the modes above.
func (m Mode) Valid() bool {
	return m == ModeBest || m == ModeLexical || m == ModeDense || m == ModeHybrid
}

// Query is a question put to the library. Text is required.
type Query struct {
	Text  string   `json:"text"`
	Lang  string   `json:"lang,omitempty"`  // the person's choice; empty: guessed
	In    []string `json:"in,omitempty"`    // sets to ask; empty: all
	Limit int      `json:"limit,omitempty"` // passages wanted; 0 means 10, at most 100
	Mode  Mode     `json:"mode,omitempty"`

	Vector    []float32 `json:"-"` // of Text, where it is known; else Search asks the embedder
	Model     string    `json:"-"` // digest of the model that made Vector, where Search is given no embedder
	Elsewhere Elsewhere `json:"-"` // what other nodes sent, ranked together with what is here
}

const (
	defaultLimit = 10
	maxLimit     = 100
)

// question is a Query that was checked.
type question struct {
	Query
	lang  string          // chosen, else guessed, else ""
	stops map[string]bool // function words of lang, folded
}

func newQuestion(q Query) (question, error) {
	if !strings.ContainsFunc(q.Text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return question{}, ErrEmptyQuestion
	}
	if len(q.Text) > 4*MaxQuestion || runes(q.Text) > MaxQuestion {
		return question{}, ErrQuestionTooLong
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	q.Limit = min(q.Limit, maxLimit)
	out := question{Query: q, lang: languageTag(q.Lang), stops: map[string]bool{}}
	if out.lang == "" {
		out.lang = questionLanguage(q.Text)
	}
	for _, w := range strings.Fields(functionWords(out.lang)) {
		out.stops[fold(w)] = true
	}
	return out, nil
}

func (q question) asks(set string) bool { return len(q.In) == 0 || slices.Contains(q.In, set) }

// terms analyses the question for a field. A question in one language is put to passages of another
// without its own function words: a French "sur" is a rare and misleading word of an English text.
func (q question) terms(a analyzer, f field) []string {
	if f == fieldOf(q.lang) && f != fieldOther {
		return a.terms(f, q.Text)
	}
	kept := strings.FieldsFunc(fold(q.Text), func(r rune) bool { return unicode.IsSpace(r) || r == '\'' })
	kept = slices.DeleteFunc(kept, func(w string) bool {
		return q.stops[strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })]
	})
	return a.terms(f, strings.Join(kept, " "))
}

// boost lowers passages of a language that is known to be another one: they share names and numbers
// with the question, seldom its words.
func (q question) boost(f field) float64 {
	if q.lang == "" || f == fieldOther || f == fieldOf(q.lang) || f == fieldFr && creole(q.lang) {
		return 1
	}
	return 0.5
}

// foreign tells whether a passage is known to be in another language than the question.
func (q question) foreign(lang string) bool { return q.lang != "" && lang != "" && lang != q.lang }
