package rag

import (
	"context"
	"path"
	"strings"
	"unicode"

	"savoirs/rag/extract"
)

// Finding is whether a document says what a passage says.
type Finding int

const (
	Unsure Finding = iota // it cannot be told from what there is of the document
	Says                  // it does
	Lacks                 // it does not, whoever read it
)

// InBytes tells whether b, the bytes [p.Start, p.End) of a document, say what p says, for formats whose text is in their
// bytes as it is read: the words of p occur in b, in order. Lacks is never found: another program may read the format
// otherwise.
func (p Passage) InBytes(b []byte) Finding {
	switch strings.ToLower(path.Ext(p.Doc)) {
	case ".txt", ".text", ".md", ".markdown", ".csv", ".tsv", ".jsonl":
	default:
		return Unsure
	}
	of := wordsOf(p.Text)
	if len(of) == 0 || len(b) > 4*len(p.Text)+1<<10 { // out of a long text anything can be picked
		return Unsure
	}
	at := 0
	for _, w := range wordsOf(string(b)) {
		if at < len(of) && of[at] == w {
			at++
		}
	}
	if at == len(of) {
		return Says
	}
	return Unsure
}

// fewWords is the share of a passage's words that any text of some length has by chance, and far from what another
// program's reading of the same document would leave out.
const fewWords = 0.7

// InDocument tells whether the whole document, read again, says what p says. Lacks is found only when so many of the
// words are nowhere in it that no other way of reading it explains that.
func (p Passage) InDocument(ctx context.Context, b []byte, o extract.Options) Finding {
	name := path.Base(p.Doc)
	d, err := extract.File(ctx, oneFile{name, b}, name, o)
	if err != nil {
		return Unsure
	}
	var whole strings.Builder
	for _, block := range d.Blocks {
		whole.WriteString(block.Text + "\n")
	}
	of, there := wordsOf(p.Text), wordsOf(whole.String())
	if len(of) == 0 {
		return Unsure
	}
	if strings.Contains(" "+strings.Join(there, " ")+" ", " "+strings.Join(of, " ")+" ") {
		return Says
	}
	known := map[string]bool{}
	for _, w := range there {
		known[w] = true
	}
	found := 0
	for _, w := range of {
		if known[w] {
			found++
		}
	}
	if float64(found) < fewWords*float64(len(of)) {
		return Lacks
	}
	return Unsure
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
