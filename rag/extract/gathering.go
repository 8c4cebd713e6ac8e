package extract

import "strings"

// gathering collects the text of a docx or odt body into blocks: paragraphs, and
// the rows of tables with the paragraphs inside their cells. Paragraphs nest,
// because a text box sits inside one.
type gathering struct {
	out   *output
	paras []*para
	rows  []row
	notes []Block // footnotes that follow the paragraph that names them

	inNote bool  // paragraphs go to notes
	left   int64 // bytes of text still allowed
}

func newGathering(out *output) *gathering { return &gathering{out: out, left: 2 * out.left} }

// write adds to the paragraph being read, if any.
func (g *gathering) write(s string) error {
	if g.left -= int64(len(s)); g.left < 0 {
		return ErrTooLarge
	}
	if p := g.para(); p != nil {
		p.text.WriteString(s)
	}
	return nil
}

// writeText is write for text whose line ends mean nothing.
func (g *gathering) writeText(b []byte) error {
	return g.write(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, string(b)))
}

type para struct {
	role  Role
	level int
	text  strings.Builder
}

func (g *gathering) openPara(role Role, level int) {
	g.paras = append(g.paras, &para{role: role, level: level})
}

// para returns the paragraph being read, or nil.
func (g *gathering) para() *para {
	if len(g.paras) == 0 {
		return nil
	}
	return g.paras[len(g.paras)-1]
}

func (g *gathering) closePara() error {
	p := g.para()
	if p == nil {
		return nil
	}
	b := Block{Role: p.role, Level: p.level, Text: p.text.String()}
	g.paras = g.paras[:len(g.paras)-1]
	if err := g.hand(b); err != nil {
		return err
	}
	return g.flushNotes()
}

// flushNotes yields the notes of a block that is done.
func (g *gathering) flushNotes() error {
	if len(g.paras) > 0 || len(g.rows) > 0 || g.inNote {
		return nil
	}
	notes := g.notes
	g.notes = nil
	for _, n := range notes {
		if err := g.out.add(n); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) openRow() { g.rows = append(g.rows, row{}) }

func (g *gathering) openCell() {
	if n := len(g.rows); n > 0 {
		g.rows[n-1].cells = append(g.rows[n-1].cells, nil)
	}
}

func (g *gathering) closeRow() error {
	n := len(g.rows)
	if n == 0 {
		return nil
	}
	r := g.rows[n-1]
	g.rows = g.rows[:n-1]
	for _, b := range r.blocks() {
		if err := g.hand(b); err != nil {
			return err
		}
	}
	return g.flushNotes()
}

// hand gives a block to the note or the cell it is in, else out.
func (g *gathering) hand(b Block) error {
	if g.inNote {
		g.notes = append(g.notes, b)
		return g.out.alive()
	}
	if n := len(g.rows); n > 0 {
		if k := len(g.rows[n-1].cells); k > 0 {
			g.rows[n-1].cells[k-1] = append(g.rows[n-1].cells[k-1], b)
			return g.out.alive()
		}
	}
	return g.out.add(b)
}
