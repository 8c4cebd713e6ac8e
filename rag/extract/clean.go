package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many combining marks may follow one letter. No language
// needs more than four; stacks of hundreds are made to harm.
const maxMarks = 6

// Clean returns s as text that is safe to show, compare and put in a prompt:
// NFC, lines ended by "\n" without blank ones, runs of spaces of any kind made
// one plain space, typographic ligatures spelled out. Control, bidirectional,
// zero-width, tag and private-use characters and soft hyphens are gone;
// ZWJ and ZWNJ stay between letters of scripts that need them.
// Clean(Clean(s)) == Clean(s).
func Clean(s string) string {
	if plain(s) {
		return s
	}
	s = norm.NFC.String(visible(s))
	var b strings.Builder
	b.Grow(len(s))
	var gap rune // the space or line end owed before the next word
	for _, r := range s {
		switch {
		case r == '\n':
			gap = '\n'
		case unicode.IsSpace(r):
			if gap == 0 {
				gap = ' '
			}
		default:
			if gap != 0 && b.Len() > 0 {
				b.WriteRune(gap)
			}
			gap = 0
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Fit tells whether s, which another program says it cleaned, hides nothing from a reader.
func Fit(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && r != '\t' && r != 0x200c && r != 0x200d && invisible(r)
	})
}

// cleanCode is Clean for preformatted text: indentation and blank lines stay,
// tabs become four spaces.
func cleanCode(s string) string {
	s = norm.NFC.String(visible(s))
	lines := strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRightFunc(l, unicode.IsSpace)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// plain tells whether s is ASCII that Clean would not change.
func plain(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ' ' && !space {
			space = true
			continue
		}
		if c <= ' ' || c >= 0x7f {
			return false
		}
		space = false
	}
	return !space || s == ""
}

// visible drops what a reader cannot see and settles line ends.
func visible(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	var prev rune // last rune written
	marks := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r >= ' ' && r < 0x7f || r >= 0xa1 && r < 0x300 && r != 0xad: // nearly all of them
			b.WriteString(s[i-n : i])
			prev, marks = r, 0
			continue
		case r == '\r':
			if strings.HasPrefix(s[i:], "\n") {
				continue
			}
			r = '\n'
		case r == '\v' || r == '\f' || r == 0x85 || r == 0x2028 || r == 0x2029:
			r = '\n'
		case r == '\n' || r == '\t':
		case r == 0x200c || r == 0x200d:
			next, _ := utf8.DecodeRuneInString(s[i:])
			if !joins(prev) || !joins(next) {
				continue
			}
		case r == 0xf0b7 || r == 0xf0a7: // bullets of the Symbol and Wingdings fonts
			r = '•'
		case r >= 0xfb00 && r <= 0xfb06:
			b.WriteString(ligatures[r-0xfb00])
			prev, marks = 'f', 0
			continue
		case r == utf8.RuneError && n == 1 || invisible(r):
			continue
		}
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > maxMarks {
				continue
			}
		} else if r != 0x200c && r != 0x200d {
			marks = 0
		}
		b.WriteRune(r)
		prev = r
	}
	return b.String()
}

// ligatures spells out U+FB00 to U+FB06, which PDFs are full of.
var ligatures = [...]string{"ff", "fi", "fl", "ffi", "ffl", "st", "st"}

// invisible tells whether r shows nothing, or nothing anyone else would see:
// such characters hide words from a search and orders from a reader.
func invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r) && !prefixed(r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r):
		return true
	case unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
		return true
	}
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0, 0xfffc:
		return true
	}
	return r >= 0xe0000 && r <= 0xe0fff
}

// prefixed lists the format characters that do show: Arabic and Syriac number
// and verse signs.
func prefixed(r rune) bool {
	return r >= 0x0600 && r <= 0x0605 || r == 0x06dd || r == 0x070f || r == 0x0890 || r == 0x0891 || r == 0x08e2
}

// joins tells whether r is a letter or mark of a script where a zero-width
// joiner or non-joiner changes what is read.
func joins(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsMark(r)) && unicode.In(r,
		unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
		unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala,
		unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese)
}

// langTag returns s as a tag such as "fr" or "fr-GP", or "" when it is none.
func langTag(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "_", "-")
	if i := strings.IndexByte(s, '.'); i > 0 { // fr_FR.UTF-8
		s = s[:i]
	}
	if len(s) > 35 {
		return ""
	}
	parts := strings.Split(s, "-")
	for i, p := range parts {
		if p == "" || len(p) > 8 || strings.ContainsFunc(p, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9')
		}) {
			return ""
		}
		switch {
		case i > 0 && len(p) == 2:
			parts[i] = strings.ToUpper(p)
		case i > 0 && len(p) == 4:
			parts[i] = strings.ToUpper(p[:1]) + strings.ToLower(p[1:])
		default:
			parts[i] = strings.ToLower(p)
		}
	}
	if l := len(parts[0]); l < 2 || l > 3 {
		return "" // also "x-default", "zxx" is kept: it says "no language"
	}
	return strings.Join(parts, "-")
}
