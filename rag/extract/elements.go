package extract

import "golang.org/x/net/html/atom"

// inherit settles what the text inside e is.
func (m *markup) inherit(e *element, attr map[string]string) {
	p := m.top()
	e.silent = p.silent || silent(e.tag, e.name, attr) || m.skip != nil && m.skip(attr)
	e.main = p.main || e.tag == atom.Main || e.tag == atom.Article || attr["role"] == "main"
	e.role, e.level = p.role, p.level
	switch e.tag {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		e.role, e.level = Heading, int(e.tag.String()[1]-'0')
	case atom.Li, atom.Dt, atom.Dd:
		e.role, e.level = Item, 0
	case atom.Blockquote:
		e.role, e.level = Quote, 0
	case atom.Pre, atom.Listing, atom.Xmp:
		e.role, e.level = Code, 0
	case atom.Td, atom.Th, atom.Caption:
		e.role, e.level = Paragraph, 0
	}
}

// closeImplied ends the elements that the start of tag ends without saying:
// a paragraph before a block, a list item before the next one, and so on.
func (m *markup) closeImplied(tag atom.Atom) error {
	switch tag {
	case atom.Li:
		if err := m.popUntil(isListItem, isList); err != nil {
			return err
		}
	case atom.Dt, atom.Dd:
		if err := m.popUntil(isTerm, isList); err != nil {
			return err
		}
	case atom.Td, atom.Th:
		return m.popUntil(isCell, isRow)
	case atom.Tr:
		return m.popUntil(isRow, isTable)
	case atom.Thead, atom.Tbody, atom.Tfoot:
		return m.popUntil(isTablePart, isTable)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		if isHeading(m.top().tag) {
			return m.pop(len(m.stack) - 1)
		}
	}
	if !isBlock(tag) {
		return nil
	}
	for i := len(m.stack) - 1; i >= 0; i-- {
		if m.stack[i].tag == atom.P {
			return m.pop(i)
		}
		if isBlock(m.stack[i].tag) {
			return nil
		}
	}
	return nil
}

// popUntil closes the innermost element that matches, unless a fence stands
// before it.
func (m *markup) popUntil(match, fence func(atom.Atom) bool) error {
	for i := len(m.stack) - 1; i >= 0; i-- {
		switch tag := m.stack[i].tag; {
		case match(tag):
			return m.pop(i)
		case fence(tag), isTable(tag), isCell(tag):
			return nil
		}
	}
	return nil
}

func isListItem(t atom.Atom) bool { return t == atom.Li }
func isTerm(t atom.Atom) bool     { return t == atom.Dt || t == atom.Dd }
func isCell(t atom.Atom) bool     { return t == atom.Td || t == atom.Th }
func isRow(t atom.Atom) bool      { return t == atom.Tr }
func isTable(t atom.Atom) bool    { return t == atom.Table }

func isList(t atom.Atom) bool {
	return t == atom.Ul || t == atom.Ol || t == atom.Dl || t == atom.Menu || t == atom.Dir
}

func isTablePart(t atom.Atom) bool {
	return t == atom.Thead || t == atom.Tbody || t == atom.Tfoot
}

func inTable(t atom.Atom) bool {
	return isCell(t) || isRow(t) || isTable(t) || isTablePart(t) || t == atom.Body || t == atom.Html
}

func isHeading(t atom.Atom) bool {
	switch t {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return true
	}
	return false
}

// isBlock tells whether an element begins and ends a block of text.
func isBlock(t atom.Atom) bool {
	switch t {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Caption, atom.Center, atom.Dd,
		atom.Details, atom.Dialog, atom.Dir, atom.Div, atom.Dl, atom.Dt, atom.Fieldset, atom.Figcaption, atom.Figure,
		atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Head, atom.Header, atom.Hgroup,
		atom.Hr, atom.Legend, atom.Li, atom.Listing, atom.Main, atom.Menu, atom.Nav, atom.Ol, atom.P,
		atom.Pre, atom.Section, atom.Summary, atom.Table, atom.Tbody, atom.Td, atom.Tfoot, atom.Th,
		atom.Thead, atom.Tr, atom.Ul, atom.Xmp:
		return true
	}
	return false
}
