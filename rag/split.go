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
	passageFew  = 120  // less than this at the end of a section joins the passage before
	contextMost = 200  // a table head or the line that announces a list is repeated up to this
)

// split cuts a document into passages, leaving Set, N, Doc and Lang to the caller. A passage lies under
// one heading and on one page; it never begins or ends inside a table row, nor inside a sentence unless
// that sentence alone is too long. Passages do not overlap.
func split(d extract.Document) []Passage {
	s := splitter{title: d.Title, records: d.Format == "jsonl", heads: d.Format != "jsonl" && d.Format != "csv"}
	for i, b := range d.Blocks {
		if b.Role == extract.Heading {
			s.under(b)
			continue
		}
		s.announce(d.Blocks, i)
		s.block(b, listAhead(d.Blocks, i))
	}
	s.flush()
	s.bare(0)
	return s.passages
}

// splitter gathers blocks into the passage being made.
type splitter struct {
	title    string
	records  bool            // each row is a record of its own, not a line of a table
	heads    bool            // the first row of a table names its columns
	path     []extract.Block // headings above, outermost first
	empty    bool            // nothing came under the last heading yet
	open     []extract.Block // the passage being made
	size     int             // runes in open
	head     string          // context of the blocks that come, if they are not in one passage with it
	context  string          // of the passage being made
	joins    bool            // the last passage is of this section
	passages []Passage
}

// under goes on below another heading.
func (s *splitter) under(h extract.Block) {
	s.flush()
	s.bare(h.Level)
	for len(s.path) > 0 && s.path[len(s.path)-1].Level >= h.Level {
		s.path = s.path[:len(s.path)-1]
	}
	s.path, s.empty, s.joins = append(s.path, h), true, false
}

// bare makes a passage of the last heading when nothing is under it and next, the level of the heading
// that follows (0 at the end), is not below it.
func (s *splitter) bare(next int) {
	if !s.empty {
		return
	}
	h := s.path[len(s.path)-1]
	if next > h.Level || h.Text == s.title {
		return
	}
	s.path = s.path[:len(s.path)-1]
	s.open = []extract.Block{h}
	s.flush()
	s.joins = false
}

// announce learns what the list or table that blocks[i] belongs to is understood by, and forgets it
// after its end.
func (s *splitter) announce(blocks []extract.Block, i int) {
	b := blocks[i]
	listed := b.Role == extract.Item || b.Role == extract.Row && s.heads
	if i > 0 && listed && blocks[i-1].Role == b.Role {
		return
	}
	s.head = ""
	switch {
	case b.Role == extract.Item && i > 0 && announces(blocks[i-1]) && runes(blocks[i-1].Text) <= contextMost:
		s.head = blocks[i-1].Text
	case b.Role == extract.Row && s.heads && strings.Contains(b.Text, " | ") && runes(b.Text) <= contextMost:
		s.head = b.Text
	}
}

// announces tells whether a block is a line such as "Il faut :".
func announces(b extract.Block) bool {
	return b.Role == extract.Paragraph && strings.HasSuffix(b.Text, ":")
}

// block adds b to the open passage or begins another. ahead is how many runes of a short list begin
// with b, which is to stay in one piece.
func (s *splitter) block(b extract.Block, ahead int) {
	s.empty = false
	size := runes(b.Text)
	most := passageMost
	if b.Role == extract.Row {
		most = rowMost
	}
	if size > most {
		s.flush()
		for _, part := range splitBlock(b) {
			s.open = []extract.Block{part}
			s.flush()
		}
		return
	}
	if len(s.open) > 0 && !s.takes(b, max(size, ahead)) {
		s.flush()
	}
	if len(s.open) == 0 && s.head != b.Text {
		s.context = s.head
	}
	s.open, s.size = append(s.open, b), s.size+size
}

// takes tells whether the open passage has room for a block of size runes on its page.
func (s *splitter) takes(b extract.Block, size int) bool {
	last := s.open[len(s.open)-1]
	if last.Page != b.Page || s.records && b.Role == extract.Row {
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
	p := Passage{Title: s.title, Heading: s.heading(), Page: s.open[0].Page, Start: s.open[0].Start, Context: s.context}
	var text strings.Builder
	for i, b := range s.open {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(b.Text)
		p.Start, p.End = min(p.Start, b.Start), max(p.End, b.End)
	}
	p.Text = text.String()
	if n := len(s.passages); s.joins && s.closes(s.passages[n-1], p) {
		last := &s.passages[n-1]
		last.Text, last.End = last.Text+"\n"+p.Text, max(last.End, p.End)
	} else {
		s.passages = append(s.passages, p)
	}
	s.open, s.size, s.context, s.joins = nil, 0, "", true
}

// closes tells whether p has too few words to be cited alone, and room in the passage before it.
func (s *splitter) closes(last, p Passage) bool {
	size := runes(p.Text)
	return size < passageFew && last.Page == p.Page && !s.records && runes(last.Text)+size < passageMost
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

// listAhead returns the size in runes of the list that begins at blocks[i], with the line that
// announces it ("…:"), when it is short enough for one passage; else 0. A line that announces is never
// parted from what follows it, whatever that is.
func listAhead(blocks []extract.Block, i int) int {
	first := blocks[i]
	if !announces(first) && (first.Role != extract.Item || i > 0 && blocks[i-1].Role == extract.Item) {
		return 0
	}
	size, least := runes(first.Text), 0
	for j, b := range blocks[i+1:] {
		if b.Page != first.Page || b.Role == extract.Heading || j > 0 && b.Role != extract.Item {
			break
		}
		size += runes(b.Text)
		if j == 0 && announces(first) {
			least = size
		}
		if size > passageAim {
			return least
		}
		if b.Role != extract.Item {
			break
		}
	}
	return size
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
