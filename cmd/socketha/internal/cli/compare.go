package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"socketha/peer"
	"socketha/peer/compat"
)

// comparison is the JSON of compare (contract section 6).
type comparison struct {
	Verdict   string   `json:"verdict"`
	Local     compared `json:"local"`
	Peer      compared `json:"peer"`
	Upgrade   string   `json:"upgrade"`
	GapMajors []int    `json:"gap_majors"`
	Summary   string   `json:"summary"`
}

// compared is one of the two versions.
type compared struct {
	Version string  `json:"version"` // escaped, at most 64 bytes
	Major   *int    `json:"major"`   // null if unreadable
	Error   *string `json:"error"`   // why it is unreadable, else null
}

func runCompare(_ context.Context, c *call) (Exit, error) {
	v := compat.Judge(c.args[0], c.args[1])
	exit := map[peer.Compatibility]Exit{peer.Compatible: ExitOK, peer.Incompatible: ExitNotReady}[v.Compatibility]
	if v.Compatibility == peer.CompatibilityUnknown {
		exit = ExitUnknown
	}
	if form := c.flag("o"); form != "table" {
		return exit, writeForm(c.Stdout, form, comparisonOf(v))
	}
	_, err := io.WriteString(c.Stdout, compareTable(v, styleFor(c.Env)))
	return exit, err
}

func comparisonOf(v compat.Verdict) comparison {
	gap := v.GapMajors
	if gap == nil {
		gap = []int{}
	}
	return comparison{
		Verdict: v.Compatibility.String(), Local: comparedOf(v.Local), Peer: comparedOf(v.Peer),
		Upgrade: v.Upgrade.String(), GapMajors: gap, Summary: v.Summary(),
	}
}

func comparedOf(s compat.Side) compared {
	side := compared{Version: compat.Show(s.Raw)}
	if s.Err != nil {
		text := s.Err.Error()
		side.Error = &text
		return side
	}
	major := s.Version.Major()
	side.Major = &major
	return side
}

// compareTable renders the verdict for people.
func compareTable(v compat.Verdict, s style) string {
	t := map[peer.Compatibility]tone{peer.Compatible: good, peer.Incompatible: bad, peer.CompatibilityUnknown: unsure}[v.Compatibility]
	var b strings.Builder
	b.WriteString(s.badge(t, s.symbol(t)+" "+strings.ToUpper(v.Compatibility.String())) + "\n")
	writeWrapped(&b, "  ", v.Summary(), s.columns)
	b.WriteByte('\n')
	p := pairTable{style: s}
	p.row("", entry{"A: this Socket", strong}, entry{"B: peer", strong})
	p.row("Version", versionEntry(v.Local, v.Upgrade == compat.Local, s), versionEntry(v.Peer, v.Upgrade == compat.Peer, s))
	p.row("Major", majorEntry(v.Local, s), majorEntry(v.Peer, s))
	if len(v.GapMajors) > 0 {
		gap := gapText(v)
		if v.Upgrade == compat.Local {
			p.row("Majors it lacks", entry{text: gap}, entry{})
		} else {
			p.row("Majors it lacks", entry{}, entry{text: gap})
		}
	}
	b.WriteString(p.String())
	return b.String()
}

func versionEntry(side compat.Side, lower bool, s style) entry {
	text := compat.Show(side.Raw)
	switch {
	case side.Err != nil:
		return entry{text: `"` + text + `" is unreadable`, tone: unsure}
	case lower:
		return entry{text: text + " " + s.lower(), tone: bad}
	}
	return entry{text: text}
}

func majorEntry(side compat.Side, s style) entry {
	if side.Err != nil {
		return entry{text: s.dash(), tone: faint}
	}
	return entry{text: strconv.Itoa(side.Version.Major())}
}

// gapText lists the majors of the gap, and says so where there are more.
func gapText(v compat.Verdict) string {
	words := make([]string, len(v.GapMajors))
	for i, m := range v.GapMajors {
		words[i] = strconv.Itoa(m)
	}
	text := strings.Join(words, ", ")
	high := max(v.Local.Version.Major(), v.Peer.Version.Major())
	if last := v.GapMajors[len(words)-1]; last < high {
		text += fmt.Sprintf(" and on to %d", high)
	}
	return text
}
