package extract

import (
	"strings"

	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

const (
	cellGap  = 1.5 // least ratio of the space between two cells to the font size
	maxCells = 64
)

// cells returns where in the text, in UTF-16 units, the cells of a line begin
// after the first. PDFium hands out a rectangle for each run of text; a line
// with a wide gap between two of them is the row of a table.
func (c *pdfReader) cells(tp references.FPDF_TEXTPAGE, shown []int, l pdfLine) []int {
	first, err := c.charIndex(tp, shown[0])
	if err != nil {
		return nil
	}
	last, err := c.charIndex(tp, shown[len(shown)-1])
	if err != nil || last < first || l.first != l.last {
		return nil
	}
	count, err := c.FPDFText_CountRects(&requests.FPDFText_CountRects{TextPage: tp, StartIndex: first, Count: last - first + 1})
	if err != nil || count.Count < 2 {
		return nil
	}
	var at []int
	right := 0.
	for i := range count.Count {
		r, err := c.FPDFText_GetRect(&requests.FPDFText_GetRect{TextPage: tp, Index: i})
		if err != nil || len(at) >= maxCells {
			return at
		}
		if i > 0 && r.Left-right > cellGap*l.size {
			if n, ok := c.textIndexAt(tp, r.Left, (r.Top+r.Bottom)/2, l.size); ok {
				at = append(at, n)
			}
		}
		right = r.Right
	}
	return at
}

func (c *pdfReader) charIndex(tp references.FPDF_TEXTPAGE, textIndex int) (int, error) {
	i, err := c.FPDFText_GetCharIndexFromTextIndex(&requests.FPDFText_GetCharIndexFromTextIndex{TextPage: tp, NTextIndex: textIndex})
	if err != nil {
		return 0, err
	}
	return i.CharIndex, nil
}

// textIndexAt returns the index in the text of the character at a place.
func (c *pdfReader) textIndexAt(tp references.FPDF_TEXTPAGE, x, y, size float64) (int, bool) {
	char, err := c.FPDFText_GetCharIndexAtPos(&requests.FPDFText_GetCharIndexAtPos{TextPage: tp, X: x + .1, Y: y, XTolerance: size / 4, YTolerance: size / 2})
	if err != nil || char.CharIndex < 0 {
		return 0, false
	}
	text, err := c.FPDFText_GetTextIndexFromCharIndex(&requests.FPDFText_GetTextIndexFromCharIndex{TextPage: tp, NCharIndex: char.CharIndex})
	if err != nil {
		return 0, false
	}
	return text.TextIndex, true
}

// parted puts a tab before the characters of s at the given places, counted
// from where s starts.
func parted(s string, start int, places []int) string {
	if len(places) == 0 {
		return s
	}
	var b strings.Builder
	at := start
	for _, r := range s {
		if len(places) > 0 && at >= places[0] {
			if at == places[0] && b.Len() > 0 {
				b.WriteByte('\t')
			}
			places = places[1:]
		}
		b.WriteRune(r)
		at++
		if r > 0xffff {
			at++
		}
	}
	return b.String()
}

// units counts the UTF-16 units of s.
func units(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
