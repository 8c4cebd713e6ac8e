package rag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a piece of a text, in bytes.
type span struct{ start, end int }

// sentences cuts text into sentences. A span holds the sentence and the closing marks after it, not
// the space to the next; every byte that is not space is in one span. A line end ends a sentence.
func sentences(text string) []span {
	var spans []span
	start := -1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n':
			if start >= 0 {
				spans = append(spans, span{start, trimRight(text, start, i)})
				start = -1
			}
		case start < 0 && !unicode.IsSpace(r):
			start = i
			fallthrough
		default:
			if end, ok := sentenceEnd(text, start, i, r, size); ok && start >= 0 {
				spans = append(spans, span{start, end})
				i, start = end, -1
				continue
			}
		}
		i += size
	}
	if start >= 0 {
		if end := trimRight(text, start, len(text)); end > start {
			spans = append(spans, span{start, end})
		}
	}
	return spans
}

func trimRight(text string, start, end int) int {
	return start + len(strings.TrimRightFunc(text[start:end], unicode.IsSpace))
}

// sentenceEnd tells whether the rune at i ends the sentence begun at start, and where its closing marks
// end.
func sentenceEnd(text string, start, i int, r rune, size int) (end int, ok bool) {
	switch r {
	case '.', '!', '?', '…':
	default:
		return 0, false
	}
	end = i + size
	for end < len(text) { // "?!", "...", and what closes: ) ] » ” "
		next, n := utf8.DecodeRuneInString(text[end:])
		if strings.ContainsRune(".!?…)]»”’›\"", next) {
			end += n
			continue
		}
		if unicode.IsSpace(next) && next != '\n' { // French sets a space before »
			after, m := utf8.DecodeRuneInString(text[end+n:])
			if after == '»' {
				end += n + m
				continue
			}
		}
		break
	}
	if end == len(text) {
		return end, true
	}
	next, n := utf8.DecodeRuneInString(text[end:])
	if !unicode.IsSpace(next) {
		return 0, false // 3.14, example.org, l'art.L121
	}
	after, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text[end+n:], unicode.IsSpace))
	if unicode.IsLower(after) && goesOn(text[i:end]) {
		return 0, false
	}
	if r != '.' || end > i+1 {
		return end, true
	}
	return end, !abbreviated(text[:i]) && !numbered(text[start:i])
}

// abbreviated tells whether text ends with a word that takes a full stop without ending a sentence.
func abbreviated(text string) bool {
	at := strings.LastIndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("('’«[", r) })
	word := text[at+1:]
	if at >= 0 {
		_, size := utf8.DecodeRuneInString(text[at:])
		word = text[at+size:]
	}
	if initials(word) {
		return true
	}
	return strings.Contains(abbreviations, " "+strings.ToLower(word)+" ")
}

// goesOn tells whether a sentence may go on in lower case after these marks: a full stop of an abbreviation
// we do not know, "Il hésita… puis partit", « Venez ! » dit-elle. After a bare "!" or "?" another begins.
func goesOn(marks string) bool {
	return marks == "." || strings.HasSuffix(marks, "…") || strings.HasSuffix(marks, "..") || strings.ContainsAny(marks, "»”")
}

// numbered tells whether what stands before a full stop is only the number of what follows: "1. Semer",
// "2.3. Arroser", "IV. Récolter".
func numbered(text string) bool {
	return len(text) <= 8 && strings.Trim(text, "0123456789.") == "" || strings.Trim(text, "IVX") == ""
}

// initials tells whether word is one or more: the J of "J. Dupont", the A.-M of "A.-M. Noël".
func initials(word string) bool {
	letters := strings.NewReplacer(".", "", "-", "").Replace(word)
	if n := runes(letters); n == 0 || n > 3 || n > 1 && letters == word {
		return false
	}
	return strings.IndexFunc(letters, func(r rune) bool { return !unicode.IsUpper(r) }) < 0
}

// abbreviations of French, English, Spanish and Creole, without their last full stop.
const abbreviations = " m mm mme mmes mlle mlles dr drs pr prof me mgr st ste sts stes p pp art al n no nos n° cf éd ed eds vol t chap ch fig " +
	"tab réf ref env av bd ex etc hab apr j.-c c.-à-d id ibid op cit coll dir trad s.a s.l tél tel min max " +
	"janv févr avr juil sept oct nov déc mr mrs ms jr sr vs e.g i.e approx dept est gen gov inc ltd co " +
	"sra srta ud uds ee uu ee.uu pág págs núm aprox cap jan feb aug dec ph.d bp eks elt paj msyé "
