package extract

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"golang.org/x/net/html"
)

// markdown yields the blocks of a CommonMark file with tables.
type markdown struct {
	parse parser.Parser
	src   *source
	out   *output
	text  []byte // the chunk being read, then link definitions from elsewhere
	end   int    // of the chunk in text
	base  int64  // where the chunk starts in the decoded file
}

// readMarkdown parses a file in chunks of about chunkMarkdown bytes: the parser
// cannot be interrupted and holds a tree, so no chunk may be long.
func readMarkdown(src *source, d *Document, out *output) error {
	m := &markdown{src: src, out: out, parse: goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList),
	).Parser()}
	data, err := io.ReadAll(io.LimitReader(src, 2*out.left+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > 2*out.left {
		return ErrTooLarge
	}
	n := frontMatter(data, d)
	data, m.base = data[n:], int64(n)
	var links []byte
	if len(data) > chunkMarkdown {
		links = linkDefinitions(data)
	}
	for len(data) > 0 {
		n := cutMarkdown(data)
		if err := m.chunk(data[:n], links); err != nil {
			return err
		}
		data, m.base = data[n:], m.base+int64(n)
	}
	return nil
}

func (m *markdown) chunk(chunk, links []byte) error {
	if tangled(chunk) {
		return m.plain(chunk)
	}
	m.text, m.end = chunk, len(chunk)
	if links != nil {
		m.text = append(append(append([]byte(nil), chunk...), "\n\n"...), links...)
	}
	return m.blocks(m.parse.Parse(text.NewReader(m.text)), Paragraph)
}

// blocks yields what is below n; role is what a paragraph there is.
func (m *markdown) blocks(n ast.Node, role Role) error {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if err := m.block(c, role); err != nil {
			return err
		}
	}
	return nil
}

func (m *markdown) block(n ast.Node, role Role) error {
	switch n := n.(type) {
	case *ast.Heading:
		return m.add(Heading, n.Level, m.inline(n), n.Lines())
	case *ast.Paragraph:
		return m.add(role, 0, m.inline(n), n.Lines())
	case *ast.TextBlock:
		return m.add(role, 0, m.inline(n), n.Lines())
	case *ast.CodeBlock:
		return m.add(Code, 0, m.code(n.Lines()), n.Lines())
	case *ast.FencedCodeBlock:
		return m.add(Code, 0, m.code(n.Lines()), n.Lines())
	case *ast.HTMLBlock:
		return m.html(n)
	case *ast.ListItem:
		return m.blocks(n, Item)
	case *ast.Blockquote:
		return m.blocks(n, Quote)
	case *east.TableHeader, *east.TableRow:
		return m.row(n)
	}
	return m.blocks(n, role)
}

func (m *markdown) add(role Role, level int, s string, lines *text.Segments) error {
	if lines.Len() == 0 || lines.At(0).Start >= m.end {
		return nil
	}
	b := Block{Role: role, Level: level, Text: s}
	b.Start, b.End = m.place(lines.At(0).Start, lines.At(lines.Len()-1).Stop)
	return m.out.add(b)
}

func (m *markdown) code(lines *text.Segments) string {
	var b strings.Builder
	for i := range lines.Len() {
		if l := lines.At(i); l.Start < m.end {
			b.Write(l.Value(m.text))
		}
	}
	return b.String()
}

func (m *markdown) place(start, end int) (int64, int64) {
	return m.src.place(m.base+int64(start), m.base+int64(min(end, m.end)))
}

// row yields a table row, cells joined with " | ".
func (m *markdown) row(n ast.Node) error {
	var cells []string
	start, end := len(m.text), 0
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		cells = append(cells, Clean(m.inline(c)))
		for i := range c.Lines().Len() {
			start, end = min(start, c.Lines().At(i).Start), max(end, c.Lines().At(i).Stop)
		}
	}
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if start >= end || start >= m.end {
		return nil
	}
	b := Block{Role: Row, Text: strings.Join(cells, " | ")}
	b.Start, b.End = m.place(start, end)
	return m.out.add(b)
}

// html reads a block of html inside the markdown.
func (m *markdown) html(n *ast.HTMLBlock) error {
	lines := n.Lines()
	if lines.Len() == 0 {
		return nil
	}
	start, end := lines.At(0).Start, lines.At(lines.Len()-1).Stop
	if n.HasClosure() {
		end = n.ClosureLine.Stop
	}
	if end = min(end, m.end); start >= end {
		return nil
	}
	at := int64(start)
	return readFragment(bytes.NewReader(m.text[start:end]), false, 2*m.out.left, func(a, b int64) (int64, int64) {
		return m.src.place(m.base+at+a, m.base+at+b)
	}, m.out.add)
}

// plain reads a chunk that would choke the parser as paragraphs of text.
func (m *markdown) plain(chunk []byte) error {
	for pos := 0; pos < len(chunk); {
		n := bytes.Index(chunk[pos:], []byte("\n\n"))
		if n < 0 {
			n = len(chunk) - pos
		}
		if n > 0 {
			b := Block{Role: Paragraph, Text: strings.ReplaceAll(string(chunk[pos:pos+n]), "\n", " ")}
			b.Start, b.End = m.place(pos, pos+n)
			if err := m.out.add(b); err != nil {
				return err
			}
		}
		pos += n + 2
	}
	return nil
}

// footnote is the mark of a footnote, which says nothing by itself.
var footnote = regexp.MustCompile(`\[\^[^\]\s]{1,64}\]:?`)

// inline returns the text of a block as a reader sees it.
func (m *markdown) inline(n ast.Node) string {
	var b strings.Builder
	m.spell(&b, n, 0)
	if s := b.String(); strings.Contains(s, "[^") {
		return footnote.ReplaceAllString(s, "")
	}
	return b.String()
}

func (m *markdown) spell(b *strings.Builder, n ast.Node, depth int) {
	if depth > maxDepth {
		return
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			s := string(c.Segment.Value(m.text))
			if _, code := n.(*ast.CodeSpan); !code && !c.IsRaw() {
				s = unescape(s)
			}
			b.WriteString(s)
			switch {
			case c.HardLineBreak():
				b.WriteByte('\n')
			case c.SoftLineBreak():
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.AutoLink:
			b.Write(c.Label(m.text))
		case *ast.RawHTML:
			if s := strings.ToLower(string(c.Segments.Value(m.text))); strings.HasPrefix(s, "<br") {
				b.WriteByte('\n')
			}
		default:
			m.spell(b, c, depth+1)
		}
	}
}

// unescape resolves backslash escapes and character references.
func unescape(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			b.WriteString(html.UnescapeString(s))
			return b.String()
		}
		b.WriteString(html.UnescapeString(s[:i]))
		if c := s[i+1]; c < 'A' && c > ' ' && (c < '0' || c > '9') || c > 'Z' && c < 'a' || c > 'z' && c < 0x7f {
			s = s[i+1:]
			b.WriteByte(s[0])
			s = s[1:]
		} else {
			b.WriteByte('\\')
			s = s[i+1:]
		}
	}
}
