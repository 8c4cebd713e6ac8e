package p2p

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"github.com/tyler-smith/go-bip39/wordlists"
	"golang.org/x/text/unicode/norm"
)

// Words are for dictation, over a telephone or a radio: each stands for 11 bits, by the lists of BIP 39, whose words differ
// in their first four letters. They carry the first wordAddrs addresses, to stay short.
const (
	wordBits  = 11
	wordAddrs = 2
	minWords  = 8 // fewer are no invite but some other text

	longestWord = 10
)

// wordList gives the list of a language: English for "en", French for any other.
func wordList(lang string) []string {
	if lang == "en" {
		return wordlists.English
	}
	return wordlists.French
}

// WordError is a word of an invite that is in no list.
type WordError struct {
	Word string
	Near string // the nearest that is
	At   int    // its place, from 1
}

func (e *WordError) Error() string {
	return fmt.Sprintf("word %d, %q, is not known; perhaps %q", e.At, e.Word, e.Near)
}

// Words is the invite in words to be dictated, French unless lang is "en". ParseInvite reads them, in either language, without
// accents or capitals just as well, with commas or numbers between.
func (i Invite) Words(lang string) string {
	list := wordList(lang)
	var words []string
	have, n := uint(0), 0 // bits not yet said, and how many
	for _, b := range i.bytes(wordAddrs) {
		have, n = have<<8|uint(b), n+8
		for n >= wordBits {
			n -= wordBits
			words = append(words, list[have>>n&(1<<wordBits-1)])
		}
	}
	if n > 0 {
		words = append(words, list[have<<(wordBits-n)&(1<<wordBits-1)])
	}
	return strings.Join(words, " ")
}

func parseWords(text string) (Invite, error) {
	said := strings.FieldsFunc(fold(text), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(said) < minWords {
		return Invite{}, fmt.Errorf("it must begin with %q, or be at least %d words", invitePrefix, minWords)
	}
	raw, err := readWords(said, wordlists.French)
	var unknown *WordError
	if errors.As(err, &unknown) {
		english, otherErr := readWords(said, wordlists.English)
		var later *WordError
		if otherErr == nil || errors.As(otherErr, &later) && later.At > unknown.At {
			raw, err = english, otherErr
		}
	}
	if err != nil {
		return Invite{}, err
	}
	i, err := parseInviteBytes(raw)
	if err != nil && len(raw) > 0 && raw[len(raw)-1] == 0 { // the last word may have room for a byte that was not said
		if i, err := parseInviteBytes(raw[:len(raw)-1]); err == nil {
			return i, nil
		}
	}
	return i, err
}

// readWords gives the bytes that words of a list stand for; the last may be one too many.
func readWords(said, list []string) ([]byte, error) {
	places := make(map[string]uint, len(list))
	for i, w := range list {
		places[fold(w)] = uint(i)
	}
	var raw []byte
	have, n := uint(0), 0
	for i, w := range said {
		place, ok := places[w]
		if !ok {
			return nil, &WordError{Word: w, Near: nearest(w, list), At: i + 1}
		}
		have, n = have<<wordBits|place, n+wordBits
		for n >= 8 {
			n -= 8
			raw = append(raw, byte(have>>n))
		}
	}
	if have&(1<<n-1) != 0 {
		return nil, errors.New("the last word is wrong, or one is missing")
	}
	return raw, nil
}

// fold takes accents and capitals away.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}

// nearest is the word of list that takes the fewest changes.
func nearest(wrong string, list []string) string {
	wrong = wrong[:min(len(wrong), 2*longestWord)]
	best, changes := "", 3*longestWord
	for _, w := range list {
		if d := levenshtein.ComputeDistance(wrong, fold(w)); d < changes {
			best, changes = w, d
		}
	}
	return best
}
