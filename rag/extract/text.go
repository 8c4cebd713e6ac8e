package extract

import (
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	longLine     = 200      // runes; a file with longer lines has one paragraph a line
	maxParagraph = 64 << 10 // bytes; a longer paragraph is cut at a line end
)

// readText reads plain text: paragraphs between blank lines, headings and
// lists only where the signs are sure.
func readText(src *source, d *Document, out *output) error {
	ls := newLines(src)
	var para []line
	size := 0
	flush := func() error {
		err := addParagraph(src, para, out)
		para, size = para[:0], 0
		return err
	}
	for {
		l, err := ls.next()
		if err == io.EOF {
			return flush()
		}
		if err != nil {
			return err
		}
		blank := strings.TrimSpace(l.text) == ""
		if blank || size+len(l.text) > maxParagraph {
			if err := flush(); err != nil {
				return err
			}
		}
		if !blank {
			para = append(para, l)
			size += len(l.text)
		}
	}
}

// addParagraph yields the lines between two blank ones.
func addParagraph(src *source, para []line, out *output) error {
	if len(para) == 0 {
		return nil
	}
	if level := underline(para); level > 0 {
		if err := addLines(src, para[:1], Heading, level, out); err != nil {
			return err
		}
		return addParagraph(src, para[2:], out)
	}
	if len(para) == 1 && shouted(para[0].text) {
		return addLines(src, para, Heading, 2, out)
	}
	starts, role := splitLines(para)
	for i, from := range starts {
		to := len(para)
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		r := role
		if r == Item && !marker.MatchString(para[from].text) {
			r = Paragraph // the line that introduces the list
		}
		if err := addLines(src, para[from:to], r, 0, out); err != nil {
			return err
		}
	}
	return nil
}

// splitLines returns the lines of para that begin a block: all of them when
// lines are long, those with a marker when it is a list, else the first.
func splitLines(para []line) (starts []int, role Role) {
	starts = []int{0}
	items, long := 0, false
	for _, l := range para {
		if marker.MatchString(l.text) {
			items++
		}
		long = long || utf8.RuneCountInString(l.text) > longLine
	}
	if items < 2 && !(items == 1 && len(para) == 1) {
		items = 0
	}
	for i := 1; i < len(para); i++ {
		if items > 0 && marker.MatchString(para[i].text) || items == 0 && long && !para[i-1].cut {
			starts = append(starts, i)
		}
	}
	if items > 0 {
		return starts, Item
	}
	return starts, Paragraph
}

// marker opens a list item: a bullet or a small number, then space.
var marker = regexp.MustCompile(`^\s*(?:[-*+•‣◦▪–]|\d{1,3}[.)]|[a-z][)])\s+\S`)

// bullet is the part of a marker that only decorates.
var bullet = regexp.MustCompile(`^\s*[-*+•‣◦▪–]\s+`)

func addLines(src *source, para []line, role Role, level int, out *output) error {
	var text strings.Builder
	for i, l := range para {
		s := l.text
		if i == 0 && role == Item {
			s = bullet.ReplaceAllString(s, "")
		}
		if i > 0 && !para[i-1].cut {
			text.WriteByte(' ')
		}
		text.WriteString(s)
	}
	b := Block{Role: role, Level: level, Text: text.String()}
	b.Start, b.End = src.place(para[0].start, para[len(para)-1].end)
	return out.add(b)
}

// underline returns the level of a heading drawn with = or - below it, or 0.
func underline(para []line) int {
	if len(para) < 2 {
		return 0
	}
	title, rule := strings.TrimSpace(para[0].text), strings.TrimSpace(para[1].text)
	if len(rule) < 3 || utf8.RuneCountInString(title) > 120 || !strings.ContainsFunc(title, unicode.IsLetter) {
		return 0
	}
	switch strings.Trim(rule, rule[:1]) + rule[:1] {
	case "=":
		return 1
	case "-":
		return 2
	}
	return 0
}

// shouted tells whether a lone line is a heading in capitals.
func shouted(s string) bool {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > 80 || strings.ContainsAny(s[len(s)-1:], ".!?;,") {
		return false
	}
	letters := 0
	for _, r := range s {
		if unicode.IsLower(r) {
			return false
		}
		if unicode.IsUpper(r) {
			letters++
		}
	}
	return letters >= 4
}
