package compat_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"socketha/peer"
	"socketha/peer/compat"
)

// grammar is the contract's grammar once more, by other means.
var grammar = regexp.MustCompile(`^v?(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,3}([-+][0-9A-Za-z.-]+)?$`)

func reads(s string) bool {
	return len(s) <= peer.MaxVersion && grammar.MatchString(s)
}

// readableVersions draws from few enough majors that equal ones come up.
func readableVersions() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var numbers []string
		numbers = append(numbers, fmt.Sprint(rapid.OneOf(
			rapid.IntRange(0, 40), rapid.IntRange(0, 999999)).Draw(t, "major")))
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			numbers = append(numbers, fmt.Sprint(rapid.IntRange(0, 999999).Draw(t, "number")))
		}
		return rapid.SampledFrom([]string{"", "v"}).Draw(t, "prefix") +
			strings.Join(numbers, ".") +
			rapid.StringMatching(`([-+][0-9A-Za-z.-]{1,20})?`).Draw(t, "suffix")
	})
}

// anyVersions mixes readable versions, near misses and noise.
func anyVersions() *rapid.Generator[string] {
	return rapid.OneOf(
		readableVersions(),
		rapid.StringMatching(`[v0-9.+x_ -]{0,12}`),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.IntRange(60, 70), func(n int) string { return "1-" + strings.Repeat("a", n-2) }),
	)
}

func TestParseIsTheGrammar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyVersions().Draw(t, "version")
		if _, err := compat.Parse(s); (err == nil) != reads(s) {
			t.Fatalf("Parse(%q): %v; the grammar says %t", s, err, reads(s))
		}
	})
}

func TestJudgeIsSymmetricAndTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyVersions().Draw(t, "local"), anyVersions().Draw(t, "remote")
		if fault := checkPair(a, b); fault != "" {
			t.Fatal(fault)
		}
	})
}

func TestOnlyTheMajorDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := readableVersions().Draw(t, "local"), readableVersions().Draw(t, "remote")
		bare := func(s string) string {
			v, err := compat.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(v.Major())
		}
		full, short := compat.Judge(a, b), compat.Judge(bare(a), bare(b))
		if full.Compatibility != short.Compatibility || full.Upgrade != short.Upgrade {
			t.Fatalf("%v %v, by majors alone %v %v",
				full.Compatibility, full.Upgrade, short.Compatibility, short.Upgrade)
		}
	})
}

func TestCompareIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var v [3]compat.Version
		for i := range v {
			var err error
			if v[i], err = compat.Parse(readableVersions().Draw(t, "version")); err != nil {
				t.Fatal(err)
			}
			if v[i].Compare(v[i]) != 0 {
				t.Fatal("a version differs from itself")
			}
		}
		if v[0].Compare(v[1]) != -v[1].Compare(v[0]) {
			t.Fatal("not antisymmetric")
		}
		if v[0].Compare(v[1]) <= 0 && v[1].Compare(v[2]) <= 0 && v[0].Compare(v[2]) > 0 {
			t.Fatal("not transitive")
		}
		if v[0].Major() < v[1].Major() && v[0].Compare(v[1]) >= 0 {
			t.Fatal("majors do not lead")
		}
	})
}

func TestShownIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if fault := checkShown(anyVersions().Draw(t, "version")); fault != "" {
			t.Fatal(fault)
		}
	})
}
