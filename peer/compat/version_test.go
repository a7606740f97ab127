package compat_test

import (
	"errors"
	"strings"
	"testing"

	"socketha/peer/compat"
)

// readable are versions of the contract and edges of the grammar.
var readable = []struct {
	version string
	major   int
}{
	{"18", 18},
	{"18.0", 18},
	{"18.3.3", 18},
	{"25.0.22707", 25},
	{"v18.3", 18},
	{"18.4.1-rc1", 18},
	{"0", 0},
	{"0.0.0.0", 0},
	{"1.2.3.4", 1},
	{"999999.999999.999999.999999", 999999},
	{"18+build.7", 18},
	{"18.0--", 18},
	{"18.0-.", 18},
	{"18.0-1-2.x", 18},
	{"1-" + strings.Repeat("a", 62), 1},
}

// unreadable are the contract's counter-examples, faults at every place and
// what a hostile peer may send.
var unreadable = []struct {
	version string
	problem compat.Problem
	offset  int
	message string
}{
	{"18..1", compat.ProblemNoNumber, 3, `a number is expected at byte 3, not "."`},
	{".18", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not "."`},
	{"+18", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not "+"`},
	{"0x12", compat.ProblemUnexpected, 1, `unexpected "x" at byte 1`},
	{"1_8", compat.ProblemUnexpected, 1, `unexpected "_" at byte 1`},
	{"٣.1", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not the byte 0xd9`},
	{" 18.0", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not " "`},
	{"", compat.ProblemEmpty, 0, `it is empty (byte 0)`},
	{"v", compat.ProblemNoNumber, 1, `a number is expected at byte 1, not the end`},
	{"V18", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not "V"`},
	{"vv18", compat.ProblemNoNumber, 1, `a number is expected at byte 1, not "v"`},
	{"18.0 ", compat.ProblemUnexpected, 4, `unexpected " " at byte 4`},
	{"18.0\n", compat.ProblemUnexpected, 4, `unexpected the byte 0x0a at byte 4`},
	{"18.0\x00", compat.ProblemUnexpected, 4, `unexpected the byte 0x00 at byte 4`},
	{"18.", compat.ProblemNoNumber, 3, `a number is expected at byte 3, not the end`},
	{"18.x", compat.ProblemNoNumber, 3, `a number is expected at byte 3, not "x"`},
	{"-1", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not "-"`},
	{"18.-1", compat.ProblemNoNumber, 3, `a number is expected at byte 3, not "-"`},
	{"018", compat.ProblemLeadingZero, 0, `the number at byte 0 has a leading zero`},
	{"18.00", compat.ProblemLeadingZero, 3, `the number at byte 3 has a leading zero`},
	{"1000000", compat.ProblemTooManyDigits, 6, `a number has more than 6 digits at byte 6`},
	{"18.0000000", compat.ProblemTooManyDigits, 9, `a number has more than 6 digits at byte 9`},
	{"1.2.3.4.5", compat.ProblemTooManyNumbers, 7, `there are more than 4 numbers at byte 7`},
	{"18-", compat.ProblemEmptySuffix, 3, `the suffix is empty at byte 3`},
	{"18.0+", compat.ProblemEmptySuffix, 5, `the suffix is empty at byte 5`},
	{"18-rc1+b2", compat.ProblemUnexpected, 6, `unexpected "+" at byte 6`},
	{"18-ü", compat.ProblemUnexpected, 3, `unexpected the byte 0xc3 at byte 3`},
	{"18,0", compat.ProblemUnexpected, 2, `unexpected "," at byte 2`},
	{"18e3", compat.ProblemUnexpected, 2, `unexpected "e" at byte 2`},
	{"18.0\x1b[2J", compat.ProblemUnexpected, 4, `unexpected the byte 0x1b at byte 4`},
	{"１８.0", compat.ProblemNoNumber, 0, `a number is expected at byte 0, not the byte 0xef`},
	{"1-" + strings.Repeat("a", 63), compat.ProblemTooLong, 64, `it is longer than 64 bytes (byte 64)`},
	{strings.Repeat("9", 1<<20), compat.ProblemTooLong, 64, `it is longer than 64 bytes (byte 64)`},
}

func TestParseReads(t *testing.T) {
	for _, tt := range readable {
		v, err := compat.Parse(tt.version)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.version, err)
			continue
		}
		if v.Major() != tt.major || v.String() != tt.version {
			t.Errorf("Parse(%q) = %v with major %d, want it back with major %d", tt.version, v, v.Major(), tt.major)
		}
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, tt := range unreadable {
		name := compat.Show(tt.version)
		v, err := compat.Parse(tt.version)
		var fault *compat.ParseError
		if !errors.As(err, &fault) {
			t.Errorf("Parse(%q): error %v (%T), want a *ParseError", name, err, err)
			continue
		}
		if fault.Problem != tt.problem || fault.Offset != tt.offset {
			t.Errorf("Parse(%q): problem %d at byte %d, want %d at %d",
				name, fault.Problem, fault.Offset, tt.problem, tt.offset)
		}
		if err.Error() != tt.message {
			t.Errorf("Parse(%q): %q, want %q", name, err, tt.message)
		}
		if v != (compat.Version{}) {
			t.Errorf("Parse(%q): an unreadable version left %+v behind", name, v)
		}
	}
}

// ascending lists versions in order; those of one line are equal.
var ascending = [][]string{
	{"0", "0.0.0.0", "v0"},
	{"0.0.0.1"},
	{"9", "9.0", "v9.0.0-rc1", "9+x"},
	{"9.999999.999999.999999"},
	{"10.0"},
	{"15.0.2"},
	{"18.3.3"},
	{"18.4.1", "18.4.1-rc1", "18.4.1.0"},
	{"24.0.22145"},
	{"25.0.21964"},
	{"25.0.22707"},
	{"999999"},
}

func TestCompareGoesNumberByNumber(t *testing.T) {
	for i, line := range ascending {
		for j, other := range ascending {
			for _, a := range line {
				for _, b := range other {
					if got := mustParse(t, a).Compare(mustParse(t, b)); got != sign(i-j) {
						t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, sign(i-j))
					}
				}
			}
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func mustParse(tb testing.TB, s string) compat.Version {
	tb.Helper()
	v, err := compat.Parse(s)
	if err != nil {
		tb.Fatalf("Parse(%q): %v", s, err)
	}
	return v
}
