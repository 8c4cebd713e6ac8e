package extract

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	sniffLen = 64 << 10 // how much of a file tells its encoding
	chunkLen = 512      // decoded bytes between two known positions, where lengths change
)

// source reads a text file as UTF-8 and knows where each decoded byte came
// from.
//
//	raw file   |BOM|  same length  | é as 1 byte |  same length ...
//	decoded        |  same length  | é as 2 bytes|  same length ...
//	spans          ^ exact         ^ not exact   ^ exact
type source struct {
	r     *bufio.Reader
	dec   transform.Transformer
	eof   bool
	pos   int64 // decoded bytes handed out
	raw   int64 // file bytes they came from
	spans []span
}

// span is a stretch that starts at pos in the decoded text and at raw in the
// file, up to the next span.
type span struct {
	pos, raw int64
	exact    bool // byte i of one is byte i of the other
}

// newSource finds the encoding of r: a byte order mark, else (for html) the
// declared one unless the bytes contradict it, else UTF-16 by its zeros, else
// UTF-8, in which stray bytes are read as windows-1252.
func newSource(r io.Reader, html bool) (*source, error) {
	s := &source{r: bufio.NewReaderSize(r, sniffLen)}
	head, err := s.r.Peek(sniffLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	skip := 0
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		skip, s.dec = 3, mostlyUTF8{}
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		skip, s.dec = 2, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		skip, s.dec = 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	default:
		if s.dec, err = guess(head, html); err != nil {
			return nil, err
		}
	}
	s.r.Discard(skip)
	s.raw = int64(skip)
	return s, nil
}

func guess(head []byte, html bool) (transform.Transformer, error) {
	if even, odd := zeros(head); even+odd > 0 {
		switch half := len(head) / 2; {
		case odd > half*2/5 && even < half/20:
			return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder(), nil
		case even > half*2/5 && odd < half/20:
			return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder(), nil
		case even+odd > len(head)/1000:
			return nil, fmt.Errorf("%w: not text", ErrCorrupt)
		}
	}
	wide, stray := highBytes(head)
	if html && (wide == 0 || stray > 0) {
		if e, name, declared := charset.DetermineEncoding(head[:min(len(head), 1024)], ""); declared && name != "utf-8" {
			return e.NewDecoder(), nil
		}
	}
	if stray > wide {
		return charmap.Windows1252.NewDecoder(), nil
	}
	return mostlyUTF8{}, nil
}

func zeros(b []byte) (even, odd int) {
	for i, c := range b {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	return even, odd
}

// highBytes counts the UTF-8 sequences of b and the high bytes outside them.
func highBytes(b []byte) (wide, stray int) {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 && utf8.FullRune(b[i:]) {
			stray++
		} else if n > 1 {
			wide++
		}
		i += n
	}
	return wide, stray
}

func (s *source) Read(p []byte) (int, error) {
	if len(p) < utf8.UTFMax {
		return 0, io.ErrShortBuffer
	}
	if _, ok := s.dec.(mostlyUTF8); !ok {
		p = p[:min(len(p), chunkLen)]
	}
	for want := 1; ; {
		if _, err := s.r.Peek(want); err == io.EOF {
			s.eof = true
		} else if err != nil {
			return 0, err
		}
		in, _ := s.r.Peek(s.r.Buffered())
		n, used, err := s.dec.Transform(p, in, s.eof)
		s.r.Discard(used)
		s.note(n, used)
		switch {
		case n > 0:
			return n, nil
		case err != nil && err != transform.ErrShortSrc && err != transform.ErrShortDst:
			return 0, err
		case s.eof && used == 0:
			return 0, io.EOF
		}
		want = len(in) - used + 1
		if want > sniffLen {
			return 0, fmt.Errorf("%w: cannot decode", ErrCorrupt)
		}
	}
}

// note records that n decoded bytes came from the next used bytes of the file.
func (s *source) note(n, used int) {
	exact := n == used
	if k := len(s.spans); used > 0 && (k == 0 || !exact || !s.spans[k-1].exact) {
		s.spans = append(s.spans, span{s.pos, s.raw, exact})
	}
	s.pos += int64(n)
	s.raw += int64(used)
}

// place turns the range [start,end) of the decoded text, already read, into a
// range of the file that covers it.
func (s *source) place(start, end int64) (int64, int64) {
	return s.at(start, false), s.at(end, true)
}

func (s *source) at(pos int64, up bool) int64 {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].pos > pos }) - 1
	if i < 0 {
		return 0
	}
	if sp := s.spans[i]; sp.exact {
		return min(sp.raw+pos-sp.pos, s.raw)
	} else if !up || sp.pos == pos {
		return sp.raw
	}
	if i+1 < len(s.spans) {
		return s.spans[i+1].raw
	}
	return s.raw
}

// mostlyUTF8 passes UTF-8 through and reads stray bytes as windows-1252: files
// pasted together from several sources are common, and a file whose first
// accent comes late must not be lost. A call handles either good text or one
// stretch with stray bytes.
type mostlyUTF8 struct{ transform.NopResetter }

func (mostlyUTF8) Transform(dst, src []byte, eof bool) (n, used int, err error) {
	for used < len(src) {
		if src[used] < utf8.RuneSelf {
			used++
			continue
		}
		r, size := utf8.DecodeRune(src[used:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		used += size
	}
	if used > 0 {
		if used > len(dst) {
			for used = len(dst); !utf8.RuneStart(src[used]); {
				used--
			}
		}
		copy(dst, src[:used])
		if used < len(src) {
			err = transform.ErrShortDst
		}
		return used, used, err
	}
	for used < len(src) && used < chunkLen {
		if !eof && !utf8.FullRune(src[used:]) {
			return n, used, transform.ErrShortSrc
		}
		r, size := utf8.DecodeRune(src[used:])
		if r == utf8.RuneError && size == 1 {
			r = charmap.Windows1252.DecodeByte(src[used])
		}
		if n+utf8.UTFMax > len(dst) {
			return n, used, transform.ErrShortDst
		}
		n += utf8.EncodeRune(dst[n:], r)
		used += size
	}
	if used < len(src) {
		err = transform.ErrShortDst
	}
	return n, used, err
}
