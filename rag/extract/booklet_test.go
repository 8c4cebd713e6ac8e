package extract

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// booklet is the same text in every format that has a structure.
var booklet = []Block{
	{Role: Heading, Level: 1, Text: "Le jardin créole"},
	{Role: Paragraph, Text: "À l'ombre du manguier, l'aïeule répète : « Plante avant la lune, récolte après. » C'est là tout son savoir, dit-elle."},
	{Role: Heading, Level: 2, Text: "Les outils"},
	{Role: Item, Text: "un coutelas bien affûté"},
	{Role: Item, Text: "une houe et un seau"},
	{Role: Paragraph, Text: "Où ranger le tout ? Dans la case, près du foyer, à l'abri de l'humidité."},
	{Role: Heading, Level: 3, Text: "Calendrier"},
	{Role: Row, Text: "Plante | Mois | Récolte"},
	{Role: Row, Text: "Igname | avril | décembre"},
	{Role: Row, Text: "Giraumon | mai | août"},
	{Role: Quote, Text: "Yo di nou plante, nou plante."},
	{Role: Paragraph, Text: "Voilà pourquoi l'œuf de l'oie vaut mieux que le bœuf du voisin."},
}

// each writes booklet with one function for each block; rows come together.
func each(write func(b Block, rows [][]string)) {
	for i := 0; i < len(booklet); i++ {
		var rows [][]string
		for i < len(booklet) && booklet[i].Role == Row {
			rows = append(rows, strings.Split(booklet[i].Text, " | "))
			i++
		}
		if rows != nil {
			write(Block{Role: Row}, rows)
		}
		write(booklet[i], nil)
	}
}

func bookletMarkdown() string {
	var s strings.Builder
	s.WriteString("---\ntitle: \"Carnet\"\nlang: fr\ntags: [a, b]\n---\n\n")
	each(func(b Block, rows [][]string) {
		switch b.Role {
		case Heading:
			s.WriteString(strings.Repeat("#", b.Level) + " " + b.Text + "\n\n")
		case Item:
			s.WriteString("- **" + b.Text + "**\n")
		case Quote:
			s.WriteString("> " + b.Text + "\n\n")
		case Row:
			for i, r := range rows {
				s.WriteString("| " + strings.Join(r, " | ") + " |\n")
				if i == 0 {
					s.WriteString("|---|---|---|\n")
				}
			}
			s.WriteString("\n")
		default:
			s.WriteString("\n" + strings.Replace(b.Text, ", ", ",\n", 1) + "\n\n")
		}
	})
	return s.String()
}

func bookletHTML() string {
	var s strings.Builder
	s.WriteString("<!doctype html>\n<html lang=fr><head><meta charset=utf-8><title>Carnet</title><style>p{}</style></head>\n<body><nav><a href=/>Accueil</a></nav>\n")
	each(func(b Block, rows [][]string) {
		text := strings.Replace(html.EscapeString(b.Text), "é", "&eacute;", 1)
		switch b.Role {
		case Heading:
			fmt.Fprintf(&s, "<h%d>%s</h%d>\n", b.Level, text, b.Level)
		case Item:
			fmt.Fprintf(&s, "<ul><li>%s</ul>\n", text)
		case Quote:
			fmt.Fprintf(&s, "<blockquote><p>%s</p></blockquote>\n", text)
		case Row:
			s.WriteString("<table>")
			for _, r := range rows {
				s.WriteString("<tr><td>" + strings.Join(r, "</td>\n<td> ") + "</td></tr>\n")
			}
			s.WriteString("</table>")
		default:
			fmt.Fprintf(&s, "<p>%s\n<script>var x = '<p>non</p>'</script>\n", strings.Replace(text, ", ", ",\n  <em>", 1)+"</em></p>")
		}
	})
	return s.String() + "</body></html>"
}

type entry struct{ name, data string }

func zipped(t testing.TB, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const docxStyles = `<w:styles xmlns:w="w"><w:docDefaults><w:rPrDefault><w:rPr><w:lang w:val="fr-FR"/></w:rPr></w:rPrDefault></w:docDefaults>
<w:style w:styleId="Titre1"><w:name w:val="heading 1"/></w:style><w:style w:styleId="Titre2"><w:name w:val="heading 2"/></w:style>
<w:style w:styleId="Perso"><w:name w:val="Mon titre"/><w:basedOn w:val="Titre3"/></w:style><w:style w:styleId="Titre3"><w:name w:val="heading 3"/></w:style>
<w:style w:styleId="Citation"><w:name w:val="Quote"/></w:style><w:style w:styleId="TM1"><w:name w:val="toc 1"/></w:style></w:styles>`

func bookletDOCX(t testing.TB) string {
	var s strings.Builder
	p := func(style, props, text string) string {
		text = html.EscapeString(text)
		half := strings.Index(text, " ") + 1 // words are often cut into runs
		return fmt.Sprintf(`<w:p><w:pPr><w:pStyle w:val="%s"/>%s</w:pPr><w:r><w:t xml:space="preserve">%s</w:t></w:r><w:r><w:t>%s</w:t></w:r></w:p>`,
			style, props, text[:half], text[half:])
	}
	s.WriteString(p("TM1", "", "Les outils 3"))
	each(func(b Block, rows [][]string) {
		switch b.Role {
		case Heading:
			s.WriteString(p([]string{"Titre1", "Titre2", "Perso"}[b.Level-1], "", b.Text))
		case Item:
			s.WriteString(p("", `<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>`, b.Text))
		case Quote:
			s.WriteString(p("Citation", "", b.Text))
		case Row:
			s.WriteString("<w:tbl>")
			for _, r := range rows {
				s.WriteString("<w:tr>")
				for _, c := range r {
					s.WriteString("<w:tc>" + p("", "", c) + "</w:tc>")
				}
				s.WriteString("</w:tr>")
			}
			s.WriteString("</w:tbl>")
		default:
			s.WriteString(p("Normal", "", b.Text))
			s.WriteString(`<w:p><w:del><w:r><w:t>effacé</w:t></w:r></w:del><w:r><w:rPr><w:vanish/></w:rPr><w:t>caché</w:t></w:r></w:p>`)
		}
	})
	return zipped(t,
		entry{"_rels/.rels", `<Relationships><Relationship Type="http://x/officeDocument" Target="word/document.xml"/></Relationships>`},
		entry{"docProps/core.xml", `<cp:coreProperties xmlns:dc="d"><dc:title>Carnet</dc:title></cp:coreProperties>`},
		entry{"word/styles.xml", docxStyles},
		entry{"word/document.xml", `<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="w"><w:body>` + s.String() + `</w:body></w:document>`})
}

func bookletODT(t testing.TB) string {
	var s strings.Builder
	each(func(b Block, rows [][]string) {
		text := strings.Replace(html.EscapeString(b.Text), " ", "<text:s/>", 1)
		switch b.Role {
		case Heading:
			fmt.Fprintf(&s, `<text:h text:outline-level="%d">%s</text:h>`, b.Level, text)
		case Item:
			fmt.Fprintf(&s, `<text:list><text:list-item><text:p>%s</text:p></text:list-item></text:list>`, text)
		case Quote:
			fmt.Fprintf(&s, `<text:p text:style-name="P1">%s</text:p>`, text)
		case Row:
			s.WriteString("<table:table>")
			for _, r := range rows {
				s.WriteString("<table:table-row>")
				for _, c := range r {
					s.WriteString("<table:table-cell><text:p>" + c + "</text:p></table:table-cell>")
				}
				s.WriteString("</table:table-row>")
			}
			s.WriteString("</table:table>")
		default:
			fmt.Fprintf(&s, "<text:p>%s<office:annotation><text:p>une remarque</text:p></office:annotation></text:p>\n", text)
		}
	})
	return zipped(t,
		entry{"meta.xml", `<office:document-meta><office:meta><dc:title>Carnet</dc:title></office:meta></office:document-meta>`},
		entry{"styles.xml", `<x><style:default-style style:family="paragraph"><style:text-properties fo:language="fr" fo:country="FR"/></style:default-style></x>`},
		entry{"content.xml", `<office:document-content><office:automatic-styles><style:style style:name="P1" style:parent-style-name="Quotations"/></office:automatic-styles><office:body><office:text>` + s.String() + `</office:text></office:body></office:document-content>`})
}

func bookletEPUB(t testing.TB) string {
	_, body, _ := strings.Cut(bookletHTML(), "</nav>")
	body, _, _ = strings.Cut(body, "</body>")
	body = strings.ReplaceAll(body, "</ul>", "</li></ul>")
	chapters := strings.SplitN(body, "<h3>", 2)
	page := func(s string) string {
		return `<?xml version="1.0"?><html xmlns="x"><head><title/><script src="x.js"/></head><body><a id="top"/>` + s + `</body></html>`
	}
	_, last, _ := strings.Cut(chapters[1], "</h3>") // its heading is in the table of contents only
	last = strings.Replace(last, "", "", 1)
	return zipped(t,
		entry{"mimetype", "application/epub+zip"},
		entry{"META-INF/container.xml", `<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>`},
		entry{"OPS/book.opf", `<package><metadata><dc:title>Carnet</dc:title><dc:language>fr</dc:language></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/deux%20.xhtml" media-type="application/xhtml+xml"/><item id="a" href="text/un.xhtml" media-type="application/xhtml+xml"/>
</manifest><spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>`},
		entry{"OPS/nav.xhtml", `<html><body><nav><ol><li><a href="text/un.xhtml">Début</a></li><li><a href="text/deux%20.xhtml#x">Calendrier</a></li></ol></nav></body></html>`},
		entry{"OPS/text/deux .xhtml", page(last)},
		entry{"OPS/text/un.xhtml", page(chapters[0])})
}

func TestEveryStructuredFormatGivesTheSameBlocks(t *testing.T) {
	for name, data := range map[string]string{
		"carnet.md":   bookletMarkdown(),
		"carnet.html": bookletHTML(),
		"carnet.docx": bookletDOCX(t),
		"carnet.odt":  bookletODT(t),
	} {
		t.Run(name, func(t *testing.T) {
			d := extracted(t, name, data, Options{})
			if diff := cmp.Diff(booklet, plainBlocks(d.Blocks)); diff != "" {
				t.Error(diff)
			}
			if d.Title != "Carnet" || d.Lang != "fr" && d.Lang != "fr-FR" || len(d.Warnings) > 0 {
				t.Errorf("title %q, language %q, warnings %q", d.Title, d.Lang, d.Warnings)
			}
		})
	}
}

func TestEPUBGivesItsChaptersInReadingOrderUnderTheirHeadings(t *testing.T) {
	d := extracted(t, "carnet.epub", bookletEPUB(t), Options{})
	want := append([]Block(nil), booklet...)
	want[6].Level = 1 // named by the table of contents only
	if diff := cmp.Diff(want, plainBlocks(d.Blocks)); diff != "" {
		t.Error(diff)
	}
	if d.Title != "Carnet" || d.Lang != "fr" {
		t.Errorf("title %q, language %q", d.Title, d.Lang)
	}
}
