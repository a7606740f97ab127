package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"socketha/scripts/bench/rig"
)

// blurredBy is how long the making of a process may take. Beyond that the machine
// was busy with something else and the run says nothing of the agent.
const blurredBy = 20 * time.Millisecond

// blurred reports whether a start took too long to count, and keeps count.
func (l *lab) blurred(begun, made time.Time) bool {
	if made.Sub(begun) <= blurredBy {
		return false
	}
	l.add("runs left out: the machine took over 20 ms to make a process", "ms", nil, ms(made.Sub(begun)))
	return true
}

// slowest keeps what both agents logged in the slowest run of a name, for -v.
type slowest struct {
	took time.Duration
	text string
}

// timeline remembers the run if it is the slowest so far. Times are the agents'
// own stamps, from begun on.
func (l *lab) timeline(ctx context.Context, name string, took time.Duration, begun time.Time, p *rig.Pair, since map[*rig.Box]int) {
	if !l.verbose || took <= l.slow[name].took {
		return
	}
	type entry struct {
		side string
		line rig.Line
	}
	var all []entry
	for side, b := range sides(p) {
		for _, line := range b.Log.Since(since[b]) {
			if !line.Said.IsZero() {
				all = append(all, entry{side, line})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.line.Said.UnixNano(), b.line.Said.UnixNano()) })
	var text strings.Builder
	fmt.Fprintf(&text, "slowest run of %q, %.1f ms:", name, ms(took))
	for _, e := range all {
		fmt.Fprintf(&text, "\n      %+9.2f ms  %-9s  %s", ms(rig.Between(begun, e.line.Said)), e.side, e.line.Summary())
	}
	for _, side := range sideNames {
		if doc, err := sides(p)[side].Ask(ctx); err == nil {
			fmt.Fprintf(&text, "\n      rejected by the %s so far: %s", side, rejections(nil, doc.Link.Rejected))
		}
	}
	if l.slow == nil {
		l.slow = map[string]slowest{}
	}
	l.slow[name] = slowest{took, text.String()}
}

// tell prints the slowest runs.
func (l *lab) tell() {
	for _, name := range slices.Sorted(maps.Keys(l.slow)) {
		l.say("%s", l.slow[name].text)
	}
}
