package extract

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// epub is a book: what its package document lists.
type epub struct {
	z         *archive
	dir       string            // of the package document
	files     map[string]string // path by manifest id
	spine     []string          // paths in reading order
	nav, ncx  string            // tables of contents, "" if none
	encrypted map[string]bool   // paths
	labels    map[string]string // what the table of contents calls a path
}

func readEPUB(z *archive, d *Document, out *output) error {
	b := &epub{z: z, files: map[string]string{}, encrypted: map[string]bool{}, labels: map[string]string{}}
	if err := b.readPackage(d); err != nil {
		return err
	}
	if len(b.spine) == 0 {
		return errors.New("the book lists no chapters")
	}
	if err := b.readEncryption(); err != nil {
		return err
	}
	if err := b.readLabels(); err != nil {
		return err
	}
	var broken error
	for _, name := range b.spine {
		if b.encrypted[name] {
			return ErrEncrypted
		}
		err := b.chapter(name, out)
		switch {
		case err == nil:
		case out.err != nil || known(err):
			return err
		default: // a chapter lost is not a book lost
			d.warn("%s: %v", path.Base(name), err)
			broken = err
		}
	}
	if out.blocks == 0 {
		return broken
	}
	return nil
}

func (b *epub) readPackage(d *Document) error {
	var opf string
	err := b.z.eachToken("META-INF/container.xml", func(t xml.Token, _ int) error {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "rootfile" && opf == "" {
			opf = path.Clean(attr(e, "full-path"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !b.z.has(opf) {
		return errors.New("no package document in the archive")
	}
	b.dir = path.Dir(opf)
	if err := b.z.metadata(opf, d); err != nil {
		return err
	}
	return b.z.eachToken(opf, func(t xml.Token, _ int) error {
		e, ok := t.(xml.StartElement)
		if !ok {
			return nil
		}
		switch e.Name.Local {
		case "item":
			b.item(e)
		case "itemref":
			name := b.files[attr(e, "idref")]
			if name != "" && name != b.nav && len(b.spine) < maxEntries {
				b.spine = append(b.spine, name)
			}
		}
		return nil
	})
}

func (b *epub) item(e xml.StartElement) {
	name := resolve(b.dir, attr(e, "href"))
	switch kind := attr(e, "media-type"); {
	case strings.Contains(" "+attr(e, "properties")+" ", " nav "):
		b.nav = name
		b.files[attr(e, "id")] = name
	case kind == "application/x-dtbncx+xml":
		b.ncx = name
	case strings.Contains(kind, "html") || strings.Contains(kind, "oeb1-document"):
		b.files[attr(e, "id")] = name
	}
}

// resolve turns a link found in a document of dir into a path in the archive.
func resolve(dir, href string) string {
	href, _, _ = strings.Cut(href, "#")
	if s, err := url.PathUnescape(href); err == nil {
		href = s
	}
	return path.Join(dir, href)
}

// readEncryption notes which chapters are locked. Fonts are often scrambled,
// which locks nothing.
func (b *epub) readEncryption() error {
	return b.z.eachToken("META-INF/encryption.xml", func(t xml.Token, _ int) error {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "CipherReference" {
			b.encrypted[resolve(".", attr(e, "URI"))] = true
		}
		return nil
	})
}

// readLabels reads the table of contents, for chapters without a heading.
func (b *epub) readLabels() error {
	if b.nav != "" {
		err := b.labelsOf(b.nav, "a", "a", "href")
		if err == nil || known(err) {
			return err
		}
	}
	if b.ncx != "" {
		err := b.labelsOf(b.ncx, "text", "content", "src")
		if err != nil && known(err) {
			return err
		}
	}
	return nil // a broken table of contents costs some headings only
}

// labelsOf pairs the text of the elements called label with the link that the
// attribute of an element called link holds.
func (b *epub) labelsOf(name, label, link, attribute string) error {
	text, target, inside := "", "", false
	return b.z.eachToken(name, func(t xml.Token, _ int) error {
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local == label {
				text, inside = "", true
			}
			if t.Name.Local == link {
				target = resolve(path.Dir(name), attr(t, attribute))
			}
		case xml.CharData:
			if inside && len(text) < 500 {
				text += string(t)
			}
		case xml.EndElement:
			if t.Name.Local == label {
				inside = false
			}
			if t.Name.Local == link && target != "" && b.labels[target] == "" {
				b.labels[target] = oneLine(text)
			}
		}
		return nil
	})
}

// chapter yields one file of the spine, under the heading the table of
// contents gives it when it has none itself.
func (b *epub) chapter(name string, out *output) error {
	r, err := b.z.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("missing from the archive")
	}
	if err != nil {
		return err
	}
	defer r.Close()
	src, err := newSource(r, true)
	if err != nil {
		if errors.Is(err, ErrTooLarge) {
			return err
		}
		return fmt.Errorf("read: %v", err)
	}
	first := true
	return readFragment(src, true, 2*out.left, nil, func(blk Block) error {
		if first && blk.Role != Heading && b.labels[name] != "" {
			if err := out.add(Block{Role: Heading, Level: 1, Text: b.labels[name]}); err != nil {
				return err
			}
		}
		first = false
		return out.add(blk)
	})
}
