package rag

import (
	"strings"
	"unicode/utf8"

	"savoirs/rag/extract"
)

// Sizes of passages, in runes.
const (
	passageAim  = 700  // a passage is closed before a block that would take it past this
	passageMost = 1000 // a block up to this stays whole; a list or table goes on up to it
	rowMost     = 2000 // a table row or record up to this stays whole
)

// split cuts a document into passages, leaving Set, N, Doc and Lang to the caller. A passage lies under
// one heading and on one page; it never begins or ends inside a table row, nor inside a sentence unless
// that sentence alone is too long. Passages do not overlap.
func split(d extract.Document) []Passage {
	s := splitter{title: d.Title}
	for i, b := range d.Blocks {
		if b.Role == extract.Heading {
			s.flush()
			s.under(b)
			continue
		}
		s.block(b, leadsTo(d.Blocks[i:]))
	}
	s.flush()
	return s.passages
}

// splitter gathers blocks into the passage being made.
type splitter struct {
	title    string
	path     []extract.Block // headings above, outermost first
	open     []extract.Block // the passage being made
	size     int             // runes in open
	passages []Passage
}

func (s *splitter) under(h extract.Block) {
	for len(s.path) > 0 && s.path[len(s.path)-1].Level >= h.Level {
		s.path = s.path[:len(s.path)-1]
	}
	s.path = append(s.path, h)
}

// block adds b to the open passage or begins another. lead is how many runes must follow b in the same
// passage: the first entry of the list that b announces.
func (s *splitter) block(b extract.Block, lead int) {
	size := runes(b.Text)
	most := passageMost
	if b.Role == extract.Row {
		most = rowMost
	}
	if size > most {
		s.flush()
		for _, part := range splitBlock(b) {
			s.open, s.size = append(s.open, part), runes(part.Text)
			s.flush()
		}
		return
	}
	if len(s.open) > 0 && !s.takes(b, size+lead) {
		s.flush()
	}
	s.open, s.size = append(s.open, b), s.size+size
}

// takes tells whether the open passage has room for a block of size runes on its page.
func (s *splitter) takes(b extract.Block, size int) bool {
	last := s.open[len(s.open)-1]
	if last.Page != b.Page {
		return false
	}
	room := passageAim
	if b.Role == last.Role && (b.Role == extract.Item || b.Role == extract.Code) {
		room = passageMost // rather keep a list in one piece
	}
	return s.size+size <= room
}

func (s *splitter) flush() {
	if len(s.open) == 0 {
		return
	}
	p := Passage{Title: s.title, Heading: s.heading(), Page: s.open[0].Page, Start: s.open[0].Start}
	var text strings.Builder
	for i, b := range s.open {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(b.Text)
		p.Start, p.End = min(p.Start, b.Start), max(p.End, b.End)
	}
	p.Text = text.String()
	s.passages = append(s.passages, p)
	s.open, s.size = nil, 0
}

// heading is the path of headings, without one that only repeats the title.
func (s *splitter) heading() string {
	var names []string
	for i, h := range s.path {
		name := strings.ReplaceAll(h.Text, "\n", " ")
		if i == 0 && name == s.title {
			continue
		}
		names = append(names, name)
	}
	return strings.Join(names, " > ")
}

// leadsTo returns the size of the block that must not be parted from the first of blocks: the first
// entry of a list announced by "…:".
func leadsTo(blocks []extract.Block) int {
	if len(blocks) < 2 || blocks[0].Role != extract.Paragraph || !strings.HasSuffix(blocks[0].Text, ":") {
		return 0
	}
	if next := blocks[1]; next.Role == extract.Item && next.Page == blocks[0].Page {
		return runes(next.Text)
	}
	return 0
}

// splitBlock cuts a long block at the ends of sentences into parts of about passageAim runes, evenly,
// so that no part is left with a few words.
func splitBlock(b extract.Block) []extract.Block {
	total := runes(b.Text)
	parts := (total + passageAim - 1) / passageAim
	aim := total/parts + 1
	exact := b.End-b.Start == int64(len(b.Text)) // then places in the text are places in the file

	var out []extract.Block
	add := func(start, end int) {
		part := b
		part.Text = strings.TrimSpace(b.Text[start:end])
		if exact {
			part.Start, part.End = b.Start+int64(start), b.Start+int64(end)
		}
		if part.Text != "" {
			out = append(out, part)
		}
	}
	start, size := 0, 0
	for _, s := range pieces(b.Text, passageMost) {
		n := runes(b.Text[s.start:s.end])
		if size > 0 && size+n/2 > aim {
			add(start, s.start)
			start, size = s.start, 0
		}
		size += n
	}
	add(start, len(b.Text))
	return out
}

// pieces are the sentences of text, with those longer than most runes cut between words.
func pieces(text string, most int) []span {
	var out []span
	for _, s := range sentences(text) {
		for runes(text[s.start:s.end]) > most {
			cut := s.start
			for range most {
				_, n := utf8.DecodeRuneInString(text[cut:])
				cut += n
			}
			if space := strings.LastIndexAny(text[s.start:cut], " \t"); space > 0 {
				cut = s.start + space
			}
			out = append(out, span{s.start, cut})
			s.start = cut
		}
		out = append(out, s)
	}
	return out
}
