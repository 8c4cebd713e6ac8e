package extract

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readCSV reads a table: each record is a row, "column: value; column: value"
// when the first record names the columns, else "value | value".
func readCSV(src *source, d *Document, out *output) error {
	br := bufio.NewReaderSize(src, 64<<10)
	head, err := br.Peek(16 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	base := skipSepLine(br, head)
	r := csv.NewReader(br)
	r.Comma = separator(string(head[base:]))
	r.LazyQuotes = true
	r.FieldsPerRecord = -1
	r.ReuseRecord = true

	var names []string
	var header Block
	for n := 0; ; n++ {
		start := r.InputOffset()
		record, err := r.Read()
		if err == io.EOF && n == 1 && names != nil {
			return out.add(header) // nothing below it: then it is the text
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		// Blank lines before a record count as part of its range.
		from, to := src.place(base+start, base+r.InputOffset())
		if n == 0 && naming(record) {
			header = Block{Role: Row, Text: recordText(nil, record), Start: from, End: to}
			names = append(names, record...)
			for i := range names {
				names[i] = oneLine(names[i])
			}
			continue
		}
		if err := out.add(Block{Role: Row, Text: recordText(names, record), Start: from, End: to}); err != nil {
			return err
		}
	}
}

// skipSepLine skips the "sep=;" line that Excel writes and returns its length.
func skipSepLine(br *bufio.Reader, head []byte) int64 {
	i := strings.IndexByte(string(head[:min(len(head), 16)]), '\n')
	if i < 0 || !strings.HasPrefix(strings.ToLower(string(head[:i])), "sep=") {
		return 0
	}
	n, _ := br.Discard(i + 1)
	return int64(n)
}

// separator returns the separator that cuts the first lines of a file into
// the same number of fields, more than one, most often.
func separator(head string) rune {
	lines := strings.Split(head, "\n")
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // the last one may be cut
	}
	best, bestScore := ',', 0
	for _, sep := range ";,\t|" {
		score, last := 0, -1
		for _, l := range lines {
			if n := countOutside(l, sep); n > 0 {
				score++
				if n == last {
					score += 2
				}
				last = n
			}
		}
		if score > bestScore {
			best, bestScore = sep, score
		}
	}
	return best
}

// countOutside counts sep in a line, outside double quotes.
func countOutside(line string, sep rune) (n int) {
	quoted := false
	for _, r := range line {
		if r == '"' {
			quoted = !quoted
		} else if r == sep && !quoted {
			n++
		}
	}
	return n
}

// naming tells whether the first record names the columns: every field is a
// short text of its own, none is a number.
func naming(record []string) bool {
	seen := make(map[string]bool, len(record))
	for _, f := range record {
		f = strings.TrimSpace(f)
		if f == "" {
			continue
		}
		if _, err := strconv.ParseFloat(strings.Replace(f, ",", ".", 1), 64); err == nil || seen[f] || utf8.RuneCountInString(f) > 60 {
			return false
		}
		seen[f] = true
	}
	return len(seen) > 1 || len(seen) == 1 && len(record) == 1
}

func recordText(names, record []string) string {
	var b strings.Builder
	for i, v := range record {
		v = oneLine(v)
		if v == "" {
			continue
		}
		if names == nil {
			if b.Len() > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(v)
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		if i < len(names) && names[i] != "" {
			b.WriteString(names[i] + ": ")
		}
		b.WriteString(v)
	}
	return b.String()
}

// oneLine is Clean on a single line.
func oneLine(s string) string { return strings.ReplaceAll(Clean(s), "\n", " ") }
