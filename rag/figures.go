package rag

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A figure is a number or a date in a text. Any of its values may be meant: "87,000" is 87000 to some and 87 to others.
type figure struct {
	span
	values []string
}

// The months of five languages, folded, by their first letters: longer names come before those they begin with.
const monthPattern = `janv(?:ier)?|january|enero|janvye|fevr(?:ier)?|february|febrero|fevriye|fevriy[ae]|mars|march|marzo|avr(?:il)?|april|abril|avril|` +
	`mai|mayo|may|juin|june|junio|jen|juil(?:let)?|july|julio|jiye|aout|august|agosto|out|sept(?:embre)?|september|septiembre|septanm|` +
	`oct(?:obre)?|october|octubre|oktob|nov(?:embre)?|november|noviembre|novanm|dec(?:embre)?|december|diciembre|desanm`

// monthOf numbers a month by how it begins.
func monthOf(name string) int {
	for i, begins := range [12]string{"jan ene", "fev feb", "mar", "avr apr abr", "mai may me", "juin june juni jen", "juil july juli jiy",
		"aou aug ago out", "sep", "oct okt", "nov", "dec dic des"} {
		for b := range strings.FieldsSeq(begins) {
			if strings.HasPrefix(name, b) {
				return i + 1
			}
		}
	}
	return 0
}

var (
	dateInWords  = regexp.MustCompile(`\b(\d{1,2})(?:er|e|st|nd|rd|th)?(?: de| of)? (` + monthPattern + `)\b\.?(?:,? (?:de |del )?(\d{4}))?`)
	monthFirst   = regexp.MustCompile(`\b(` + monthPattern + `) (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?\b`)
	dateInDigits = regexp.MustCompile(`\b(\d{1,2})[/.](\d{1,2})[/.](\d{4})\b`)
	dateISO      = regexp.MustCompile(`\b(\d{4})-(\d{2})-(\d{2})\b`)
	numeral      = regexp.MustCompile(`\d{1,3}(?:[ \x{a0}\x{202f}'’]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)*`)
	listMark     = regexp.MustCompile(`(?m)^[ \t]*\d{1,2}[.)][ \t]`)
	wordNumber   = regexp.MustCompile(`[\p{L}-]+`)
)

// figuresIn finds the dates, the numerals and the number words from two to twenty of a text. Marks of citations and the
// numbers of a list are none.
func figuresIn(text string) (all []figure) {
	plain, places := foldPlaced(text)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			plain[i] = '_'
		}
	}
	for _, m := range footnote.FindAllIndex(plain, -1) {
		blank(m[0], m[1])
	}
	for _, m := range listMark.FindAllIndex(plain, -1) {
		blank(m[0], m[1])
	}
	date := func(m []int, day, month, year int) {
		if day < 1 || day > 31 || month < 1 || month > 12 {
			return
		}
		values := []string{fmt.Sprintf("%02d-%02d", month, day)}
		if year > 0 {
			values = []string{fmt.Sprintf("%04d-%02d-%02d", year, month, day)}
		}
		all = append(all, figure{span{m[0], m[1]}, values})
		blank(m[0], m[1])
	}
	number := func(from, to int) int {
		if from < 0 {
			return 0
		}
		n, _ := strconv.Atoi(string(plain[from:to])) // digits only, few
		return n
	}
	for _, m := range dateInWords.FindAllSubmatchIndex(plain, -1) {
		date(m, number(m[2], m[3]), monthOf(string(plain[m[4]:m[5]])), number(m[6], m[7]))
	}
	for _, m := range monthFirst.FindAllSubmatchIndex(plain, -1) {
		date(m, number(m[4], m[5]), monthOf(string(plain[m[2]:m[3]])), number(m[6], m[7]))
	}
	for _, m := range dateInDigits.FindAllSubmatchIndex(plain, -1) {
		date(m, number(m[2], m[3]), number(m[4], m[5]), number(m[6], m[7]))
	}
	for _, m := range dateISO.FindAllSubmatchIndex(plain, -1) {
		date(m, number(m[6], m[7]), number(m[4], m[5]), number(m[2], m[3]))
	}
	for _, m := range numeral.FindAllIndex(plain, -1) {
		all = append(all, figure{span{m[0], m[1]}, readings(string(plain[m[0]:m[1]]))})
	}
	for _, m := range wordNumber.FindAllIndex(plain, -1) {
		if n := numberWord(string(plain[m[0]:m[1]])); n > 1 {
			all = append(all, figure{span{m[0], m[1]}, []string{strconv.Itoa(n)}})
		}
	}
	for i := range all {
		all[i].span = span{places[all[i].start], places[all[i].end]}
	}
	slices.SortFunc(all, func(a, b figure) int { return a.start - b.start })
	return all
}

// readings are the numbers that a numeral may stand for, without the zeros that change nothing.
func readings(numeral string) (values []string) {
	joined := strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "", "’", "").Replace(numeral)
	add := func(s string) {
		if whole, fraction, ok := strings.Cut(s, "."); ok {
			s = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction, "0"), ".")
		}
		if s = strings.TrimLeft(s, "0"); s == "" || s[0] == '.' {
			s = "0" + s
		}
		if !slices.Contains(values, s) {
			values = append(values, s)
		}
	}
	last := strings.LastIndexAny(joined, ".,")
	if last < 0 {
		add(joined)
		return values
	}
	digits := strings.NewReplacer(".", "", ",", "")
	add(digits.Replace(joined[:last]) + "." + joined[last+1:])
	if len(joined)-last-1 == 3 { // thousands
		add(digits.Replace(joined))
	}
	return values
}

// numberWord is the number from 1 to 20 that a folded word of any of the five languages says, 0 for none. Words that
// are something else in another of them, such as "neuf", "dos" or "set", are left out.
func numberWord(word string) int {
	for i, words := range [...]string{2: "deux two", 3: "trois three twa", 4: "quatre four cuatro kat", 5: "cinq five cinco senk", 6: "six seis",
		7: "sept seven siete", 8: "huit eight ocho", 9: "nine nueve", 10: "dix ten diez", 11: "onze eleven", 12: "douze twelve doce",
		13: "treize thirteen trece", 14: "quatorze fourteen catorce katoz", 15: "quinze fifteen quince", 16: "seize sixteen dieciseis",
		17: "dix-sept seventeen diecisiete", 18: "dix-huit eighteen dieciocho", 19: "dix-neuf nineteen diecinueve",
		20: "vingt twenty veinte"} {
		if slices.Contains(strings.Fields(words), word) {
			return i
		}
	}
	return 0
}

// foldPlaced folds text and tells of each byte of the result where in text it comes from; one more place stands for the
// end.
func foldPlaced(text string) (folded []byte, places []int) {
	for i := 0; i < len(text); {
		_, size := utf8.DecodeRuneInString(text[i:])
		for _, b := range []byte(fold(text[i : i+size])) {
			folded, places = append(folded, b), append(places, i)
		}
		i += size
	}
	return folded, append(places, len(text))
}

// valuesIn are all that the figures of a text may mean, with the day and the year of each date.
func valuesIn(text string) map[string]bool {
	values := map[string]bool{}
	for _, f := range figuresIn(text) {
		for _, v := range f.values {
			values[v] = true
			if parts := strings.Split(v, "-"); len(parts) > 1 {
				values[strings.Join(parts[len(parts)-2:], "-")] = true
				values[strings.TrimLeft(parts[len(parts)-1], "0")] = true
				values[parts[0]] = true
			}
		}
	}
	return values
}
