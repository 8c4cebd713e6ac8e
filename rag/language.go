package rag

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/abadojack/whatlanggo"
)

// minDetect is how many letters a text needs before its language is detected: below, detection is
// wrong too often to be worth more than "unknown".
const minDetect = 200

// languageTag reduces a declared tag to the ones used here: "fr-FR" and "fra" are "fr", the Creoles
// keep their own codes and are never merged. Empty for what is not a language tag.
func languageTag(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	primary, _, _ = strings.Cut(primary, "_")
	switch primary {
	case "fra", "fre":
		return "fr"
	case "eng":
		return "en"
	case "spa":
		return "es"
	case "hat":
		return "ht"
	case "und", "mul", "zxx":
		return ""
	}
	if n := len(primary); n < 2 || n > 3 || strings.Trim(primary, "abcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	return primary
}

// detectLanguage guesses the language of a document from its text; empty when it is short or unsure.
// Haitian and Guadeloupean are one to the detector, so their own little words decide between them.
func detectLanguage(text string) string {
	letters := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	if letters < minDetect {
		return ""
	}
	info := whatlanggo.DetectWithOptions(text, whatlanggo.Options{Whitelist: map[whatlanggo.Lang]bool{
		whatlanggo.Fra: true, whatlanggo.Eng: true, whatlanggo.Spa: true, whatlanggo.Hat: true,
		whatlanggo.Por: true, whatlanggo.Nld: true, whatlanggo.Deu: true, whatlanggo.Ita: true}})
	if !info.IsReliable() {
		return ""
	}
	if info.Lang == whatlanggo.Hat {
		return majority(text, "ht", "gcf")
	}
	return info.Lang.Iso6391()
}

// questionLanguage guesses the language of a few words from their function words, which is all they
// have; empty when no language has more of them than the others.
func questionLanguage(text string) string {
	if lang := detectLanguage(text); lang != "" {
		return lang
	}
	if lang := majority(text, "fr", "en", "es", "ht", "gcf"); lang != "" {
		return lang
	}
	// The two Creoles share most little words; each is nearer to the other than to all else.
	// The word a question begins with counts twice: "ki" is in no other of these languages, where "a" is.
	if first := words(text); len(first) > 0 {
		text = first[0] + " " + text
	}
	switch majority(text, "fr", "en", "es", "ht") + majority(text, "fr", "en", "es", "gcf") {
	case "htgcf":
		if strings.Contains(text, "é") || strings.Contains(text, "-la") {
			return "gcf" // Haitian writes neither
		}
		return "ht"
	}
	return ""
}

// majority returns the language whose marker words are the most frequent in text, if one is.
func majority(text string, langs ...string) string {
	count := map[string]int{}
	for _, w := range words(text) {
		for _, lang := range langs {
			if strings.Contains(markersOf(lang), " "+w+" ") {
				count[lang]++
			}
		}
	}
	best, second := "", 0
	for _, lang := range langs {
		switch n := count[lang]; {
		case n > count[best]:
			best, second = lang, count[best]
		case n > second:
			second = n
		}
	}
	if count[best] == second {
		return ""
	}
	return best
}

// words splits text into lower-case words, accents kept, elided articles apart ("l'eau": "l", "eau").
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

func runes(s string) int { return utf8.RuneCountInString(s) }
