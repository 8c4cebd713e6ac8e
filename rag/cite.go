package rag

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Models cite in many ways: [1], [1, 2], [1][2], [1-3], [Passage 1], 【1】, 【1†source】.
var citationBody = regexp.MustCompile(`^(?i:\s*(?:passages?|pasajes?|pasaj|sources?|documents?|docs?|réf|ref|n°|no)?\.?\s*)` +
	`(#?\d+(?:\s*(?:,|;|&|-|–|—|et|and|y|ak|é)\s*(?i:passage|source)?\s*#?\d+)*)` +
	`\s*(?:†.*)?$`)

// maxCitation is how much text, in bytes, is held back to see whether it is a citation.
const maxCitation = 48

// cutCitation looks at text that begins with a bracket. It returns the numbers cited, those from 1 to
// most, and how many bytes the citation takes. No bytes: it is none. more: it may become one when more
// text comes; with final set no more will.
func cutCitation(text string, most int, final bool) (numbers []int, size int, more bool) {
	_, open := utf8.DecodeRuneInString(text)
	body := text[open:]
	end := strings.IndexFunc(body, isCloser)
	if end > maxCitation || end < 0 && len(body) > maxCitation {
		return nil, 0, false
	}
	if stop := strings.IndexFunc(body, func(r rune) bool { return r == '\n' || isOpener(r) }); stop >= 0 && (end < 0 || stop < end) {
		return nil, 0, false
	}
	if end < 0 {
		if !final {
			return nil, 0, true
		}
		if !citationBody.MatchString(body) {
			return nil, 0, false
		}
		return citedNumbers(body, most), len(text), false // cut short by the end of the answer
	}
	if !citationBody.MatchString(body[:end]) {
		return nil, 0, false
	}
	_, shut := utf8.DecodeRuneInString(body[end:])
	return citedNumbers(body[:end], most), open + end + shut, false
}

func isOpener(r rune) bool { return r == '[' || r == '【' || r == '［' }
func isCloser(r rune) bool { return r == ']' || r == '】' || r == '］' }

var citedRange = regexp.MustCompile(`(\d+)(?:\s*[-–—]\s*#?(\d+))?`)

// citedNumbers returns the numbers in the body of a citation that stand for a passage, each once.
func citedNumbers(body string, most int) (numbers []int) {
	body, _, _ = strings.Cut(body, "†")
	seen := map[int]bool{}
	for _, m := range citedRange.FindAllStringSubmatch(body, -1) {
		from := atMost(m[1], most)
		to := from
		if m[2] != "" {
			to = min(atMost(m[2], most), most)
		}
		for n := max(from, 1); n <= min(to, most); n++ {
			if !seen[n] {
				seen[n] = true
				numbers = append(numbers, n)
			}
		}
	}
	return numbers
}

// atMost reads a number; any above most is most+1.
func atMost(digits string, most int) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n > most {
		return most + 1
	}
	return n
}
