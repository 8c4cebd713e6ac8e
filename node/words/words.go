// Package words holds what a person reads: the sentences of the command line
// and of the pages, in language packs. French is the source, English is
// complete; a sentence missing from a pack falls back to French, then English.
//
// It is not a place for what programs read: error codes, JSON fields and log
// messages stay in English where they are made.
//
// Start with Load(Pick(flag, os.Getenv)), then Say("say.ready", "name", n).
package words

import (
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed *.toml
var files embed.FS

// Source is the language the sentences are first written in.
const Source = "fr"

// Pack is the sentences of one language. A Pack never changes and may be used
// from several goroutines.
type Pack struct {
	Lang  string // BCP 47 tag, also the value of a page's lang attribute
	texts []map[string]string
}

// Langs returns the languages that have a pack, the source first.
func Langs() []string { return []string{Source, "en"} }

// Pick chooses the language of the words: flag when it has a pack, else the
// first of SAVOIRS_LANG, LC_ALL, LC_MESSAGES and LANG that has one, else the
// source. Values may be locales such as en_GB.UTF-8.
func Pick(flag string, env func(string) string) string {
	for _, wish := range []string{flag, env("SAVOIRS_LANG"), env("LC_ALL"), env("LC_MESSAGES"), env("LANG")} {
		if lang := Match(wish); lang != "" {
			return lang
		}
	}
	return Source
}

// Match returns the pack that serves a locale or a language tag, "" when none
// does.
func Match(tag string) string {
	base, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	base, _, _ = strings.Cut(base, ".")
	for _, lang := range Langs() {
		if strings.EqualFold(base, lang) {
			return lang
		}
	}
	return ""
}

// Load returns the pack of a language, the source's when it has none.
func Load(lang string) Pack {
	if Match(lang) == "" {
		lang = Source
	}
	p := Pack{Lang: Match(lang), texts: []map[string]string{read(Match(lang))}}
	for _, other := range Langs() {
		if other != p.Lang {
			p.texts = append(p.texts, read(other))
		}
	}
	return p
}

// read parses an embedded pack. A pack that does not parse is a bug, which the
// tests of this package catch.
func read(lang string) map[string]string {
	var tree map[string]any
	if _, err := toml.DecodeFS(files, lang+".toml", &tree); err != nil {
		panic(fmt.Sprintf("language pack %s: %v", lang, err))
	}
	flat := map[string]string{}
	flatten("", tree, flat)
	return flat
}

func flatten(prefix string, tree map[string]any, flat map[string]string) {
	for name, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			flatten(prefix+name+".", v, flat)
		default:
			flat[prefix+name] = fmt.Sprint(v)
		}
	}
}

// Has says whether Say has a sentence for key in any pack.
func (p Pack) Has(key string) bool {
	for _, t := range p.texts {
		if _, ok := t[key]; ok {
			return true
		}
		if _, ok := t[key+".other"]; ok {
			return true
		}
	}
	return false
}

// Keys returns the keys of this language's own pack, in no order.
func (p Pack) Keys() []string {
	var keys []string
	for k := range p.texts[0] {
		keys = append(keys, k)
	}
	return keys
}

// Say returns the sentence of key with its places filled. args are pairs of a
// name and a value: "{name}" in the text becomes the value, whole numbers in
// the way the language writes them, and a place without a value an ellipsis.
// A key with the forms .one and .other is chosen by the argument "n". A key in
// no pack is returned itself.
func (p Pack) Say(key string, args ...any) string {
	for _, t := range p.texts {
		if s, ok := t[key]; ok {
			return p.fill(s, args)
		}
		if s, ok := t[key+p.form(args)]; ok {
			return p.fill(s, args)
		}
	}
	return key
}

// form is the plural form for the argument "n": French counts 0 as one thing.
func (p Pack) form(args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] != "n" {
			continue
		}
		n, ok := whole(args[i+1])
		if ok && (n == 1 || n == -1 || p.Lang == "fr" && n == 0) {
			return ".one"
		}
	}
	return ".other"
}

// fill replaces the places of a text in one pass, so that a value with braces
// of its own stays as it is.
func (p Pack) fill(text string, args []any) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			if ok {
				b.WriteString("{" + rest)
			}
			return b.String()
		}
		b.WriteString(p.value(name, args))
		text = after
	}
}

func (p Pack) value(name string, args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] != name {
			continue
		}
		if n, ok := whole(args[i+1]); ok {
			return p.Count(n)
		}
		return fmt.Sprint(args[i+1])
	}
	return "…"
}

func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return int64(v), v < 1<<63
	}
	return 0, false
}

// Count writes a whole number with the language's separator of thousands.
func (p Pack) Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + p.thousands() + digits[i:]
	}
	return sign + digits
}

func (p Pack) thousands() string {
	if p.Lang == "fr" {
		return nbsp
	}
	return ","
}
