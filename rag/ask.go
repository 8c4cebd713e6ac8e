package rag

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Citation is a passage with the number it has in an answer.
type Citation struct {
	N       int `json:"n"` // from 1; [n] in the text
	Passage `json:"passage"`
	Orders  bool `json:"orders,omitempty"` // it speaks to the model as if to give orders; the model does not read it
}

// An Answer is a text in which every [n] is one of Citations. Without a model Text is empty and
// Citations are the answer.
type Answer struct {
	Question  string     `json:"question"`
	Lang      string     `json:"lang"` // of Text
	Text      string     `json:"text"`
	Known     bool       `json:"known"` // false: the library does not know; Sources are leads
	Mode      Mode       `json:"mode"`
	Citations []Citation `json:"citations,omitempty"` // those the answer rests on, at least one when Known
	Sources   []Citation `json:"sources,omitempty"`   // all that were found, best first
	Doubts    []Doubt    `json:"doubts,omitempty"`
	Model     string     `json:"model,omitempty"`
	Asked     []Asked    `json:"asked,omitempty"` // other nodes chosen to be asked
	Kept      *Kept      `json:"kept,omitempty"`  // not nil: it was made before
}

// Kept says of an answer that it was given before.
type Kept struct {
	At *time.Time `json:"at,omitempty"` // when it was made; nil when the clock was not set
}

// An Event is one step of an answer: sources first, then text in pieces, then done. While others are still being
// asked, what was found here comes before that as early sources. One JSON object a line is their form on the wire.
type Event struct {
	Kind    EventKind  `json:"event"`
	Sources []Citation `json:"sources,omitempty"`
	Asked   []Asked    `json:"asked,omitempty"`
	Text    string     `json:"text,omitempty"`
	Answer  *Answer    `json:"answer,omitempty"`
}

// EventKind says which fields of an Event are set.
type EventKind string

const (
	EventEarly   EventKind = "early"   // Sources so far: EventSources replaces them, and their numbers are those of no [n]
	EventSources EventKind = "sources" // Sources, maybe none, and Asked
	EventText    EventKind = "text"    // Text goes after the text so far
	EventDone    EventKind = "done"    // Answer, whose Text is that of all pieces
)

// maxSources is how many passages are shown with an answer.
const maxSources = 5

// EarlySources is the event that shows what was found so far, while others are being asked.
func EarlySources(r Results) Event {
	return Event{Kind: EventEarly, Sources: number(r.Hits), Asked: r.Asked}
}

// Ask answers q from the results of its Search. With g nil, or when g writes nothing, the passages are
// the answer. When r is not Known, g is not called. emit, which may be nil, is called with each event.
//
// Citations are bound by code: numbers that stand for no passage are taken out, sentences without one
// get that of the passage which says the same, if one does. An error of g, emit or ctx ends the answer;
// what there is of it comes back with the error, its citations bound.
func Ask(ctx context.Context, q Query, r Results, g Generator, emit func(Event) error) (Answer, error) {
	if emit == nil {
		emit = func(Event) error { return nil }
	}
	a := Answer{Question: q.Text, Lang: answerLanguage(q, r), Known: r.Known && len(r.Hits) > 0, Mode: r.Mode, Sources: number(r.Hits), Asked: r.Asked}
	if err := emit(Event{Kind: EventSources, Sources: a.Sources, Asked: a.Asked}); err != nil {
		return a, err
	}
	say := func(text string) error {
		a.Text += text
		return emit(Event{Kind: EventText, Text: text})
	}
	w := phrasesIn(a.Lang)
	switch {
	case !a.Known:
		if err := say(w.unknown); err != nil {
			return a, err
		}
	case g == nil:
		a.Citations = a.Sources
	default:
		read := readingFor(g)
		hits, sources := withoutOrders(r.Hits, a.Sources)
		if len(sources) == 0 {
			a.Citations = a.Sources
			break
		}
		if err := generate(ctx, &a, g, sources[:read.give(hits, sources)], read, w, say); err != nil {
			return a, fmt.Errorf("write the answer: %w", err)
		}
	}
	return a, emit(Event{Kind: EventDone, Answer: &a})
}

// generate has g write the answer from the passages given and binds it to them.
func generate(ctx context.Context, a *Answer, g Generator, given []Citation, read reading, w phrases, say func(string) error) error {
	if m, ok := g.(interface{ Model() string }); ok {
		a.Model = m.Model()
	}
	b := newBinder(given, a.Lang, say)
	err := g.Generate(ctx, newPrompt(a.Question, w, given, read), b.write)
	if endErr := b.end(); err == nil {
		err = endErr
	}
	a.Citations = b.cited()
	switch {
	case strings.TrimSpace(a.Text) == "":
		a.Citations = a.Sources
	case len(a.Citations) == 0 && strings.HasPrefix(fold(strings.TrimSpace(a.Text)), fold(w.refusal)):
		a.Known = false
	case len(a.Citations) == 0:
		a.Citations = given[:1]
		a.Doubts = append(a.Doubts, Doubt{Kind: DoubtSource})
	}
	if a.Known && a.Text != "" {
		doubts := doubtsOf(a.Text, a.Lang, a.Citations, b.support)
		if len(a.Doubts) > 0 { // the whole is in doubt
			doubts = slices.DeleteFunc(doubts, func(d Doubt) bool { return d.Kind == DoubtSentence })
		}
		a.Doubts = append(a.Doubts, doubts...)
	}
	return err
}

// number gives the first hits their numbers, leaving out those that read the same as one before.
func number(hits []Hit) []Citation {
	var sources []Citation
	seen := map[string]bool{}
	for _, h := range hits {
		if len(sources) == maxSources {
			break
		}
		if key := h.embedText(); !seen[key] {
			seen[key] = true
			sources = append(sources, Citation{N: len(sources) + 1, Passage: h.Passage, Orders: givesOrders(h.embedText())})
		}
	}
	return sources
}

// answerLanguage is the one chosen, else the question's, else that of the first passage.
func answerLanguage(q Query, r Results) string {
	lang := languageTag(q.Lang)
	if lang == "" {
		lang = r.Lang
	}
	if lang == "" && len(r.Hits) > 0 {
		lang = r.Hits[0].Lang
	}
	if lang == "" {
		lang = "fr"
	}
	return lang
}
