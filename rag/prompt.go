package rag

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Prompt is what a Generator continues.
type Prompt struct {
	System    string   `json:"system"`
	User      string   `json:"user"`
	MaxTokens int      `json:"max_tokens"`     // of the answer
	Stop      []string `json:"stop,omitempty"` // the answer ends before any of these
}

// reading is how much a model is given: a small one does worse with more.
type reading struct {
	passages  int // at most
	runes     int // of each
	maxTokens int
	brief     bool    // one instruction, beside the question
	near      float64 // passages that score less than this part of the best are not given
}

func readingFor(g Generator) reading {
	if s, ok := g.(interface{ Small() bool }); ok && s.Small() {
		return reading{passages: 2, runes: 600, maxTokens: 256, brief: true, near: 0.85}
	}
	return reading{passages: 5, runes: 1200, maxTokens: 768}
}

// give is how many of the sources, which are the first of hits, the model reads. A small model takes a
// second passage for as good as the first, so it gets one only where the search could not choose.
func (r reading) give(hits []Hit, sources []Citation) int {
	n := 0
	for _, h := range hits {
		if n == min(r.passages, len(sources)) || h.Score < r.near*hits[0].Score {
			break
		}
		if h.Passage == sources[n].Passage {
			n++
		}
	}
	return n
}

// fence marks where a passage begins and ends in a prompt. Text inside is made unable to write one.
const fenceOpen, fenceClose = "<passage %d>", "</passage %d>"

// newPrompt builds the prompt for a question, in its language, over the passages given as data between
// fences. The best passage comes last, next to the question: a model of half a billion weights answers
// from what it read last. Such a model also loses instructions that are not beside the question.
func newPrompt(question string, w phrases, passages []Citation, r reading) Prompt {
	var user strings.Builder
	for _, c := range slices.Backward(passages) {
		fmt.Fprintf(&user, fenceOpen+"\n", c.N)
		if c.Title != "" {
			user.WriteString(asData(cutSentences(c.Title, 120)) + "\n")
		}
		if c.Heading != "" {
			user.WriteString(asData(cutSentences(c.Heading, 120)) + "\n")
		}
		if c.Context != "" { // the head of the table or the line that announces the list
			user.WriteString(asData(cutSentences(c.Context, 240)) + "\n")
		}
		user.WriteString(asData(cutSentences(c.Text, r.runes)))
		fmt.Fprintf(&user, "\n"+fenceClose+"\n\n", c.N)
	}
	system, before := w.system, w.question
	if r.brief {
		system, before = "", w.brief
	}
	user.WriteString(before + asData(question))
	return Prompt{System: system, User: user.String(), MaxTokens: r.maxTokens, Stop: []string{"<passage", "</passage"}}
}

var footnote = regexp.MustCompile(`\[(\d{1,3})\]`)

// asData keeps text from acting as anything but text: no fence, no chat marker such as <|im_end|> or
// [INST], no footnote that would be taken for a citation.
func asData(text string) string {
	text = footnote.ReplaceAllString(text, "($1)")
	return strings.NewReplacer("<", "‹", ">", "›", "[INST]", "(INST)", "[/INST]", "(/INST)").Replace(text)
}

// cutSentences returns the beginning of text, at most limit runes, at the end of a sentence if one is
// past the middle, else of a word.
func cutSentences(text string, limit int) string {
	if runes(text) <= limit {
		return text
	}
	cut := string([]rune(text)[:limit])
	end := 0
	for _, s := range sentences(cut) {
		if s.end < len(cut) {
			end = s.end
		}
	}
	if end < len(cut)/2 {
		end = max(strings.LastIndexByte(cut, ' '), 0)
	}
	if end == 0 {
		return cut
	}
	return strings.TrimSpace(cut[:end])
}
