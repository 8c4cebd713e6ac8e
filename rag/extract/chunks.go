package extract

import (
	"bytes"
	"regexp"
	"strings"
)

const (
	chunkMarkdown = 64 << 10 // bytes parsed at once, where a good place to cut is near
	hardMarkdown  = 1 << 20  // bytes parsed at once at most
	maxLinks      = 16 << 10 // bytes of link definitions shared by all chunks
)

// cutMarkdown returns how many bytes of data to parse next: up to a heading or
// a blank line before flush-left text, outside fenced code.
func cutMarkdown(data []byte) int {
	if len(data) <= chunkMarkdown {
		return len(data)
	}
	fence, blank, last := "", false, 0
	for pos := 0; pos < len(data); {
		n := bytes.IndexByte(data[pos:], '\n') + 1
		if n == 0 {
			n = len(data) - pos
		}
		line := data[pos : pos+n]
		trimmed := strings.TrimSpace(string(line[:min(len(line), 80)]))
		if fence == "" && pos > 0 && (line[0] == '#' || blank && trimmed != "" && isSpaceless(line[0])) {
			last = pos
		}
		if last >= chunkMarkdown {
			return last
		}
		if pos+n > hardMarkdown {
			break
		}
		if fence == "" && (strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")) {
			fence = trimmed[:3]
		} else if fence != "" && strings.HasPrefix(trimmed, fence) {
			fence = ""
		}
		blank = trimmed == ""
		pos += n
	}
	if len(data) <= hardMarkdown {
		return len(data)
	}
	if last > 0 {
		return last
	}
	if i := bytes.LastIndexByte(data[:hardMarkdown], '\n'); i > 0 {
		return i + 1
	}
	for i := hardMarkdown; ; i-- { // not within a character
		if data[i] < 0x80 || data[i] >= 0xc0 {
			return i
		}
	}
}

func isSpaceless(c byte) bool {
	return c > ' ' && c != '-' && c != '*' && c != '+' && (c < '0' || c > '9')
}

// linkDefinition is a line that gives a link its target, and no text.
var linkDefinition = regexp.MustCompile(`(?m)^ {0,3}\[[^\]^][^\]\n]{0,200}\]:[ \t]*\S+[^\n]*$`)

// linkDefinitions collects the link definitions of a file, so that a chunk can
// resolve those of another.
func linkDefinitions(data []byte) []byte {
	var b []byte
	for _, l := range linkDefinition.FindAll(data, -1) {
		if len(b)+len(l) > maxLinks {
			break
		}
		b = append(append(b, l...), '\n')
	}
	return b
}

// tangled finds the two shapes that cost the parser the square of their
// length: containers within containers on one line, and links never closed.
func tangled(chunk []byte) bool {
	open := 0
	for line := range bytes.Lines(chunk) {
		if containers(line) > 64 {
			return true
		}
		if len(bytes.TrimSpace(line)) == 0 {
			open = 0
		}
		if open += bytes.Count(line, []byte("](")) - bytes.Count(line, []byte(")")); open > 256 {
			return true
		}
		open = max(open, 0)
	}
	return false
}

// containers counts the block quotes and list items that open on a line.
func containers(line []byte) (n int) {
	for i, c := range line {
		switch {
		case c == '>':
			n++
		case c == '-' || c == '*' || c == '+' || c == '.' || c == ')':
			if i+1 < len(line) && isSpace(line[i+1]) {
				n++
			}
		case c != ' ' && c != '\t' && (c < '0' || c > '9'):
			return n
		}
	}
	return n
}
