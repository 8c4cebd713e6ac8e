package extract

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/net/html/charset"
)

// eachToken calls visit for the start tags (with their depth, from 1), end
// tags and text of an XML member, in order. A member that is missing has no
// tokens.
func (a *archive) eachToken(name string, visit func(t xml.Token, depth int) error) error {
	r, err := a.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	d := xml.NewDecoder(&runs{r: r})
	d.CharsetReader = charset.NewReaderLabel
	d.Entity = xml.HTMLEntity
	depth := 0
	for {
		t, err := d.RawToken()
		if err == io.EOF {
			if depth > 0 {
				return fmt.Errorf("%s: %w", name, io.ErrUnexpectedEOF)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("%s: more than %d levels of elements", name, maxDepth)
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
		default:
			continue
		}
		if err := visit(t, depth); err != nil {
			return err
		}
	}
}

// attr returns an attribute of e by its local name, or "".
func attr(e xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// metadata reads the Dublin Core title and language of a member.
func (a *archive) metadata(name string, d *Document) error {
	var into *string
	return a.eachToken(name, func(t xml.Token, _ int) error {
		switch t := t.(type) {
		case xml.StartElement:
			into = nil
			switch {
			case t.Name.Local == "title" && d.Title == "":
				into = &d.Title
			case t.Name.Local == "language" && d.Lang == "":
				into = &d.Lang
			}
		case xml.EndElement:
			into = nil
		case xml.CharData:
			if into != nil && len(*into) < 1000 {
				*into += string(t)
			}
		}
		return nil
	})
}

// runs stops at a tag or a stretch of text that is too long to hold.
type runs struct {
	r   io.Reader
	run int // bytes since the last "<"
}

func (r *runs) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '<'); i >= 0 {
		r.run = n - i
	} else {
		r.run += n
	}
	if r.run > maxToken {
		return 0, fmt.Errorf("%w: an element of more than %d bytes", ErrTooLarge, maxToken)
	}
	return n, err
}
