package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// printable escapes what could steer a terminal. The agent has escaped what
// came from the peer already; this guards against whatever else answers at the
// socket, and against the command's own arguments. Line feeds stay.
func printable(s string) string {
	plain := func(r rune) bool { return r == '\n' || strconv.IsPrint(r) && r != utf8.RuneError }
	if !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case plain(r):
			b.WriteRune(r)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// cell is printable text on one line.
func cell(s string) string {
	return strings.ReplaceAll(printable(s), "\n", `\n`)
}

// runes is the width of s on a terminal, as far as one character is one column.
func runes(s string) int { return utf8.RuneCountInString(s) }

// fill pads s with spaces to width.
func fill(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-runes(s)))
}

// wrap breaks text at spaces into lines of at most width; a longer word is
// broken behind its last "-" or "/" that fits, else where it has to be. Never empty.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && runes(line)+1+runes(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
		for runes(line) > width {
			r := []rune(line)
			n := breakAt(r[:width])
			lines = append(lines, string(r[:n]))
			line = string(r[n:])
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// breakAt returns how much of a part of a word to keep in its line: not less than
// half of it.
func breakAt(part []rune) int {
	for n := len(part); n > len(part)/2; n-- {
		if part[n-1] == '-' || part[n-1] == '/' {
			return n
		}
	}
	return len(part)
}

// writeWrapped writes text wrapped to width, behind first; further lines are
// indented as far as first is long.
func writeWrapped(b *strings.Builder, first, text string, width int) {
	indent := runes(first)
	for i, line := range wrap(text, width-indent) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		b.WriteString(strings.TrimRight(first+line, " ") + "\n")
	}
}

// age says how long d is, in the two largest units that matter to a person.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 10*time.Minute && d%time.Minute >= time.Second:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day && d%time.Hour >= time.Minute:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 10*day && d%day >= time.Hour:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	}
	return fmt.Sprintf("%d d", d/day)
}
