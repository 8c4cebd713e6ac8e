package rag

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"savoirs/rag/extract"
)

// A glossary is a table that a community keeps in a dataset, glossary.tsv or glossary.csv: a term, its
// language, and what says the same, each with its language.
//
//	siklòn	ht	fr:cyclone; gcf:siklòn
//	dlo potab	ht	fr:eau potable
//
// Questions with the term find passages with its equivalents, and the other way round. The file is not
// a document: it is not cited.
const (
	maxGlossary      = 1 << 20 // bytes of the file
	maxGlossaryLines = 2000
	maxGlossaryTerm  = 80 // bytes of a term or an equivalent
	maxGlossaryWords = 4  // of a term that is looked for
	maxEquivalents   = 16 // of a term
	maxGlosses       = 16 // in one question
	glossaryWeight   = 0.8
	glossaryTSV      = "glossary.tsv"
	glossaryCSV      = "glossary.csv"
	glossaryColumns  = 3
)

// Saying is a word or a few in a language.
type Saying struct {
	Lang string `json:"lang"`
	Text string `json:"text"`
}

// GlossaryEntry is sayings that mean the same, the term first.
type GlossaryEntry []Saying

func isGlossary(name string) bool { return name == glossaryTSV || name == glossaryCSV }

// readGlossary reads the glossary of a dataset, if it has one. Lines that are none are left out and
// said in skips.
func readGlossary(fsys fs.FS) (entries []GlossaryEntry, skips []Skip, err error) {
	for _, name := range []string{glossaryTSV, glossaryCSV} {
		f, err := fsys.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		text, err := io.ReadAll(io.LimitReader(f, maxGlossary+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", name, err)
		}
		if len(text) > maxGlossary {
			skips = append(skips, Skip{name, "too_large", fmt.Sprintf("a glossary has at most %d bytes", maxGlossary)})
			continue
		}
		more, wrong := ParseGlossary(text)
		entries = append(entries, more[:min(len(more), maxGlossaryLines-len(entries))]...)
		if wrong != "" {
			skips = append(skips, Skip{name, "damaged", wrong})
		}
	}
	return entries, skips, nil
}

// ParseGlossary reads lines of term, language and equivalents, separated by tabs, else by commas or
// semicolons as spreadsheets write them. Quotation marks around a column are taken off; a line that
// begins with # and a line of headings are passed over. wrong says which other lines were left out.
func ParseGlossary(text []byte) (entries []GlossaryEntry, wrong string) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxGlossary+1)
	var left []string
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e := parseEntry(columns(line))
		switch {
		case e != nil && len(entries) < maxGlossaryLines:
			entries = append(entries, e)
		case n > 1:
			left = append(left, fmt.Sprint(n))
		}
	}
	if lines.Err() != nil {
		left = append(left, "…")
	}
	if len(left) == 0 {
		return entries, ""
	}
	return entries, fmt.Sprintf("lines left out: %s; a line is term, language, lang:equivalent; lang:equivalent", strings.Join(left[:min(len(left), 10)], ", "))
}

func columns(line string) []string {
	sep := "\t"
	if !strings.Contains(line, sep) {
		sep = ","
		if i := strings.IndexAny(line, ",;"); i >= 0 {
			sep = line[i : i+1]
		}
	}
	parts := strings.SplitN(line, sep, glossaryColumns)
	for i, p := range parts {
		parts[i] = strings.TrimSpace(strings.Trim(strings.TrimSpace(extract.Clean(p)), `"`))
	}
	return parts
}

// parseEntry returns nil for columns that are no entry.
func parseEntry(column []string) GlossaryEntry {
	if len(column) != glossaryColumns {
		return nil
	}
	lang := languageTag(column[1])
	entry := GlossaryEntry{{lang, column[0]}}
	for part := range strings.FieldsFuncSeq(column[2], func(r rune) bool { return r == ';' || r == '|' || r == '\t' }) {
		if len(entry) > maxEquivalents {
			break
		}
		s := Saying{lang, strings.TrimSpace(part)} // without a language: in that of the term
		if tag, rest, ok := strings.Cut(part, ":"); ok {
			s = Saying{languageTag(tag), strings.TrimSpace(rest)}
		}
		entry = append(entry, s)
	}
	entry = slices.DeleteFunc(entry, func(s Saying) bool {
		n := len(words(s.Text))
		return s.Lang == "" || n == 0 || n > maxGlossaryWords || len(s.Text) > maxGlossaryTerm
	})
	if len(entry) < 2 || entry[0].Text != column[0] {
		return nil
	}
	return entry
}

// glossary looks up sayings by their words, folded.
type glossary map[string][]gloss

// gloss is a saying and what means the same.
type gloss struct {
	lang string
	same []Saying
}

func newGlossary(entries []GlossaryEntry) glossary {
	g := glossary{}
	for _, e := range entries {
		for i, s := range e {
			key := strings.Join(words(fold(s.Text)), " ")
			g[key] = append(g[key], gloss{s.Lang, slices.Concat(e[:i], e[i+1:])})
		}
	}
	return g
}

// glossed is a part of a question that a glossary knows.
type glossed struct {
	from, to int // words
	text     string
	same     []Saying
}

// glosses finds what the glossaries of the sets asked know of the question, longest sayings first. The
// indexes are locked for reading.
func (q question) glosses(xs []*Index) (found []glossed) {
	var books []glossary
	for _, x := range xs {
		for name, s := range x.sets {
			if len(s.glossary) > 0 && q.asks(name) {
				books = append(books, s.glossary)
			}
		}
	}
	if len(books) == 0 {
		return nil
	}
	asked := words(fold(q.Text))
	for from := 0; from < len(asked) && len(found) < maxGlosses; from++ {
		for to := min(from+maxGlossaryWords, len(asked)); to > from; to-- {
			text := strings.Join(asked[from:to], " ")
			var same []Saying
			for _, book := range books {
				for _, g := range book[text] {
					if q.speaks(g.lang) {
						same = append(same, g.same...)
					}
				}
			}
			if len(same) > 0 {
				slices.SortFunc(same, func(a, b Saying) int { return strings.Compare(a.Lang+" "+a.Text, b.Lang+" "+b.Text) })
				same = slices.Compact(same)
				found = append(found, glossed{from, to, text, same[:min(len(same), maxEquivalents)]})
				from = to - 1
				break
			}
		}
	}
	return found
}

// glossesOf is glosses for indexes that are not locked.
func (q question) glossesOf(xs []*Index) []glossed {
	for _, x := range xs {
		x.mu.RLock()
		defer x.mu.RUnlock()
	}
	return q.glosses(xs)
}

// speaks tells whether the question may hold words of lang. A Creole that was guessed may be the other:
// few words do not tell.
func (q question) speaks(lang string) bool {
	return q.lang == "" || lang == q.lang || languageTag(q.Query.Lang) == "" && creole(lang) && creole(q.lang)
}

// translated is the question with what glossaries know of it said in another language, the one they
// know most in; empty when they know nothing.
func (q question) translated(found []glossed) string {
	count, best := map[string]int{}, ""
	for _, g := range found {
		for _, s := range g.same {
			count[s.Lang]++
		}
	}
	for lang, n := range count {
		if lang != q.lang && (n > count[best] || n == count[best] && (best == "" || lang < best)) {
			best = lang
		}
	}
	if best == "" {
		return ""
	}
	asked := words(fold(q.Text))
	var said []string
	at := 0
	for _, g := range found {
		i := slices.IndexFunc(g.same, func(s Saying) bool { return s.Lang == best })
		if i < 0 {
			continue
		}
		said = append(append(said, asked[at:g.from]...), g.same[i].Text)
		at = g.to
	}
	return strings.Join(append(said, asked[at:]...), " ")
}

// glossKin adds to terms, as kin, what glossaries say in the language of the field.
func (v vocabulary) glossKin(terms []term, found []glossed) []term {
	for _, g := range found {
		var same []kin
		for _, s := range g.same {
			if fieldOf(s.Lang) != v.field || v.field == fieldOther && s.Lang == "" {
				continue
			}
			for _, t := range v.analyze.terms(v.field, s.Text) {
				same = append(same, kin{text: t, weight: glossaryWeight})
			}
		}
		if len(same) == 0 {
			continue
		}
		own := v.analyze.terms(v.field, g.text)
		i := slices.IndexFunc(terms, func(t term) bool { return slices.Contains(own, t.text) })
		if i < 0 {
			terms = append(terms, term{text: g.text, times: 1})
			i = len(terms) - 1
		}
		terms[i].kin = append(terms[i].kin, same...)
	}
	return terms
}
