package status

import (
	"slices"
	"time"

	"socketha/peer"
)

// Evaluator turns inputs into evaluations. It remembers since when each value
// holds and nothing else, so every evaluation depends on its input only, but for
// the instants and the graces. The zero Evaluator is ready for use; it has one
// owner and is not safe for concurrent use.
type Evaluator struct {
	readiness  held[peer.Readiness]
	conditions [numConditions]held[ConditionState]
	reasons    [len(codes)]held[bool]

	selfUpgrade, peerUpgrade held[bool]

	roles, meeting, views timer
}

// The conditions, in the order of the document.
const (
	condConnected = iota
	condKeepalive
	condVersion
	numConditions
)

// held is a value and since when it holds.
type held[T comparable] struct {
	value T
	since Instant
	set   bool
}

// hold returns since when the value is v.
func (h *held[T]) hold(v T, now Instant) Instant {
	if !h.set || h.value != v {
		*h = held[T]{value: v, since: now, set: true}
	}
	return h.since
}

// timer measures how long something has lasted.
type timer struct {
	running bool
	start   Instant
}

// over reports whether on has lasted for the grace by now. While it has not,
// deadline is when it will have.
func (t *timer) over(on bool, now Instant) (over bool, deadline Instant) {
	if !on {
		*t = timer{}
		return false, 0
	}
	if !t.running {
		*t = timer{running: true, start: now}
	}
	if t.start.since(now) >= grace {
		return true, 0
	}
	return false, t.start.Add(grace)
}

// Evaluate judges the pair. It never fails: whatever the input holds, there is
// an evaluation. The input may be reused by the caller. It costs some 50 µs and
// 11 KB, so it is meant for changes and deadlines, not for every heartbeat.
func (e *Evaluator) Evaluate(in Input) *Evaluation {
	in = normalized(in)
	v := judgeVersions(&in)
	p, deadline := e.pulse(&in)
	ev := &Evaluation{in: in, verdict: v}

	findings := [numConditions]finding{
		condConnected: connected(&in),
		condKeepalive: keepalive(&in, p),
		condVersion:   compatibleVersion(&in, v),
	}
	for i, f := range findings {
		ev.conditions[i] = condition{f, e.conditions[i].hold(f.state, in.Now)}
	}
	list := causes(&in, v, p)
	ev.readiness = readinessOf(findings, list)
	list, agreeBy := e.compareViews(&in, v, ev.readiness, list)
	ev.deadline = earliest(deadline, agreeBy)
	names := namesOf(&in, v.Upgrade)
	ev.reasons = e.hold(list, names, in.Now)
	ev.remedy = remedy(&in, v, names)
	ev.readinessSince = e.readiness.hold(ev.readiness, in.Now)
	ev.selfUpgrade = upgradeSince(in.Self.Upgrade, e.selfUpgrade.hold(in.Self.Upgrade.Declared, in.Now))
	ev.peerUpgrade = upgradeSince(in.Peer.Upgrade, e.peerUpgrade.hold(in.Peer.Upgrade.Declared, in.Now))
	ev.after = *e
	ev.meaning = ev.digest()
	return ev
}

// normalized puts right what contradicts itself, towards unknown, and takes
// copies of what the caller might change.
func normalized(in Input) Input {
	p := &in.Peer
	if !p.Known {
		*p = Peer{Mismatch: p.Mismatch}
	}
	if p.Mismatch != nil {
		mismatch := *p.Mismatch
		p.Mismatch = &mismatch
	}
	p.Fresh = p.Fresh && p.Heard && !p.PlannedStop && p.Mismatch == nil
	in.Identity = slices.Clone(in.Identity)
	in.Expiring = slices.Clone(in.Expiring)
	if in.Upstream != nil {
		upstream := *in.Upstream
		in.Upstream = &upstream
	}
	return in
}

// pulse judges the keepalive condition with its two graces and returns when the
// next of them ends, zero if none runs.
func (e *Evaluator) pulse(in *Input) (pulse, Instant) {
	p := sessionPulse(in)
	if p == pulseOK {
		p = rolesPulse(in)
	}
	// A session that is only coming up is not yet a failed one. One that was
	// up, or has failed, is.
	before := e.conditions[condKeepalive]
	young := p == pulseOneWay && (!before.set || before.value == StateUnknown)
	overMeeting, meets := e.meeting.over(young, in.Now)
	if young && !overMeeting {
		p = pulseMeeting
	}
	amiss := p == pulseSplit || p == pulseNoActive
	overRoles, settles := e.roles.over(amiss, in.Now)
	if amiss && !overRoles {
		p = pulseChanging
	}
	return p, earliest(meets, settles)
}

// earliest returns the earlier of two deadlines, of which zero is none.
func earliest(a, b Instant) Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// upgradeSince returns since when an upgrade is declared: as stated, else since
// it was first seen.
func upgradeSince(u Upgrade, seen Instant) Instant {
	if u.Declared && u.Since != 0 {
		return u.Since
	}
	return seen
}

// hold puts the causes into words and remembers since when each stands.
func (e *Evaluator) hold(list []cause, names map[string]string, now Instant) []reason {
	var standing [len(codes)]bool
	reasons := make([]reason, 0, len(list))
	for _, c := range list {
		i := rank(c.code)
		standing[i] = true
		t, values := lookup(c.code, c.variant), valuesOf(c.params, names)
		reasons = append(reasons, reason{
			code:    c.code,
			since:   e.reasons[i].hold(true, now),
			summary: expand(t.summary, values),
			action:  expand(t.action, values),
			params:  c.params,
		})
	}
	for i, stands := range standing {
		if !stands {
			e.reasons[i] = held[bool]{}
		}
	}
	return reasons
}

// readinessOf is the rule of readiness: every condition ok or not evaluated, and
// no reason that is more than a warning.
func readinessOf(findings [numConditions]finding, list []cause) peer.Readiness {
	for _, f := range findings {
		if f.state != StateOK && f.state != StateNotEvaluated {
			return peer.NotReady
		}
	}
	for _, c := range list {
		if c.code.Severity() != SeverityWarning {
			return peer.NotReady
		}
	}
	return peer.Ready
}

// overdueAfter returns how long after its last heartbeat a peer that an
// evaluation calls fresh is no longer shown so: well after the session would
// have called it lost, were its loop alive.
func overdueAfter(detect time.Duration) time.Duration { return 2*detect + time.Second }

// overdue returns the evaluation to show at live, which is ev unless the peer's
// heartbeats ended without anybody having evaluated it. A stopped loop must not
// leave the last green standing.
func (ev *Evaluation) overdue(live Live) *Evaluation {
	detect := ev.in.Link.DetectTime
	if !ev.in.Peer.Fresh || live.PeerLastHeard == 0 || detect <= 0 {
		return ev
	}
	limit := overdueAfter(min(detect, time.Hour))
	if live.PeerLastHeard.since(live.Now) <= limit {
		return ev
	}
	in, e := ev.in, ev.after
	in.Peer.Fresh, in.Now = false, max(in.Now, live.PeerLastHeard.Add(limit))
	return e.Evaluate(in)
}
