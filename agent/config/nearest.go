package config

import "strings"

// Nearest returns the one of words that word was most likely meant to be, or ""
// if none is close: at most a third of the letters differ (a swap of two
// neighbours counts as one), or word is a part of exactly one of them.
func Nearest(word string, words []string) string {
	best, bestDistance := "", 1<<30
	for _, w := range words {
		limit := max(len(w), len(word)) / 3
		if d := distance(strings.ToLower(word), w); d <= limit && d < bestDistance {
			best, bestDistance = w, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, w := range words {
		if !strings.Contains(w, strings.ToLower(word)) {
			continue
		}
		if best != "" {
			return ""
		}
		best = w
	}
	return best
}

// distance is the optimal string alignment distance in bytes: insertions,
// deletions, replacements and swaps of neighbours.
func distance(a, b string) int {
	const longest = 64 // longer words are no typos of a key
	if len(a) > longest || len(b) > longest {
		return 1 << 30
	}
	var rows [3][longest + 1]int
	before, above, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := above[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
