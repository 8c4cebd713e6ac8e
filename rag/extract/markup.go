package extract

import (
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	maxDepth = 512     // open elements; deeper ones only separate text
	maxToken = 8 << 20 // bytes of one tag, comment or stretch of text
)

// markup reads html as a stream of tokens with its own stack of open elements.
// No tree is built: memory stays flat, nothing recurses, and every token has
// its place in the file.
type markup struct {
	xhtml bool // <p/> is closed, CDATA is text
	place func(start, end int64) (int64, int64)
	emit  func(b Block, main bool) error
	skip  func(attr map[string]string) bool // may be nil: elements that are not read besides

	title, lang string

	z     *html.Tokenizer
	pos   int64 // of the next token
	left  int64 // bytes of text still allowed
	stack []element
	rows  []row // table rows open, outermost first

	text       strings.Builder // of the block being read
	start, end int64           // its place; start < 0 while it is blank
}

// element is an open element. What it inherits from its parents is settled
// when it opens.
type element struct {
	tag    atom.Atom
	name   string // for tags without atom
	silent bool
	main   bool
	role   Role
	level  int
}

func newMarkup(r io.Reader, limit int64) *markup {
	m := &markup{z: html.NewTokenizer(r), left: limit, start: -1}
	m.z.SetMaxBuf(maxToken)
	return m
}

func (m *markup) top() element {
	if len(m.stack) == 0 {
		return element{role: Paragraph}
	}
	return m.stack[len(m.stack)-1]
}

func (m *markup) read() error {
	m.z.AllowCDATA(m.xhtml)
	for {
		kind := m.z.Next()
		start := m.pos
		m.pos += int64(len(m.z.Raw()))
		var err error
		switch kind {
		case html.ErrorToken:
			switch err := m.z.Err(); {
			case errors.Is(err, html.ErrBufferExceeded):
				return ErrTooLarge
			case err != io.EOF:
				return err
			}
			return m.pop(0)
		case html.TextToken:
			err = m.addText(start)
		case html.StartTagToken, html.SelfClosingTagToken:
			err = m.open(kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			name, _ := m.z.TagName()
			err = m.close(atom.Lookup(name), string(name))
		}
		if err != nil {
			return err
		}
	}
}

func (m *markup) addText(start int64) error {
	top := m.top()
	if top.tag == atom.Title && m.title == "" {
		m.title = string(m.z.Text())
		return nil
	}
	if top.silent {
		return nil
	}
	raw := m.z.Raw()
	lead := len(raw) - len(trimLeft(raw))
	blank := lead == len(raw)
	size := len(trimRight(raw))
	text := m.z.Text()
	if m.left -= int64(len(text)); m.left < 0 {
		return ErrTooLarge
	}
	if top.role == Code {
		m.text.Write(text)
	} else if blank {
		m.text.WriteByte(' ')
	} else {
		for i, c := range text {
			if c == '\n' || c == '\r' || c == '\t' || c == '\f' {
				text[i] = ' '
			}
		}
		m.text.Write(text)
	}
	if blank {
		return nil
	}
	if m.start < 0 {
		m.start = start + int64(lead)
	}
	m.end = start + int64(size)
	return nil
}

func (m *markup) open(selfClosing bool) error {
	name, more := m.z.TagName()
	tag := atom.Lookup(name)
	e := element{tag: tag}
	if tag == 0 {
		e.name = string(name)
	}
	var attr map[string]string
	for more {
		var k, v []byte
		k, v, more = m.z.TagAttr()
		switch string(k) {
		case "id", "hidden", "aria-hidden", "role", "style", "class", "lang", "xml:lang", "http-equiv", "content":
			if attr == nil {
				attr = make(map[string]string, 2)
			}
			attr[string(k)] = string(v)
		}
	}
	if m.xhtml && selfClosing {
		m.z.NextIsNotRawText()
	}
	switch tag {
	case atom.Br:
		m.text.WriteByte('\n')
		return nil
	case atom.Hr:
		return m.flush()
	case atom.Html:
		m.declare(attr["lang"])
		m.declare(attr["xml:lang"])
		return nil
	case atom.Meta:
		if strings.EqualFold(attr["http-equiv"], "content-language") {
			m.declare(attr["content"])
		}
		return nil
	case atom.Area, atom.Base, atom.Col, atom.Embed, atom.Img, atom.Input, atom.Link, atom.Param, atom.Source, atom.Track, atom.Wbr:
		return nil
	}
	if !m.top().silent { // inside what is not read, only end tags matter
		if err := m.closeImplied(tag); err != nil {
			return err
		}
		if isBlock(tag) {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	if selfClosing && (m.xhtml || tag == 0) || len(m.stack) >= maxDepth {
		return nil
	}
	m.inherit(&e, attr)
	m.stack = append(m.stack, e)
	switch tag {
	case atom.Tr:
		m.rows = append(m.rows, row{main: e.main})
	case atom.Td, atom.Th:
		if n := len(m.rows); n > 0 {
			m.rows[n-1].cells = append(m.rows[n-1].cells, nil)
		}
	}
	return nil
}

func (m *markup) declare(lang string) {
	if m.lang == "" {
		m.lang = lang
	}
}

// close ends the innermost open element of that name, and those inside it.
// An end tag does not reach out of a table cell, nor an inline one out of a
// block, nor any out of an element that is not read.
func (m *markup) close(tag atom.Atom, name string) error {
	if tag == atom.Br {
		m.text.WriteByte('\n')
		return nil
	}
	block, silent := isBlock(tag), m.top().silent
	for i := len(m.stack) - 1; i >= 0; i-- {
		e := m.stack[i]
		if e.silent != silent {
			break
		}
		if e.tag == tag && (tag != 0 || e.name == name) {
			return m.pop(i)
		}
		if silent {
			continue
		}
		if isCell(e.tag) && !inTable(tag) || !block && isBlock(e.tag) && tag != 0 {
			break
		}
	}
	if block && !silent {
		return m.flush()
	}
	return nil
}

// pop closes the elements of the stack from n up.
func (m *markup) pop(n int) error {
	for len(m.stack) > n {
		e := m.top()
		if isBlock(e.tag) && !e.silent {
			if err := m.flush(); err != nil {
				return err
			}
		}
		m.stack = m.stack[:len(m.stack)-1]
		if e.tag == atom.Tr && len(m.rows) > 0 {
			r := m.rows[len(m.rows)-1]
			m.rows = m.rows[:len(m.rows)-1]
			for _, b := range r.blocks() {
				if err := m.hand(b, r.main); err != nil {
					return err
				}
			}
		}
	}
	if n == 0 {
		return m.flush()
	}
	return nil
}

// flush ends the block being read.
func (m *markup) flush() error {
	if m.start < 0 {
		m.text.Reset()
		return nil
	}
	top := m.top()
	b := Block{Role: top.role, Level: top.level, Text: m.text.String()}
	if m.place != nil {
		b.Start, b.End = m.place(m.start, m.end)
	}
	m.text.Reset()
	m.start = -1
	return m.hand(b, top.main)
}

// hand gives a block to the cell it is in, else out.
func (m *markup) hand(b Block, main bool) error {
	if n := len(m.rows); n > 0 {
		if k := len(m.rows[n-1].cells); k > 0 {
			m.rows[n-1].cells[k-1] = append(m.rows[n-1].cells[k-1], b)
			return nil
		}
	}
	return m.emit(b, main)
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }
