package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// joint is where PDFium joined a word over a line end.
const joint = '\ufffe'

// learn adds the words of a line to those the document uses, compounds whole.
// Words at a line end that may be cut are left out.
func (l *layout) learn(line string) {
	words := strings.FieldsFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != joint })
	for _, w := range words {
		if len(l.words) < 1<<20 && !strings.ContainsRune(w, joint) && !strings.HasSuffix(w, "-") && len(w) < 64 {
			l.words[strings.ToLower(w)] = true
		}
	}
}

// join makes one text of lines, closing words cut by a hyphen.
func (l *layout) join(lines []pdfLine) string {
	var b strings.Builder
	for i, line := range lines {
		s := strings.TrimFunc(line.text, unicode.IsSpace)
		if i > 0 {
			if before := b.String(); cut(before, s) {
				b.Reset()
				b.WriteString(before[:len(before)-1])
				b.WriteRune(joint)
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(s)
	}
	return l.close(leaders.ReplaceAllString(b.String(), " "))
}

// cut tells whether before ends in a hyphen that may cut a word next goes on with.
func cut(before, next string) bool {
	if !strings.HasSuffix(before, "-") {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(before[:len(before)-1])
	return unicode.IsLetter(r) && startsLower(next)
}

// close replaces each joint of s by a hyphen or by nothing.
func (l *layout) close(s string) string {
	for {
		before, after, found := strings.Cut(s, string(joint))
		if !found {
			return s
		}
		after = strings.TrimLeft(after, " ")
		head := before[strings.LastIndexFunc(before, notInWord)+1:]
		tail := after
		if i := strings.IndexFunc(after, notInWord); i >= 0 {
			tail = after[:i]
		}
		if l.compound(head, tail) {
			s = before + "-" + after
		} else {
			s = before + after
		}
	}
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && r != '-' }

// compound tells whether the hyphen between head and tail belongs to the word:
// the document writes it so elsewhere, or the language does.
func (l *layout) compound(head, tail string) bool {
	head, tail = strings.ToLower(head), strings.ToLower(tail)
	switch {
	case l.words[head+"-"+tail]:
		return true
	case head == "" || tail == "" || l.words[head+tail]:
		return false
	}
	switch tail { // French enclitics: dit-il, celui-ci, peut-être, vas-y
	case "ci", "là", "même", "mêmes", "être", "il", "elle", "ils", "elles", "on", "je", "tu", "nous", "vous", "moi", "toi",
		"le", "la", "les", "lui", "leur", "y", "en", "ce":
		return true
	}
	return strings.HasSuffix(head, "-t") || strings.HasPrefix(tail, "t-") // a-t-il
}
