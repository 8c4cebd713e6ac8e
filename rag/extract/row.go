package extract

import "strings"

// row is a table row being read: blocks by cell.
type row struct {
	cells [][]Block
	main  bool
}

const (
	longCell = 300  // bytes; a lone cell above it is prose in a box
	longRow  = 4000 // bytes; a row above it lays out a page
)

// blocks returns the row as one block, cells joined with " | ", or as the
// blocks inside it where the table only lays out a page.
func (r row) blocks() []Block {
	var flat []Block
	var texts []string
	full, size, layout := 0, 0, false
	for _, cell := range r.cells {
		var words []string
		for _, b := range cell {
			text := strings.ReplaceAll(Clean(b.Text), "\n", " ")
			if text == "" {
				continue
			}
			words = append(words, text)
			flat = append(flat, b)
			size += len(text)
			layout = layout || b.Role == Row || b.Role == Code || b.Role == Quote || b.Role == Heading
		}
		if len(words) > 0 {
			full++
		}
		texts = append(texts, strings.Join(words, " "))
	}
	switch {
	case full == 0:
		return nil
	case layout, size > longRow, full == 1 && (len(flat) > 1 || size > longCell):
		return flat
	}
	for texts[len(texts)-1] == "" {
		texts = texts[:len(texts)-1]
	}
	return []Block{{
		Role: Row, Text: strings.Join(texts, " | "),
		Start: flat[0].Start, End: flat[len(flat)-1].End,
	}}
}
