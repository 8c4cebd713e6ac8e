package words

import (
	"strconv"
	"strings"
	"time"
)

// nbsp keeps a number and its unit, or a word and its French punctuation, on
// one line.
const nbsp = "\u00a0"

// Bytes writes a size with decimal units and at most three digits: "1,2 Go" in
// French, "1.2 GB" in English.
func (p Pack) Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	if p.Lang == "fr" {
		units = []string{"o", "ko", "Mo", "Go", "To"}
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(units)-1 {
		v /= 1000
		unit++
	}
	digits := 0
	if unit > 0 && v < 9.95 {
		digits = 1
	}
	return p.Decimal(v, digits) + nbsp + units[unit]
}

// Decimal writes v with so many digits after the language's decimal mark.
func (p Pack) Decimal(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if p.Lang == "fr" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// Span writes a length of time for a person, to the second below a minute, to
// the minute below a day: "40 s", "3 min 05 s", "2 h 10 min", "3 j 4 h".
func (p Pack) Span(d time.Duration) string {
	day := "d"
	if p.Lang == "fr" {
		day = "j"
	}
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return num(s, 0) + nbsp + "s"
	case s < 3600:
		return num(s/60, 0) + nbsp + "min" + nbsp + num(s%60, 2) + nbsp + "s"
	case s < 86400:
		return num(s/3600, 0) + nbsp + "h" + nbsp + num(s/60%60, 2) + nbsp + "min"
	}
	return num(s/86400, 0) + nbsp + day + nbsp + num(s/3600%24, 0) + nbsp + "h"
}

func num(n int64, width int) string {
	s := strconv.FormatInt(n, 10)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
