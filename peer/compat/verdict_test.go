package compat_test

import (
	"slices"
	"strings"
	"testing"

	"socketha/peer"
	"socketha/peer/compat"
)

var verdicts = []struct {
	local, remote string
	want          peer.Compatibility
	upgrade       compat.Which
	gap           []int
	summary       string
}{
	{
		"18.0", "15.0", peer.Incompatible, compat.Peer,
		[]int{16, 17, 18},
		"This Socket runs 18.0 and the peer 15.0: upgrade the peer to major version 18.",
	},
	{
		"15.0", "18.0", peer.Incompatible, compat.Local,
		[]int{16, 17, 18},
		"This Socket runs 15.0 and the peer 18.0: upgrade this Socket to major version 18.",
	},
	{
		"18.3.3", "18.4.1", peer.Compatible, compat.Neither, nil,
		"Both Sockets run major version 18: 18.3.3 here and 18.4.1 on the peer.",
	},
	{
		"9.0", "10.0", peer.Incompatible, compat.Local,
		[]int{10},
		"This Socket runs 9.0 and the peer 10.0: upgrade this Socket to major version 10.",
	},
	{
		"18.0", "18..1", peer.CompatibilityUnknown, compat.Neither, nil,
		`The peer's version "18..1" cannot be read: a number is expected at byte 3, not ".".`,
	},
	{
		"18..1", "18.0", peer.CompatibilityUnknown, compat.Neither, nil,
		`This Socket's version "18..1" cannot be read: a number is expected at byte 3, not ".".`,
	},
	{
		"", "<b>", peer.CompatibilityUnknown, compat.Neither, nil,
		`Neither version can be read: this Socket's "": it is empty (byte 0), ` +
			`the peer's "\x3cb\x3e": a number is expected at byte 0, not the byte 0x3c.`,
	},
	// The same unreadable string on both sides is still no agreement.
	{
		"x", "x", peer.CompatibilityUnknown, compat.Neither, nil,
		`Neither version can be read: this Socket's "x": a number is expected at byte 0, not "x", ` +
			`the peer's "x": a number is expected at byte 0, not "x".`,
	},
	{
		"v18.4.1-rc1", "18", peer.Compatible, compat.Neither, nil,
		"Both Sockets run major version 18: v18.4.1-rc1 here and 18 on the peer.",
	},
	// A higher build of a lower major does not count.
	{
		"24.0.22145", "25.0.21964", peer.Incompatible, compat.Local,
		[]int{25},
		"This Socket runs 24.0.22145 and the peer 25.0.21964: upgrade this Socket to major version 25.",
	},
}

func TestJudge(t *testing.T) {
	for _, tt := range verdicts {
		v := compat.Judge(tt.local, tt.remote)
		if v.Compatibility != tt.want || v.Upgrade != tt.upgrade || !slices.Equal(v.GapMajors, tt.gap) {
			t.Errorf("Judge(%q, %q) = %v, upgrade %q, gap %v; want %v, %q, %v", tt.local, tt.remote,
				v.Compatibility, v.Upgrade, v.GapMajors, tt.want, tt.upgrade, tt.gap)
		}
		if v.Local.Raw != tt.local || v.Peer.Raw != tt.remote {
			t.Errorf("Judge(%q, %q) shows %q and %q", tt.local, tt.remote, v.Local.Raw, v.Peer.Raw)
		}
		if got := v.Summary(); got != tt.summary {
			t.Errorf("Judge(%q, %q).Summary():\n got %s\nwant %s", tt.local, tt.remote, got, tt.summary)
		}
	}
}

func TestGapKeepsTheLowest32(t *testing.T) {
	for _, tt := range []struct {
		local, remote string
		first, last   int
		length        int
	}{
		{"0", "32", 1, 32, 32},
		{"0", "33", 1, 32, 32},
		{"999999", "0", 1, 32, 32},
		{"5", "37", 6, 37, 32},
		{"5", "36", 6, 36, 31},
		{"999998", "999999", 999999, 999999, 1},
	} {
		gap := compat.Judge(tt.local, tt.remote).GapMajors
		if len(gap) != tt.length || gap[0] != tt.first || gap[len(gap)-1] != tt.last {
			t.Errorf("gap of %s and %s: %v, want %d majors from %d to %d",
				tt.local, tt.remote, gap, tt.length, tt.first, tt.last)
		}
	}
}

// TestEveryOrderedPair judges every pair of the tables above, both ways round.
func TestEveryOrderedPair(t *testing.T) {
	var all []string
	for _, tt := range readable {
		all = append(all, tt.version)
	}
	for _, tt := range unreadable {
		all = append(all, tt.version)
	}
	for _, line := range ascending {
		all = append(all, line...)
	}
	for _, a := range all {
		for _, b := range all {
			if fault := checkPair(a, b); fault != "" {
				t.Errorf("%q and %q: %s", compat.Show(a), compat.Show(b), fault)
			}
		}
	}
}

// checkPair holds the promises of the package on one ordered pair and returns
// the one that is broken, or "".
func checkPair(a, b string) string {
	here, there := compat.Judge(a, b), compat.Judge(b, a)
	mirrored := map[compat.Which]compat.Which{
		compat.Neither: compat.Neither, compat.Local: compat.Peer, compat.Peer: compat.Local,
	}
	va, errA := compat.Parse(a)
	vb, errB := compat.Parse(b)
	readable := errA == nil && errB == nil
	switch {
	case here.Compatibility != there.Compatibility:
		return "the two Sockets disagree"
	case there.Upgrade != mirrored[here.Upgrade]:
		return "the two Sockets name different Sockets"
	case !slices.Equal(here.GapMajors, there.GapMajors):
		return "the two Sockets see different gaps"
	case !readable && here.Compatibility != peer.CompatibilityUnknown:
		return "a verdict over a version that cannot be read"
	case readable && (here.Compatibility == peer.Compatible) != (va.Major() == vb.Major()):
		return "compatible is not the same as equal majors"
	case readable && here.Compatibility == peer.CompatibilityUnknown:
		return "no verdict over readable versions"
	case (here.Compatibility == peer.Incompatible) != (here.Upgrade != compat.Neither):
		return "a Socket named without need, or none named"
	case here.Upgrade == compat.Local && va.Major() >= vb.Major():
		return "the higher Socket is named"
	}
	if fault := checkGap(here, va.Major(), vb.Major()); fault != "" {
		return fault
	}
	return checkSummary(here.Summary())
}

func checkGap(v compat.Verdict, a, b int) string {
	if v.Compatibility != peer.Incompatible {
		if v.GapMajors != nil {
			return "a gap without incompatibility"
		}
		return ""
	}
	low, high := min(a, b), max(a, b)
	if len(v.GapMajors) != min(high-low, compat.MaxGapMajors) {
		return "a gap of the wrong length"
	}
	for i, major := range v.GapMajors {
		if major != low+1+i || major > high {
			return "a major in the gap that is none"
		}
	}
	return ""
}

func checkSummary(s string) string {
	switch {
	case len(s) > 400:
		return "the summary is too long"
	case !strings.HasSuffix(s, "."):
		return "the summary is no sentence"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return "the summary is not plain"
	}
	return ""
}

func TestZeroVerdictIsUnknown(t *testing.T) {
	var v compat.Verdict
	if v.Compatibility != peer.CompatibilityUnknown || v.Upgrade != compat.Neither {
		t.Errorf("zero verdict: %+v", v)
	}
	if fault := checkSummary(v.Summary()); fault != "" {
		t.Errorf("zero verdict: %s: %q", fault, v.Summary())
	}
}

func TestWhichWords(t *testing.T) {
	for which, want := range map[compat.Which]string{
		compat.Neither: "", compat.Local: "local", compat.Peer: "peer", compat.Which(9): "",
	} {
		if which.String() != want {
			t.Errorf("Which(%d) = %q, want %q", which, which, want)
		}
	}
}
