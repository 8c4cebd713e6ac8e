package extract

import (
	"regexp"
	"slices"
	"strings"
)

// running finds the headers and footers that come back on three pages or more,
// up to the numbers in them, and page numbers.
func running(pages []pdfPage) map[string]bool {
	seen := map[string]int{}
	for _, p := range pages {
		keys := map[string]bool{}
		for _, at := range margins(p.lines) {
			keys[lineKey(p.lines[at].text)] = true
		}
		for k := range keys {
			seen[k]++
		}
	}
	repeat := map[string]bool{}
	for k, n := range seen {
		if n >= 3 || folio.MatchString(k) && n >= 2 && n == len(pages) {
			repeat[k] = true
		}
	}
	return repeat
}

// margins returns the indexes of the two highest and the two lowest lines.
func margins(lines []pdfLine) []int {
	at := make([]int, len(lines))
	for i := range at {
		at[i] = i
	}
	if len(at) <= 4 {
		return at
	}
	slices.SortStableFunc(at, func(a, b int) int {
		switch {
		case lines[a].first > lines[b].first:
			return -1
		case lines[a].first < lines[b].first:
			return 1
		}
		return 0
	})
	return append(at[:2:2], at[len(at)-2:]...)
}

// lineKey writes a line so that it is the same on every page.
func lineKey(s string) string {
	return strings.ToLower(number.ReplaceAllString(oneLine(s), "#"))
}

// leaders are the dots between a title and its page number.
var leaders = regexp.MustCompile(`(?:\s*[.·…]){5,}`)

var (
	number = regexp.MustCompile(`\d+`)
	// folio is the key of a page number alone.
	folio = regexp.MustCompile(`^(?:page |p\. ?)?[-–— ]*#[-–— ]*(?:(?:/|sur|of|de) ?#)?$`)
)
