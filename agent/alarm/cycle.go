package alarm

import "socketha/peer"

// Cycle is the alarm of one site. It has one owner and is not safe for
// concurrent use.
type Cycle struct {
	cfg Config
	s   Saved
}

// Step takes in how the pair is now, does what is due, and returns what it came
// to. It is called when an input changes and at [Output.NextDeadline]; calls in
// between do no harm. Nothing happens between two steps: what is due is done at
// the next one, by what is true then, so that our own stall neither raises nor
// clears. A now before that of the last step counts as the same.
//
// The input may be reused by the caller. While ready, a step in which nothing
// happens allocates nothing.
func (c *Cycle) Step(now Instant, in Input) Output {
	now = min(max(now, -farthest), farthest)
	if !c.s.Started {
		c.s = Saved{Started: true, At: now, Since: now}
	}
	before := c.s
	t := step{Saved: &c.s, cfg: &c.cfg, now: max(now, c.s.At), readiness: judge(&in)}

	past := t.holds(t.cfg, t.now)
	held := past.covered(t.At, t.now)
	t.trigger = t.declare(t.now, &in.Declared)
	t.Holds = t.holds(t.cfg, t.now)
	t.remember(&in, held)
	t.countChange()
	t.advance()
	t.At = t.now
	t.Resumed = t.Resumed && t.readiness == peer.ReadinessUnknown
	t.tellUpdate(&before)
	return t.output(&before)
}

// step is one step of a cycle: what goes in, and what has come out so far. The
// slices of the saved state are replaced, never written to: the state before,
// and outputs, share them.
type step struct {
	*Saved
	Holds Holds // from now on

	cfg       *Config
	now       Instant
	readiness peer.Readiness
	trigger   string // cause to raise at once, "" if there is none, or no more
	occurred  bool   // an occurrence of the open alarm was counted

	transitions []Transition
	actions     []Action
}

// advance follows the table of the package comment as far as it goes.
func (t *step) advance() {
	if t.Resumed && t.State == Clearing {
		t.ClearFrom = t.now // nobody saw it ready before
	}
	if t.State == Raised && t.trigger != "" { // more of the same
		t.tell(Updated, t.trigger)
		t.trigger = ""
	}
	for {
		to, cause := t.next()
		if to == t.State {
			return
		}
		t.enter(to, cause)
	}
}

// next is the table: the state that follows now, and why.
func (t *step) next() (State, string) {
	ready := t.readiness == peer.Ready
	switch t.State {
	case Clear:
		t.forget()
		if t.trigger != "" {
			return Pending, t.trigger
		}
		if !ready {
			return Pending, t.firstReason()
		}
	case Pending:
		if t.trigger != "" {
			return Raised, t.trigger
		}
		if ready {
			return Clear, CauseReady
		}
		if at, cause := t.raiseAt(); at <= t.now {
			return Raised, cause
		}
	case Raised:
		if ready {
			return Clearing, CauseReady
		}
	case Clearing:
		if t.trigger != "" {
			return Raised, t.trigger
		}
		if !ready {
			return Raised, t.firstReason()
		}
		if t.clearAt() <= t.now {
			return Clear, CauseReady
		}
	default: // numStates is no state
	}
	return t.State, ""
}

// enter makes one transition and does what belongs to it.
func (t *step) enter(to State, cause string) {
	from := t.State
	t.transitions = append(t.transitions, Transition{From: from, To: to, At: t.now, Cause: cause})
	t.State, t.Since = to, t.now
	switch to {
	case Raised:
		if from == Pending {
			t.open(cause)
		} else if t.trigger != "" {
			t.occur(cause)
		}
		t.trigger = ""
	case Clearing:
		t.ClearFrom = t.now
	case Clear:
		if from == Clearing {
			t.Reopenable, t.ClosedAt, t.Flapping = true, t.now, false
			t.tell(Closed, cause)
		}
	default:
	}
}

// open opens the last alarm again, or a new one.
func (t *step) open(cause string) {
	if t.Reopenable {
		t.Reopenable = false
		t.Occurrences = min(t.Occurrences+1, maxOccurrences)
		t.tell(Reopened, cause)
		return
	}
	t.Number++
	t.Occurrences = 1
	t.tell(Opened, cause)
}

// forget closes the books on an alarm that can no longer reopen. It is asked in
// Clear only: trouble that began in time may still become a return.
func (t *step) forget() {
	if t.Reopenable && t.now >= t.ClosedAt.Add(t.cfg.ReopenWithin) {
		t.Reopenable, t.Occurrences = false, 0
	}
}
