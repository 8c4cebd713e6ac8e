package extract

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// document writes the frames of an open document: all its lines are read
// first, because what repeats on every page is no text, and what is larger
// than most of the document is a heading.
func (c *pdfReader) document(doc references.FPDF_DOCUMENT) error {
	count, err := c.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
	if err != nil {
		return err
	}
	if count.PageCount > maxPages {
		return ErrTooLarge
	}
	head := frame{Pages: count.PageCount}
	if m, err := c.GetMetaData(&requests.GetMetaData{Document: doc, Tags: &[]string{"Title"}}); err == nil && len(m.Tags) == 1 {
		head.Title = pdfTitle(m.Tags[0].Value)
	}
	if l, err := c.FPDFCatalog_GetLanguage(&requests.FPDFCatalog_GetLanguage{Document: doc}); err == nil {
		head.Lang = strings.Trim(l.Language, "\x00")
	}
	if err := c.w.Encode(head); err != nil {
		return err
	}
	var pages []pdfPage
	broken, empty := 0, 0
	for i := range count.PageCount {
		p, err := c.page(doc, i)
		if err != nil {
			broken++
			if err := c.w.Encode(frame{Warning: fmt.Sprintf("page %d: %v", i+1, err)}); err != nil {
				return err
			}
		} else if len(p.lines) == 0 {
			empty++
		}
		pages = append(pages, p)
	}
	if broken == count.PageCount {
		return ErrCorrupt
	}
	if empty+broken == count.PageCount {
		return ErrNoText
	}
	if empty > 0 {
		if err := c.w.Encode(frame{Warning: fmt.Sprintf("%d of %d pages have no text; they may be pictures", empty, count.PageCount)}); err != nil {
			return err
		}
	}
	l := newLayout(pages)
	for i := range pages {
		if err := c.w.Encode(frame{Blocks: l.blocks(i)}); err != nil {
			return err
		}
	}
	return c.w.Encode(frame{Done: true})
}

// pdfTitle drops the titles that programs leave behind.
func pdfTitle(s string) string {
	s = oneLine(strings.Trim(s, "\x00"))
	s = strings.TrimPrefix(s, "Microsoft Word - ")
	lower := strings.ToLower(s)
	if lower == "untitled" || lower == "sans titre" || lower == "title" || format(s) != "" || strings.HasSuffix(lower, ".doc") || strings.HasSuffix(lower, ".indd") {
		return ""
	}
	return s
}

// page reads the lines of one page, with the place and size of each.
func (c *pdfReader) page(doc references.FPDF_DOCUMENT, index int) (pdfPage, error) {
	var p pdfPage
	page, err := c.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: doc, Index: index})
	if err != nil {
		return p, err
	}
	defer c.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: page.Page})
	tp, err := c.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: requests.Page{ByReference: &page.Page}})
	if err != nil {
		return p, err
	}
	defer c.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: tp.TextPage})
	chars, err := c.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: tp.TextPage})
	if err != nil || chars.Count <= 0 {
		return p, err
	}
	if chars.Count > maxPageChars {
		return p, ErrTooLarge
	}
	t, err := c.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: tp.TextPage, Count: chars.Count})
	if err != nil {
		return p, err
	}
	at := 0 // index in the text, in UTF-16 units
	for text := range strings.Lines(strings.TrimRight(t.Text, "\x00")) {
		var shown []int // where the characters are that one can see
		for _, r := range text {
			if r > ' ' {
				shown = append(shown, at)
			}
			at++
			if r > 0xffff {
				at++
			}
		}
		if len(shown) == 0 {
			continue
		}
		l := pdfLine{text: strings.NewReplacer("\r", " ", "\t", " ").Replace(strings.TrimRight(text, "\r\n"))}
		if c.measure(tp.TextPage, shown, &l) {
			l.text = parted(l.text, at-units(text), c.cells(tp.TextPage, shown, l))
		}
		p.lines = append(p.lines, l)
	}
	return p, nil
}

// measure finds where a line is on its page, and the size of its font: the
// median of three places, because a line may open with an odd character.
// Without an answer it returns false, and the line has no size.
func (c *pdfReader) measure(tp references.FPDF_TEXTPAGE, shown []int, l *pdfLine) bool {
	var sizes []float64
	for i, at := range []int{shown[0], shown[len(shown)/2], shown[len(shown)-1]} {
		index, err := c.charIndex(tp, at)
		if err != nil {
			return false
		}
		box, err := c.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: tp, Index: index})
		if err != nil {
			return false
		}
		sizes = append(sizes, c.fontSize(tp, index, float64(box.Rect.Top-box.Rect.Bottom)))
		origin, err := c.FPDFText_GetCharOrigin(&requests.FPDFText_GetCharOrigin{TextPage: tp, Index: index})
		if err != nil {
			return false
		}
		if i == 0 {
			l.left, l.first = float64(box.Rect.Left), origin.Y
		}
		l.right, l.last = float64(box.Rect.Right), origin.Y
	}
	slices.Sort(sizes)
	l.size = sizes[1]
	return true
}

// fontSize returns the size of a character's font as shown: its own size is in
// the units of the text, which is scaled. The height of its box is second best.
func (c *pdfReader) fontSize(tp references.FPDF_TEXTPAGE, index int, height float64) float64 {
	font, err := c.FPDFText_GetFontSize(&requests.FPDFText_GetFontSize{TextPage: tp, Index: index})
	if err != nil || font.FontSize <= 0 {
		return height
	}
	m, err := c.FPDFText_GetMatrix(&requests.FPDFText_GetMatrix{TextPage: tp, Index: index})
	if err != nil {
		return height
	}
	return font.FontSize * math.Hypot(float64(m.Matrix.C), float64(m.Matrix.D))
}
