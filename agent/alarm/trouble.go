package alarm

import (
	"math"
	"slices"
	"time"

	"socketha/peer"
)

// remember keeps the reasons that stand, each since when and for how long held.
// held is how much of the time since the last step was. Not being connected is a
// reason even where only the condition says so, since its delay is its own.
func (t *step) remember(in *Input, held time.Duration) {
	if t.readiness == peer.Ready {
		t.Spell = nil
		return
	}
	old := t.Spell
	spell := make([]Trouble, 1, 2+len(old)+min(len(in.Reasons), MaxReasons))
	spell[0] = t.trouble(old, "", t.now, held)
	for _, r := range in.Reasons {
		if !remembered(r.Code) {
			continue
		}
		one := t.trouble(old, r.Code, stated(r.Since, t.now), held)
		if i := find(spell, r.Code); i >= 0 {
			if one.Since < spell[i].Since {
				spell[i] = one
			}
		} else if len(spell) < MaxReasons {
			spell = append(spell, one)
		}
	}
	if in.Conditions.Connected == ConditionFail && find(spell, CodeDisconnected) < 0 {
		spell = append(spell, t.trouble(old, CodeDisconnected, t.now, held))
	}
	if t.Resumed && t.readiness == peer.ReadinessUnknown {
		spell = appendDormant(spell, old, held)
	}
	t.Spell = spell
}

// trouble returns the reason as it stands now. One that stood at the last step
// goes on: an agent that restarted states it anew, but it is the same.
func (t *step) trouble(old []Trouble, code string, since Instant, held time.Duration) Trouble {
	if i := find(old, code); i >= 0 {
		return Trouble{Code: code, Since: min(old[i].Since, since), Held: old[i].Held + held}
	}
	return Trouble{Code: code, Since: since, Held: t.Holds.covered(since, t.now)}
}

// appendDormant keeps what was known before a restart for as long as nothing is
// known after it.
func appendDormant(spell, old []Trouble, held time.Duration) []Trouble {
	for _, r := range old {
		if find(spell, r.Code) < 0 && len(spell) <= MaxReasons {
			r.Held, r.Dormant = r.Held+held, true
			spell = append(spell, r)
		}
	}
	return spell
}

func find(list []Trouble, code string) int {
	return slices.IndexFunc(list, func(r Trouble) bool { return r.Code == code })
}

// firstReason names the trouble that begins.
func (t *step) firstReason() string {
	for _, r := range t.Spell {
		if r.Code != "" && !r.Dormant {
			return r.Code
		}
	}
	if t.readiness == peer.NotReady {
		return CauseNotReady
	}
	return CauseUnknown
}

// raiseAt returns when the pending alarm is due and what makes it so: the
// earliest deadline of all reasons, and of the spell itself, so that reasons
// which take turns cannot hide that the pair is not ready. What a hold covers
// does not count, and the hold that runs now is expected to run to its end.
func (t *step) raiseAt() (at Instant, cause string) {
	var rest time.Duration
	if t.Holds.Held {
		rest = t.Holds.Until.Sub(t.now)
	}
	at = math.MaxInt64
	for _, r := range t.Spell {
		if r.Dormant {
			continue
		}
		due := t.now
		if delay := t.cfg.delay(r.Code); delay > 0 {
			due = r.Since.Add(delay).Add(r.Held).Add(rest)
		}
		if due <= at {
			at, cause = due, r.Code
		}
	}
	if cause == "" {
		cause = CauseNotReady
	}
	if due := t.now.Add(rest); t.Reopenable && t.readiness == peer.NotReady && due < at {
		at, cause = due, CauseReturned
	}
	if t.Resumed && t.readiness == peer.ReadinessUnknown {
		at = max(at, t.ResumedAt.Add(t.cfg.settle()))
	}
	return at, cause
}

// clearAt returns when a clearing alarm is clear: never while it flaps.
func (t *step) clearAt() Instant {
	at := t.ClearFrom.Add(t.cfg.ClearAfter)
	if t.Flapping {
		at = max(at, t.flappingEnd())
	}
	return at
}

// countChange counts changes between ready and not ready. Not knowing is no
// change, and what happens under a hold is explained by what was declared.
func (t *step) countChange() {
	if t.Flapping && t.flappingEnd() <= t.now {
		t.Flapping, t.Changes = false, nil
	}
	if t.readiness == peer.ReadinessUnknown {
		return
	}
	was := t.LastKnown
	t.LastKnown = t.readiness
	if was == peer.ReadinessUnknown || was == t.readiness || t.Holds.Held {
		return
	}
	changes := append(slices.Clone(t.Changes), t.now)
	changes = changes[max(0, len(changes)-t.cfg.FlapChanges):]
	t.Changes = changes
	if t.readiness == peer.NotReady && t.State.Open() {
		t.occur("")
	}
	if !t.Flapping && len(changes) == t.cfg.FlapChanges && t.now.Sub(changes[0]) <= t.cfg.FlapWithin {
		t.Flapping = true
		if t.trigger == "" && !t.State.Open() {
			t.trigger = CauseFlapping
		}
	}
}

// occur counts an occurrence of the open alarm, one a step.
func (t *step) occur(cause string) {
	if !t.occurred {
		t.Occurrences = min(t.Occurrences+1, maxOccurrences)
		t.occurred = true
	}
	if cause != "" {
		t.tell(Updated, cause)
	}
}

func (t *step) flappingEnd() Instant { return t.Changes[len(t.Changes)-1].Add(t.cfg.FlapWithin) }
