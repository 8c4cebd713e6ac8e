package extract

import (
	"bufio"
	"io"
)

// maxLine bounds one line of a text file; a longer one is cut, except in
// jsonl, where it is skipped.
const maxLine = 4 << 20

// lines reads a source line by line, with positions in the decoded text.
type lines struct {
	src *source
	r   *bufio.Reader
	pos int64
}

// line is one line without its end. [start,end) covers text, and cut says that
// the line goes on in the next one because it is too long.
type line struct {
	text       string
	start, end int64
	cut        bool
}

func newLines(src *source) *lines {
	return &lines{src: src, r: bufio.NewReaderSize(src, 32<<10)}
}

// next returns io.EOF after the last line. Lines end with LF, CRLF or CR.
func (ls *lines) next() (line, error) {
	l := line{start: ls.pos}
	var buf []byte
	for len(buf) < maxLine {
		if _, err := ls.r.Peek(1); err == io.EOF && len(buf) > 0 {
			break
		} else if err != nil {
			return l, err
		}
		b, _ := ls.r.Peek(ls.r.Buffered())
		i := lineEnd(b)
		if i < 0 {
			buf = append(buf, b...)
			ls.r.Discard(len(b))
			continue
		}
		buf = append(buf, b[:i]...)
		ls.pos += int64(len(buf) + 1)
		cr := b[i] == '\r'
		ls.r.Discard(i + 1)
		if next, _ := ls.r.Peek(1); cr && len(next) == 1 && next[0] == '\n' {
			ls.r.Discard(1)
			ls.pos++
		}
		l.text, l.end = string(buf), l.start+int64(len(buf))
		return l, nil
	}
	ls.pos += int64(len(buf))
	l.text, l.end, l.cut = string(buf), ls.pos, len(buf) >= maxLine
	return l, nil
}

func lineEnd(b []byte) int {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			return i
		}
	}
	return -1
}
