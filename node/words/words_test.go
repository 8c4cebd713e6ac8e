package words

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryPackHasTheKeysAndThePlacesOfTheSource(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]+\}`)
	source := read(Source)
	for _, lang := range Langs() {
		pack := read(lang)
		for key, text := range source {
			other, ok := pack[key]
			if !ok {
				t.Errorf("%s lacks %s", lang, key)
				continue
			}
			want, got := place.FindAllString(text, -1), place.FindAllString(other, -1)
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
				t.Errorf("%s: %s has other places than the source:\n%s", lang, key, diff)
			}
		}
		for key := range pack {
			if _, ok := source[key]; !ok {
				t.Errorf("%s has %s, which the source lacks", lang, key)
			}
		}
	}
}

func TestPluralFormsComeInPairs(t *testing.T) {
	for _, lang := range Langs() {
		pack := read(lang)
		for key := range pack {
			if base, ok := strings.CutSuffix(key, ".one"); ok {
				if _, ok := pack[base+".other"]; !ok {
					t.Errorf("%s: %s has no .other", lang, base)
				}
			}
		}
	}
}

func TestFrenchKeepsItsPunctuationOnTheLine(t *testing.T) {
	loose := regexp.MustCompile(` [;!?»%]| :(\s|$)|« |[a-zé]'[a-zéèêîœ]`)
	for key, text := range read("fr") {
		if strings.HasSuffix(key, ".example") || strings.Contains(text, "'votre question'") {
			continue
		}
		if m := loose.FindString(text); m != "" {
			t.Errorf("%s: %q needs a no-break space or an apostrophe at %q", key, text, m)
		}
	}
}

func TestTheLanguageIsTheFlagThenTheEnvironmentThenFrench(t *testing.T) {
	for _, c := range []struct {
		flag string
		env  map[string]string
		want string
	}{
		{"en", map[string]string{"SAVOIRS_LANG": "fr"}, "en"},
		{"", map[string]string{"SAVOIRS_LANG": "en", "LANG": "fr_FR.UTF-8"}, "en"},
		{"", map[string]string{"LC_ALL": "en_GB.UTF-8", "LANG": "fr_FR"}, "en"},
		{"", map[string]string{"LC_MESSAGES": "en", "LANG": "fr_FR"}, "en"},
		{"ht", map[string]string{"LANG": "en_US"}, "en"},
		{"", map[string]string{"LANG": "C.UTF-8"}, "fr"},
		{"fr-GP", nil, "fr"},
		{"", nil, "fr"},
	} {
		if got := Pick(c.flag, func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("flag %q, environment %v: %s, want %s", c.flag, c.env, got, c.want)
		}
	}
}

func TestSayFillsPlacesOnceAndChoosesThePlural(t *testing.T) {
	p := Pack{Lang: "fr", texts: []map[string]string{
		{"hello": "Bonjour {name}, {gone}.", "n.one": "{n} nœud", "n.other": "{n} nœuds"},
		{"only": "Only in English"},
	}}
	for _, c := range []struct {
		want, key string
		args      []any
	}{
		{"Bonjour {n}, ….", "hello", []any{"name", "{n}"}},
		{"0 nœud", "n", []any{"n", 0}},
		{"1 nœud", "n", []any{"n", 1}},
		{"1\u00a0234 nœuds", "n", []any{"n", int64(1234)}},
		{"Only in English", "only", nil},
		{"no.such.key", "no.such.key", nil},
	} {
		if got := p.Say(c.key, c.args...); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.key, c.args, got, c.want)
		}
	}
	p.Lang = "en"
	if got := p.Say("n", "n", 0); got != "0 nœuds" {
		t.Errorf("English counts 0 as many; got %q", got)
	}
}

func TestMeasuresAreWrittenAsTheLanguageDoes(t *testing.T) {
	fr, en := Load("fr"), Load("en")
	for _, c := range []struct{ got, want string }{
		{fr.Bytes(0), "0 o"}, {en.Bytes(999), "999 B"}, {fr.Bytes(1234), "1,2 ko"}, {en.Bytes(9_999), "10 kB"},
		{fr.Bytes(999_499), "999 ko"}, {fr.Bytes(999_999), "1,0 Mo"}, {en.Bytes(1 << 30), "1.1 GB"}, {en.Bytes(5e15), "5000 TB"},
		{fr.Span(40 * time.Second), "40 s"}, {en.Span(185 * time.Second), "3 min 05 s"}, {fr.Span(130 * time.Minute), "2 h 10 min"},
		{fr.Span(76 * time.Hour), "3 j 4 h"}, {en.Span(-time.Second), "0 s"}, {fr.Decimal(0.8824, 3), "0,882"},
		{fr.Count(-1234567), "-1 234 567"}, {en.Count(1234567), "1,234,567"}, {en.Count(12), "12"},
	} {
		if got := strings.ReplaceAll(c.got, nbsp, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
