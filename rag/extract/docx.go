package extract

import (
	"encoding/xml"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// docx reads a Word document: styles, then notes, then the body.
type docx struct {
	*gathering
	styles map[string]docxStyle
	foot   map[string]string // text of a note by "footnote" or "endnote" and id

	skip   int  // depth of an element whose content is not text, or 0
	inText bool // inside w:t
	inRun  bool
	hidden bool // the run is hidden
	drop   bool // the paragraph belongs to a table of contents
}

type docxStyle struct {
	name, parent string
	level        int // 1-9 for an outline level, else 0
	list         bool
}

func readDOCX(z *archive, d *Document, out *output) error {
	body := "word/document.xml"
	err := z.eachToken("_rels/.rels", func(t xml.Token, _ int) error {
		if e, ok := t.(xml.StartElement); ok && strings.HasSuffix(attr(e, "Type"), "/officeDocument") {
			body = strings.TrimPrefix(path.Clean("/"+attr(e, "Target")), "/")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !z.has(body) {
		return fmt.Errorf("no %s in the archive", body)
	}
	if err := z.metadata("docProps/core.xml", d); err != nil {
		return err
	}
	r := &docx{gathering: newGathering(out), styles: map[string]docxStyle{}, foot: map[string]string{}}
	dir := path.Dir(body)
	if err := r.readStyles(z, path.Join(dir, "styles.xml"), d); err != nil {
		return err
	}
	for _, kind := range []string{"footnote", "endnote"} {
		if err := r.readNotes(z, path.Join(dir, kind+"s.xml"), kind); err != nil {
			return err
		}
	}
	return z.eachToken(body, r.visit)
}

func (r *docx) readStyles(z *archive, name string, d *Document) error {
	id, s := "", docxStyle{}
	return z.eachToken(name, func(t xml.Token, _ int) error {
		switch t := t.(type) {
		case xml.StartElement:
			val := attr(t, "val")
			switch t.Name.Local {
			case "style":
				id, s = attr(t, "styleId"), docxStyle{}
			case "name":
				s.name = strings.ToLower(val)
			case "basedOn":
				s.parent = val
			case "outlineLvl":
				if n, err := strconv.Atoi(val); err == nil && n < 9 {
					s.level = n + 1
				}
			case "numPr":
				s.list = true
			case "lang":
				if d.Lang == "" && id == "" { // among the defaults, before any style
					d.Lang = val
				}
			}
		case xml.EndElement:
			if t.Name.Local == "style" && id != "" {
				r.styles[id] = s
			}
		}
		return nil
	})
}

func (r *docx) readNotes(z *archive, name, kind string) error {
	var id string
	var text strings.Builder
	inText := false
	return z.eachToken(name, func(t xml.Token, _ int) error {
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case kind:
				id = attr(t, "id")
				text.Reset()
			case "p", "tab", "br":
				text.WriteByte(' ')
			}
			inText = t.Name.Local == "t"
		case xml.EndElement:
			if t.Name.Local == kind {
				r.foot[kind+id] = text.String()
			}
			inText = false
		case xml.CharData:
			if inText {
				text.Write(t)
			}
		}
		return nil
	})
}

func (r *docx) visit(t xml.Token, depth int) error {
	switch t := t.(type) {
	case xml.StartElement:
		if r.skip == 0 {
			return r.start(t, depth)
		}
	case xml.EndElement:
		if r.skip == 0 {
			return r.end(t)
		}
		if depth < r.skip {
			r.skip = 0
		}
	case xml.CharData:
		if r.skip == 0 && r.inText && !(r.inRun && r.hidden) && !r.drop {
			return r.writeText(t)
		}
	}
	return nil
}

func (r *docx) start(e xml.StartElement, depth int) error {
	p := r.para()
	switch e.Name.Local {
	case "del", "moveFrom", "Fallback", "pPrChange", "rPrChange", "tblPrChange", "sectPrChange":
		r.skip = depth
	case "p":
		r.drop = false
		r.openPara(Paragraph, 0)
	case "pStyle":
		if p != nil {
			p.role, p.level, r.drop = r.style(attr(e, "val"))
		}
	case "outlineLvl":
		if n, err := strconv.Atoi(attr(e, "val")); p != nil && err == nil && n < 9 {
			p.role, p.level = Heading, n+1
		}
	case "numId":
		if p != nil && p.role == Paragraph && attr(e, "val") != "0" {
			p.role = Item
		}
	case "r":
		r.inRun, r.hidden = true, false
	case "vanish":
		r.hidden = attr(e, "val") != "0" && attr(e, "val") != "false"
	case "t":
		r.inText = true
	case "tab":
		return r.write(" ")
	case "br", "cr":
		return r.write("\n")
	case "noBreakHyphen":
		return r.write("-")
	case "tr":
		r.openRow()
	case "tc":
		r.openCell()
	case "footnoteReference":
		r.note("footnote" + attr(e, "id"))
	case "endnoteReference":
		r.note("endnote" + attr(e, "id"))
	}
	return nil
}

func (r *docx) end(e xml.EndElement) error {
	switch e.Name.Local {
	case "t":
		r.inText = false
	case "r":
		r.inRun = false
	case "p":
		return r.closePara()
	case "tr":
		return r.closeRow()
	}
	return nil
}

// note puts a note after the paragraph, once however often it is named.
func (r *docx) note(id string) {
	if text := r.foot[id]; text != "" {
		r.notes = append(r.notes, Block{Role: Paragraph, Text: text})
		delete(r.foot, id)
	}
}

// style tells what a paragraph of a style is; drop means a table of contents.
func (r *docx) style(id string) (role Role, level int, drop bool) {
	role = Paragraph
	for range 10 { // styles build on each other; a circle must end
		s, ok := r.styles[id]
		if !ok {
			s.name = strings.ToLower(id)
		}
		name := strings.ReplaceAll(s.name, " ", "")
		switch {
		case strings.HasPrefix(name, "toc") && name != "tocheading":
			return Paragraph, 0, true
		case s.level > 0:
			return Heading, s.level, false
		case name == "title" || name == "titre":
			return Heading, 1, false
		case strings.HasPrefix(name, "heading") || strings.HasPrefix(name, "titre"):
			if n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(name, "heading"), "titre")); err == nil {
				return Heading, n, false
			}
		case s.list:
			role = Item
		case name == "quote" || name == "intensequote" || name == "citation":
			return Quote, 0, false
		}
		if s.parent == "" || !ok {
			break
		}
		id = s.parent
	}
	return role, 0, false
}
