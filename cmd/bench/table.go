package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// median of some numbers: the middle one, or the mean of the middle two.
func median(all []float64) (float64, bool) {
	if len(all) == 0 {
		return 0, false
	}
	all = slices.Sorted(slices.Values(all))
	mid := len(all) / 2
	if len(all)%2 == 1 {
		return all[mid], true
	}
	return (all[mid-1] + all[mid]) / 2, true
}

// number prints three digits that count, and all of a large number.
func number(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	s := strconv.FormatFloat(v, 'f', max(digits, 0), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// printTable prints a row: medians of each program, then each demand with what
// was reached.
func printTable(w io.Writer, r row, t table) {
	fmt.Fprintf(w, "\n%s: %s\n", r.name, r.what)
	cells := [][]string{append([]string{""}, r.metrics...)}
	for _, l := range t.Lines {
		c := []string{l.Name}
		for _, m := range r.metrics {
			v, ok := l.median(m)
			if !ok {
				c = append(c, "-")
				continue
			}
			c = append(c, number(v))
		}
		cells = append(cells, c)
	}
	notes := make([]string, len(cells))
	for i, l := range t.Lines {
		notes[i+1] = l.Missing
	}
	printCells(w, cells, notes)
	for _, d := range r.demands {
		value, ok, judged := d.judge(t)
		verdict := "pass"
		switch {
		case !judged:
			fmt.Fprintf(w, "  ?     %s: not measured\n", d)
			continue
		case math.IsNaN(value):
			fmt.Fprintf(w, "  SHORT %s: a run failed\n", d)
			continue
		case !ok:
			verdict = "SHORT"
		}
		fmt.Fprintf(w, "  %-5s %s: %s\n", verdict, d, number(value))
	}
}

// printCells aligns the first column left and the others right.
func printCells(w io.Writer, cells [][]string, notes []string) {
	width := make([]int, len(cells[0]))
	for _, c := range cells {
		for i, s := range c {
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	for i, c := range cells {
		var b strings.Builder
		for j, s := range c {
			pad := strings.Repeat(" ", width[j]-utf8.RuneCountInString(s))
			if j == 0 {
				b.WriteString("  " + s + pad)
			} else {
				b.WriteString("  " + pad + s)
			}
		}
		if notes[i] != "" {
			b.WriteString("  " + oneLine(notes[i]))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// oneLine keeps the start of a text that a program printed.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	return s
}

// printAsked names a row and what is asked in it.
func printAsked(w io.Writer, r row) {
	fmt.Fprintf(w, "%s: %s\n", r.name, r.what)
	for _, d := range r.demands {
		fmt.Fprintf(w, "  %s\n", d)
	}
}
