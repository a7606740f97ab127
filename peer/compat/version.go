package compat

import (
	"fmt"
	"slices"

	"socketha/peer"
)

const (
	maxNumbers = 4
	maxDigits  = 6
)

// Version is a firmware version that could be read. The zero Version is what
// [Parse] returns beside an error; it stands for no version.
type Version struct {
	numbers [maxNumbers]uint32 // each below 10^maxDigits; missing ones are 0
	raw     string             // as stated, ASCII by the grammar
}

// Parse reads a firmware version (grammar in the package comment). The error is
// a *[ParseError]: it says what is wrong and at which byte. It allocates
// nothing for a version that reads.
func Parse(s string) (Version, error) {
	if s == "" {
		return Version{}, &ParseError{Problem: ProblemEmpty}
	}
	if len(s) > peer.MaxVersion {
		return Version{}, &ParseError{Problem: ProblemTooLong, Offset: peer.MaxVersion}
	}
	v := Version{raw: s}
	at := 0
	if s[0] == 'v' {
		at = 1
	}
	for i := range v.numbers {
		n, next, problem := number(s, at)
		if problem != problemNone {
			return Version{}, newParseError(problem, s, next)
		}
		v.numbers[i], at = n, next
		if at == len(s) || s[at] != '.' {
			if fault := checkSuffix(s, at); fault != nil {
				return Version{}, fault
			}
			return v, nil
		}
		at++
	}
	return Version{}, newParseError(ProblemTooManyNumbers, s, at-1)
}

// number reads the number that starts at s[at] and returns the offset behind
// it, or the offset of what is wrong.
func number(s string, at int) (n uint32, next int, problem Problem) {
	start := at
	for at < len(s) && s[at] >= '0' && s[at] <= '9' {
		if at-start == maxDigits {
			return 0, at, ProblemTooManyDigits
		}
		n = n*10 + uint32(s[at]-'0')
		at++
	}
	switch {
	case at == start:
		return 0, at, ProblemNoNumber
	case s[start] == '0' && at-start > 1:
		return 0, start, ProblemLeadingZero
	}
	return n, at, problemNone
}

// checkSuffix checks s from the end of its numbers on; nil means that nothing
// is wrong there.
func checkSuffix(s string, at int) *ParseError {
	if at == len(s) {
		return nil
	}
	if s[at] != '-' && s[at] != '+' {
		return newParseError(ProblemUnexpected, s, at)
	}
	if at+1 == len(s) {
		return newParseError(ProblemEmptySuffix, s, at+1)
	}
	for i := at + 1; i < len(s); i++ {
		if !isSuffix(s[i]) {
			return newParseError(ProblemUnexpected, s, i)
		}
	}
	return nil
}

func isSuffix(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '-'
}

// Major returns the first number, 0 to 999999: the only one that decides.
func (v Version) Major() int { return int(v.numbers[0]) }

// String returns the version as it was stated, with its prefix and suffix. It
// is plain ASCII and safe to show.
func (v Version) String() string { return v.raw }

// Compare orders versions number by number and returns -1, 0 or +1. Missing
// numbers count as 0 and suffixes do not count, so 18, v18.0 and 18.0.0-rc1 are
// equal.
func (v Version) Compare(w Version) int {
	return slices.Compare(v.numbers[:], w.numbers[:])
}

// Problem is the kind of fault that makes a version unreadable.
type Problem uint8

// Problems, each with the place its offset points at.
const (
	problemNone           Problem = iota
	ProblemEmpty                  // nothing there; 0
	ProblemTooLong                // more than 64 bytes; the first byte too many
	ProblemNoNumber               // no digit where a number must start; that place
	ProblemLeadingZero            // a number such as 018; that zero
	ProblemTooManyDigits          // more than 6 digits; the seventh
	ProblemTooManyNumbers         // more than 4 numbers; the fourth dot
	ProblemEmptySuffix            // nothing after - or +; the end
	ProblemUnexpected             // a byte the grammar does not have there; that byte
)

// ParseError tells why a version cannot be read.
type ParseError struct {
	Problem Problem
	Offset  int // byte, counted from 0; at most 64

	found    byte // what stands at Offset
	hasFound bool // false at the end of the string
}

func newParseError(p Problem, s string, at int) *ParseError {
	e := &ParseError{Problem: p, Offset: at}
	if at < len(s) {
		e.found, e.hasFound = s[at], true
	}
	return e
}

// Error says what is wrong and at which byte, counted from 0. The text is plain
// ASCII whatever the version held, and at most 100 bytes long.
func (e *ParseError) Error() string {
	switch e.Problem {
	case ProblemEmpty:
		return "it is empty (byte 0)"
	case ProblemTooLong:
		return fmt.Sprintf("it is longer than %d bytes (byte %d)", peer.MaxVersion, e.Offset)
	case ProblemNoNumber:
		return fmt.Sprintf("a number is expected at byte %d, not %s", e.Offset, e.what())
	case ProblemLeadingZero:
		return fmt.Sprintf("the number at byte %d has a leading zero", e.Offset)
	case ProblemTooManyDigits:
		return fmt.Sprintf("a number has more than %d digits at byte %d", maxDigits, e.Offset)
	case ProblemTooManyNumbers:
		return fmt.Sprintf("there are more than %d numbers at byte %d", maxNumbers, e.Offset)
	case ProblemEmptySuffix:
		return fmt.Sprintf("the suffix is empty at byte %d", e.Offset)
	case ProblemUnexpected, problemNone:
	}
	return fmt.Sprintf("unexpected %s at byte %d", e.what(), e.Offset)
}

// what names the byte at fault: itself where it is plain, its value elsewhere.
func (e *ParseError) what() string {
	switch {
	case !e.hasFound:
		return "the end"
	case isPlain(e.found):
		return fmt.Sprintf("%q", string(rune(e.found)))
	}
	return fmt.Sprintf("the byte 0x%02x", e.found)
}
