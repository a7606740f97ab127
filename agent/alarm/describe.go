package alarm

import (
	"slices"

	"socketha/peer"
)

func (t *step) tell(kind ActionKind, cause string) {
	t.actions = append(t.actions, Action{Kind: kind, At: t.now, Number: t.Number, Cause: cause})
}

// tellUpdate tells of what changed in an alarm that was open and still is. While
// it flaps, only what raises at once is told: to be quiet is the point of the mark.
func (t *step) tellUpdate(before *Saved) {
	if !before.State.Open() || !t.State.Open() || len(t.actions) > 0 {
		return
	}
	switch {
	case t.Flapping && !before.Flapping:
		t.tell(Updated, CauseFlapping)
	case t.Flapping:
	case before.Flapping:
		t.tell(Updated, CauseSteady)
	case t.Occurrences != before.Occurrences:
		t.tell(Updated, CauseReturned)
	case !sameCodes(before.told(), t.told()):
		cause := CauseReasons
		if t.readiness == peer.Ready {
			cause = CauseReady
		}
		t.tell(Updated, cause)
	}
}

// told returns the codes that were told to stand: right after a restart, those
// from before it.
func (s *Saved) told() []string {
	var codes []string
	for _, r := range s.Spell {
		if r.Code != "" && (s.Resumed && r.Since < s.ResumedAt || !s.Resumed && !r.Dormant) {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// sameCodes reports whether two lists without repetitions hold the same codes.
func sameCodes(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(code string) bool { return !slices.Contains(b, code) })
}

// output describes the cycle as the step leaves it.
func (t *step) output(before *Saved) Output {
	out := Output{
		State: t.State, Since: t.Since, Occurrences: t.Occurrences, Flapping: t.Flapping, Number: t.Number,
		Holds: t.Holds, Transitions: t.transitions, Actions: t.actions,
		Save: len(t.transitions) > 0 || !t.sameAs(before),
	}
	for _, r := range t.Spell {
		if r.Code != "" && !r.Dormant {
			out.Reasons = append(out.Reasons, Reason{Code: r.Code, Since: r.Since})
		}
	}
	due := func(at Instant) {
		if !out.hasDeadline || at < out.deadline {
			out.deadline, out.hasDeadline = at, true
		}
	}
	switch t.State {
	case Pending:
		out.RaiseAt, _ = t.raiseAt()
		due(out.RaiseAt)
	case Clearing:
		due(t.clearAt())
	case Clear:
		if t.Reopenable {
			due(t.ClosedAt.Add(t.cfg.ReopenWithin))
		}
	default:
	}
	if t.Flapping {
		due(t.flappingEnd())
	}
	for _, h := range [...]Hold{t.Holds.Self, t.Holds.Peer, t.Holds.Failover} {
		if h.Declared && !h.Over {
			due(h.End)
		}
	}
	return out
}

// sameAs reports whether a restart from either state would be the same, but for
// the time that has passed.
func (s *Saved) sameAs(o *Saved) bool {
	a, b := *s, *o
	sameSpell := slices.EqualFunc(a.Spell, b.Spell, func(x, y Trouble) bool {
		return x.Code == y.Code && x.Since == y.Since && x.Dormant == y.Dormant
	})
	return sameSpell && slices.Equal(a.Changes, b.Changes) &&
		a.State == b.State && a.Occurrences == b.Occurrences && a.Reopenable == b.Reopenable &&
		a.LastKnown == b.LastKnown && a.Flapping == b.Flapping && a.Resumed == b.Resumed &&
		a.Self == b.Self && a.Peer == b.Peer && a.Failover == b.Failover
}
