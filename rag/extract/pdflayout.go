package extract

import (
	"math"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

type pdfPage struct{ lines []pdfLine }

// pdfLine is one line of a page, or two when PDFium joined a hyphenated word
// over the line end. Places are in points from the lower left corner.
type pdfLine struct {
	text        string
	left, right float64 // of its first and last character
	first, last float64 // the baselines under them
	size        float64 // of its font, as shown
}

// isRow tells whether a line is the row of a table: cells parted by tabs. The
// gap after the mark of a list item makes none.
func (l pdfLine) isRow() bool {
	_, rest, _ := strings.Cut(l.text, "\t")
	return rest != "" && (!marker.MatchString(l.text) || strings.Contains(rest, "\t"))
}

func rowText(s string) string {
	cells := strings.Split(s, "\t")
	for i, c := range cells {
		cells[i] = strings.TrimSpace(c)
	}
	return strings.Join(cells, " | ")
}

// layout knows what can only be seen on the whole document.
type layout struct {
	pages  []pdfPage
	body   float64         // font size of most of the text
	sizes  []float64       // font sizes of headings, largest first
	words  map[string]bool // words of the document, lower case, for hyphens
	repeat map[string]bool // running headers and footers, as lineKey writes them
	shown  map[string]bool // those already part of the text
}

const (
	headingSize = 1.15 // least ratio of a heading's font size to the body's
	maxHeading  = 200  // runes
	newGap      = 1.4  // ratio of a gap to the usual one that parts paragraphs
)

func newLayout(pages []pdfPage) *layout {
	l := &layout{pages: pages, words: map[string]bool{}, shown: map[string]bool{}}
	runes := map[float64]int{}
	for _, p := range pages {
		for _, line := range p.lines {
			runes[half(line.size)] += utf8.RuneCountInString(line.text)
			l.learn(line.text)
		}
	}
	most := 0
	for size, n := range runes {
		if n > most || n == most && size < l.body {
			l.body, most = size, n
		}
	}
	for size := range runes {
		if l.body > 0 && size >= headingSize*l.body {
			l.sizes = append(l.sizes, size)
		}
	}
	sort.Sort(sort.Reverse(sort.Float64Slice(l.sizes)))
	l.repeat = running(pages)
	return l
}

// half rounds to half a point: one size comes out of a PDF in many shades.
func half(size float64) float64 { return math.Round(size*2) / 2 }

// level returns the heading level of a line, or 0.
func (l *layout) level(line pdfLine) int {
	size := half(line.size)
	if l.body == 0 || size < headingSize*l.body || utf8.RuneCountInString(line.text) > maxHeading || countLetters(line.text) < 2 {
		return 0
	}
	for i, s := range l.sizes {
		if s == size {
			return min(i+1, 6)
		}
	}
	return 0
}

func countLetters(s string) (n int) {
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// blocks re-flows the lines of page i into headings, items and paragraphs.
func (l *layout) blocks(i int) []Block {
	lines := l.content(i)
	pitch := linePitch(lines)
	edge := rightEdges(lines)
	var blocks []Block
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && l.continues(lines[:n], lines[n], pitch, edge) {
			n++
		}
		b := Block{Role: Paragraph, Text: l.join(lines[:n]), Page: i + 1}
		if level := l.level(lines[0]); level > 0 {
			b.Role, b.Level = Heading, level
		} else if lines[0].isRow() {
			b.Role, b.Text = Row, rowText(lines[0].text)
		} else if marker.MatchString(lines[0].text) {
			b.Role, b.Text = Item, bullet.ReplaceAllString(b.Text, "")
		}
		if Clean(b.Text) != "" {
			blocks = append(blocks, b)
		}
		lines = lines[n:]
	}
	return blocks
}

// content returns the lines of page i without page numbers and without running
// headers and footers but the first of each, so that no word is lost. Pages
// are asked for in order.
func (l *layout) content(i int) []pdfLine {
	lines := l.pages[i].lines
	drop := map[int]bool{}
	for _, at := range margins(lines) {
		key := lineKey(lines[at].text)
		if !l.repeat[key] {
			continue
		}
		drop[at] = l.shown[key] || folio.MatchString(key)
		l.shown[key] = true
	}
	var kept []pdfLine
	for at, line := range lines {
		if !drop[at] {
			kept = append(kept, line)
		}
	}
	return kept
}

// continues tells whether next goes on with the block of the lines before it.
func (l *layout) continues(block []pdfLine, next pdfLine, pitch float64, edge map[int]float64) bool {
	first, last := block[0], block[len(block)-1]
	size := max(last.size, 1)
	down := last.last - next.first
	level := l.level(first)
	switch {
	case level == 0 && (first.isRow() || next.isRow()):
		return false
	case level != l.level(next), math.Abs(first.size-next.size) > .08*size:
		return false
	case marker.MatchString(next.text) && level == 0:
		return false
	case down < -size: // a new column, or a box beside
		return !ends(last.text) && startsLower(next.text)
	case down > newGap*max(pitch, size):
		return false
	case level == 0 && last.right < edge[column(last.left)]-.25*(edge[column(last.left)]-last.left) && !startsLower(next.text):
		return false // rows of a table, lines of an address
	case level > 0:
		return true
	}
	item := marker.MatchString(first.text)
	short := last.right < edge[column(last.left)]-6*size
	if short && ends(last.text) && !startsLower(next.text) {
		return false
	}
	if item {
		return next.left > first.left+1 || !ends(last.text)
	}
	left := first.left
	for _, line := range block[1:] {
		left = min(left, line.left)
	}
	indented := next.left > left+.8*size && next.left < left+6*size
	return !(indented && (len(block) > 1 || short)) || startsLower(next.text)
}

// ends tells whether a line can be the last of its paragraph.
func ends(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(s, unicode.IsSpace))
	return strings.ContainsRune(".!?:;…»”\")]", r)
}

func startsLower(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, unicode.IsSpace))
	return unicode.IsLower(r)
}

// linePitch returns the usual distance from one line to the next.
func linePitch(lines []pdfLine) float64 {
	var gaps []float64
	for i := 1; i < len(lines); i++ {
		if gap := lines[i-1].last - lines[i].first; gap > .5*lines[i].size && gap < 3*lines[i].size {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return 0
	}
	sort.Float64s(gaps)
	return gaps[len(gaps)/3] // more lines go on than begin, but not in a list
}

// rightEdges returns how far lines reach, by the column they start in.
func rightEdges(lines []pdfLine) map[int]float64 {
	edge := map[int]float64{}
	for _, line := range lines {
		c := column(line.left)
		for _, near := range []int{c - 1, c, c + 1} {
			edge[near] = max(edge[near], line.right)
		}
	}
	return edge
}

func column(left float64) int { return int(max(min(left, 1e6), -1e6) / 40) }
