package rag

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// binder passes a text on while it is written and sees to its citations: each becomes [n] with n one of
// the passages given, or goes away; a sentence that ends without one gets that of the passage which
// says the same. Only spaces and the beginning of what may be a citation are held back.
type binder struct {
	given   []Citation
	support support
	say     func(string) error

	held     string          // not passed on yet
	sentence strings.Builder // the sentence being written, without its citations
	bound    bool            // it has a citation
	bracket  bool            // a bracket that is no citation is open
	used     []int           // numbers cited, in order
}

func newBinder(given []Citation, lang string, say func(string) error) *binder {
	return &binder{given: given, support: newSupport(given, lang), say: say}
}

// write takes the next piece of the text.
func (b *binder) write(piece string) error {
	b.held += piece
	return b.drain(false)
}

// end takes the end of the text.
func (b *binder) end() error {
	if err := b.drain(true); err != nil {
		return err
	}
	return b.close()
}

// cited returns the passages cited, by number.
func (b *binder) cited() (cited []Citation) {
	for _, c := range b.given {
		for _, n := range b.used {
			if c.N == n {
				cited = append(cited, c)
				break
			}
		}
	}
	return cited
}

// drain passes on what can be passed on: everything, when final.
func (b *binder) drain(final bool) error {
	for b.held != "" {
		space := len(b.held) - len(strings.TrimLeftFunc(b.held, unicode.IsSpace))
		rest := b.held[space:]
		if !final && !utf8.FullRuneInString(rest) { // nothing after the space yet, or half a letter
			return nil
		}
		first, _ := utf8.DecodeRuneInString(rest)
		if isOpener(first) {
			numbers, size, more := cutCitation(rest, len(b.given), final)
			if more {
				return nil
			}
			if size > 0 {
				if err := b.cite(b.held[:space], numbers); err != nil {
					return err
				}
				b.held = rest[size:]
				continue
			}
		}
		if space > 0 {
			if err := b.space(b.held[:space], first); err != nil {
				return err
			}
			b.held = rest
			continue
		}
		if err := b.text(b.word(rest)); err != nil {
			return err
		}
	}
	return nil
}

// word takes from held what precedes the next space, bracket or torn rune; at least one rune.
func (b *binder) word(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	for size < len(text) && utf8.FullRuneInString(text[size:]) {
		r, n := utf8.DecodeRuneInString(text[size:])
		if unicode.IsSpace(r) || isOpener(r) {
			break
		}
		size += n
	}
	b.held = text[size:]
	return text[:size]
}

func (b *binder) text(s string) error {
	for _, r := range s {
		if isOpener(r) {
			b.bracket = true
		} else if isCloser(r) {
			b.bracket = false
		}
	}
	b.sentence.WriteString(s)
	return b.say(s)
}

// space passes on the space before next, which may be the end of the sentence.
func (b *binder) space(s string, next rune) error {
	now := b.sentence.String()
	if strings.Contains(s, "\n") || len(sentences(now+" "+string(next))) > 1 {
		if err := b.close(); err != nil {
			return err
		}
	} else {
		b.sentence.WriteString(s)
	}
	return b.say(s)
}

// close ends the sentence, with the citation it lacks if a passage supports it.
func (b *binder) close() error {
	sentence, bound := b.sentence.String(), b.bound
	b.sentence.Reset()
	b.bound = false
	if bound {
		return nil
	}
	if n := b.support.of(sentence); n > 0 {
		b.used = append(b.used, n)
		return b.say(fmt.Sprintf(" [%d]", n))
	}
	return nil
}

// cite passes on a citation and the space before it, or neither when no number is left.
func (b *binder) cite(space string, numbers []int) error {
	if len(numbers) == 0 {
		if b.bracket { // what is around it must not close up to a citation
			return b.say("…")
		}
		return nil
	}
	b.bound = true
	b.used = append(b.used, numbers...)
	var out strings.Builder
	out.WriteString(space)
	for _, n := range numbers {
		fmt.Fprintf(&out, "[%d]", n)
	}
	return b.say(out.String())
}
