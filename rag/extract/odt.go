package extract

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// odt reads an OpenDocument text.
type odt struct {
	*gathering
	parents map[string]string // automatic style → the style it changes
	lists   int               // list items open
	skip    int               // depth of an element whose content is not text, or 0
}

func readODT(z *archive, d *Document, out *output) error {
	if !z.has("content.xml") {
		return fmt.Errorf("no content.xml in the archive")
	}
	err := z.eachToken("META-INF/manifest.xml", func(t xml.Token, _ int) error {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "encryption-data" {
			return ErrEncrypted
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := z.metadata("meta.xml", d); err != nil {
		return err
	}
	if err := odtLanguage(z, d); err != nil {
		return err
	}
	r := &odt{gathering: newGathering(out), parents: map[string]string{}}
	return z.eachToken("content.xml", r.visit)
}

// odtLanguage takes the language of the default paragraph style.
func odtLanguage(z *archive, d *Document) error {
	inDefault := false
	return z.eachToken("styles.xml", func(t xml.Token, _ int) error {
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local == "default-style" {
				inDefault = attr(t, "family") == "paragraph"
			}
			lang := attr(t, "language")
			if d.Lang != "" || !inDefault || t.Name.Local != "text-properties" || lang == "" || lang == "none" {
				break
			}
			d.Lang = lang
			if country := attr(t, "country"); country != "" && country != "none" {
				d.Lang += "-" + country
			}
		case xml.EndElement:
			if t.Name.Local == "default-style" {
				inDefault = false
			}
		}
		return nil
	})
}

func (r *odt) visit(t xml.Token, depth int) error {
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
		if r.skip == 0 {
			return r.writeText(t)
		}
	}
	return nil
}

func (r *odt) start(e xml.StartElement, depth int) error {
	switch e.Name.Local {
	case "tracked-changes", "annotation", "table-of-content", "alphabetical-index", "illustration-index", "table-index",
		"bibliography", "note-citation", "forms", "desc", "ruby-text", "covered-table-cell":
		r.skip = depth
	case "title":
		if e.Name.Space == "svg" { // of a picture; text:title shows the document's
			r.skip = depth
		}
	case "style":
		r.parents[attr(e, "name")] = attr(e, "parent-style-name")
	case "h":
		level, _ := strconv.Atoi(attr(e, "outline-level"))
		r.openPara(Heading, level)
	case "p":
		role, level := r.role(attr(e, "style-name"))
		r.openPara(role, level)
	case "s", "tab":
		return r.write(" ")
	case "line-break":
		return r.write("\n")
	case "list-item":
		r.lists++
	case "table-row":
		r.openRow()
	case "table-cell":
		r.openCell()
	case "note-body":
		r.inNote = true
	}
	return nil
}

func (r *odt) end(e xml.EndElement) error {
	switch e.Name.Local {
	case "h", "p":
		return r.closePara()
	case "list-item":
		r.lists--
	case "table-row":
		return r.closeRow()
	case "note-body":
		r.inNote = false
	}
	return nil
}

// role tells what a paragraph of a style is.
func (r *odt) role(style string) (Role, int) {
	for range 10 { // styles build on each other; a circle must end
		switch strings.ToLower(style) {
		case "title":
			return Heading, 1
		case "quotations":
			return Quote, 0
		case "preformatted_20_text":
			return Code, 0
		}
		parent, ok := r.parents[style]
		if !ok || parent == "" {
			break
		}
		style = parent
	}
	if r.lists > 0 && !r.inNote {
		return Item, 0
	}
	return Paragraph, 0
}
