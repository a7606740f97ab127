package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems bounds what one reading reports. A file with more is not a
// configuration with mistakes but some other file.
const maxProblems = 50

// Position is a place in a file. Both count from 1; the column counts
// characters, not bytes, as editors do.
type Position struct {
	Line, Column int
}

// String returns "line:column".
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Problem is one thing wrong with a file.
type Problem struct {
	File string
	At   Position
	Key  string // dotted; empty where no key can be named
	// Value is what the file says, as written, escaped and cut to 80 bytes;
	// empty where it says nothing.
	Value string
	What  string // what is wrong and, where a value is, what is accepted
}

// Error returns the problem as one line, in the form that editors and terminals
// turn into a link: "file:line:column: key = value: what is wrong".
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%s: ", p.File, p.At)
	switch {
	case p.Key != "" && p.Value != "":
		fmt.Fprintf(&b, "%s = %s: ", p.Key, p.Value)
	case p.Key != "":
		fmt.Fprintf(&b, "%s: ", p.Key)
	case p.Value != "":
		fmt.Fprintf(&b, "%s: ", p.Value)
	}
	b.WriteString(p.What)
	return b.String()
}

// Problems is everything wrong with a file, in its order; never empty as an
// error.
type Problems []Problem

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	if more := len(ps) - maxProblems; more > 0 {
		last := ps[maxProblems-1]
		ps = append(ps[:maxProblems:maxProblems], Problem{
			File: last.File, At: last.At, What: fmt.Sprintf("%d more problems follow", more),
		})
	}
	return ps
}
