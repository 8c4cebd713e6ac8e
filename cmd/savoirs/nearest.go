package main

// nearest returns the word of list closest to wrong by the number of letters
// to add, remove, change or swap, "" when none is close enough to be meant.
func nearest(wrong string, list []string) string {
	best, distance := "", len(wrong)/2+1
	for _, word := range list {
		if d := edits(wrong, word); d < distance {
			best, distance = word, d
		}
	}
	return best
}

// edits is the optimal string alignment distance of two words.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
