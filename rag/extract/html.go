package extract

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/net/html/atom"
)

// mainShare is the least part of a page's text that its main or article
// elements must hold for the rest to be left out. Below it the page is built
// otherwise, and cutting would lose text: on a nested manual page, tools that
// look for "the article" dropped 45 % of it.
const mainShare = .7

// readHTML reads a page: its main part when that is nearly all of it, else
// its whole body without navigation, scripts, forms and hidden parts, nor what
// skip, which may be nil, says of an element by its attributes.
func readHTML(src *source, d *Document, out *output, skip func(attr map[string]string) bool) error {
	type piece struct {
		Block
		main bool
	}
	var pieces []piece
	var all, inMain int64
	m := newMarkup(src, 2*out.left)
	m.place, m.skip = src.place, skip
	m.emit = func(b Block, main bool) error {
		pieces = append(pieces, piece{b, main})
		all += int64(len(b.Text))
		if main {
			inMain += int64(len(b.Text))
		}
		return out.alive()
	}
	head, _ := src.r.Peek(1024)
	m.xhtml = bytes.HasPrefix(head, []byte("<?xml")) || bytes.Contains(head, []byte("http://www.w3.org/1999/xhtml"))
	if err := m.read(); err != nil {
		return err
	}
	d.Title, d.Lang = m.title, m.lang
	onlyMain := float64(inMain) >= mainShare*float64(all)
	for _, p := range pieces {
		if onlyMain && !p.main {
			continue
		}
		if err := out.add(p.Block); err != nil {
			return err
		}
	}
	return nil
}

// silent tells whether an element and all inside it is not part of the text.
func silent(tag atom.Atom, name string, attr map[string]string) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Template, atom.Nav, atom.Noscript, atom.Iframe, atom.Noembed, atom.Noframes,
		atom.Svg, atom.Select, atom.Datalist, atom.Button, atom.Textarea, atom.Audio, atom.Video, atom.Canvas,
		atom.Rp, atom.Title:
		return true
	}
	if name == "annotation" || name == "annotation-xml" { // the TeX beside a formula
		return true
	}
	if v, ok := attr["hidden"]; ok && v != "until-found" {
		return true
	}
	if attr["aria-hidden"] == "true" || attr["role"] == "navigation" || attr["role"] == "search" {
		return true
	}
	if s := attr["style"]; s != "" {
		s = strings.ToLower(strings.Join(strings.Fields(s), ""))
		if strings.Contains(s, "display:none") || strings.Contains(s, "visibility:hidden") {
			return true
		}
	}
	for _, c := range strings.Fields(attr["class"]) {
		switch c {
		case "noprint", "navbox", "mw-editsection": // MediaWiki's links between and into pages
			return true
		}
	}
	return false
}

// readFragment yields the blocks of a piece of html. place may be nil.
func readFragment(r io.Reader, xhtml bool, limit int64, place func(int64, int64) (int64, int64), yield func(Block) error) error {
	m := newMarkup(r, limit)
	m.xhtml = xhtml
	m.place = place
	m.emit = func(b Block, _ bool) error { return yield(b) }
	return m.read()
}
