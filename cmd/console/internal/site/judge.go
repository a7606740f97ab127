package site

import (
	"slices"
	"strings"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/status"
	"socketha/peer"
)

// State is the word for a site.
type State string

// States of a site.
const (
	Ready    State = "ready"
	NotReady State = "not_ready"
	Unknown  State = "unknown" // neither Socket is heard
)

// Presence says whether a Socket is heard.
type Presence string

// Presences.
const (
	Heard   Presence = "heard"
	Awaited Presence = "awaited" // not heard, but the console has not listened for long enough to blame it
	Silent  Presence = "silent"
)

// Diagnosis says what the silence of a Socket means.
type Diagnosis string

// Diagnoses. A Socket that is heard has none.
const (
	NotHeard  Diagnosis = "not_heard"  // nobody can tell why
	CloudPath Diagnosis = "cloud_path" // alive on the HA link: its way to the cloud is broken
	Down      Diagnosis = "down"       // lost on the HA link too
	Stopped   Diagnosis = "stopped"    // it was stopped as planned
)

// Socket is one Socket of the site as judged now.
type Socket struct {
	Serial    string
	Presence  Presence
	Diagnosis Diagnosis
	SilentAt  time.Time // when it counts, or would count, as silent
}

// Verdict is the site as judged now.
type Verdict struct {
	State         State
	Compatibility string // compatible, incompatible, unknown

	Connected, Keepalive, CompatibleVersion status.ConditionState

	Reasons []Reason // gravest first, warnings included
	Sockets []Socket // by serial, at most two

	// Deadline is when silence alone changes the verdict; zero: never.
	Deadline time.Time

	declared alarm.Declarations
}

// severity orders condition states: the worse of two views counts.
var severity = []status.ConditionState{status.StateNotEvaluated, status.StateOK, status.StateUnknown, status.StateFail}

// Judge judges a site from the newest report of each Socket that ever reported
// for it. listening is since when the console has been listening without a break.
func Judge(now, listening time.Time, reports []Report) Verdict {
	pair := Pair(reports)
	v := Verdict{
		State: Unknown, Compatibility: "unknown",
		Connected: status.StateUnknown, Keepalive: status.StateUnknown, CompatibleVersion: status.StateUnknown,
	}
	var heard []Report
	for i := range pair {
		s := presence(now, listening, &pair[i])
		if s.Presence == Heard {
			heard = append(heard, pair[i])
		}
		if s.SilentAt.After(now) {
			v.due(s.SilentAt)
		}
		if end := pair[i].end(); end.After(now) {
			v.due(end)
		}
		v.Sockets = append(v.Sockets, s)
	}
	v.declared = declared(pair, v.Sockets)
	if len(heard) == 0 {
		return v
	}
	v.merge(heard)
	v.connect(pair)
	v.State = NotReady
	if v.ready(heard) {
		v.State = Ready
	}
	return v
}

// Pair returns the two Sockets that make up the site, by serial: the one heard
// last and the one it names as its peer, or else the next. A Socket that was
// replaced falls out this way.
func Pair(reports []Report) []Report {
	if len(reports) == 0 {
		return nil
	}
	sorted := slices.Clone(reports)
	slices.SortStableFunc(sorted, func(a, b Report) int {
		if c := b.ReceivedAt.Compare(a.ReceivedAt); c != 0 {
			return c
		}
		return strings.Compare(a.Serial, b.Serial)
	})
	other := slices.IndexFunc(sorted[1:], func(r Report) bool { return r.Serial == sorted[0].PeerSerial }) + 1
	if other == 0 {
		other = 1
	}
	if other >= len(sorted) {
		return sorted
	}
	pair := []Report{sorted[0], sorted[other]}
	slices.SortFunc(pair, func(a, b Report) int { return strings.Compare(a.Serial, b.Serial) })
	return pair
}

// end is when the report stops being fresh: two announced intervals on.
func (r *Report) end() time.Time { return r.ReceivedAt.Add(2 * r.Next) }

func presence(now, listening time.Time, r *Report) Socket {
	s := Socket{Serial: r.Serial, Presence: Heard, SilentAt: r.end()}
	if blame := listening.Add(2 * r.Next); blame.After(s.SilentAt) {
		s.SilentAt = blame
	}
	switch {
	case now.Before(r.end()):
	case now.Before(s.SilentAt):
		s.Presence, s.Diagnosis = Awaited, NotHeard
	default:
		s.Presence, s.Diagnosis = Silent, NotHeard
	}
	return s
}

func (v *Verdict) due(at time.Time) {
	if v.Deadline.IsZero() || at.Before(v.Deadline) {
		v.Deadline = at
	}
}

// merge takes the worse of the views that are heard.
func (v *Verdict) merge(heard []Report) {
	v.Connected, v.Keepalive, v.CompatibleVersion = status.StateNotEvaluated, status.StateNotEvaluated, status.StateNotEvaluated
	v.Compatibility = ""
	for _, r := range heard {
		v.Connected = worse(v.Connected, r.Connected)
		v.Keepalive = worse(v.Keepalive, r.Keepalive)
		v.CompatibleVersion = worse(v.CompatibleVersion, r.CompatibleVersion)
		v.Compatibility = worseVerdict(v.Compatibility, r.Compatibility)
		for _, reason := range r.Reasons {
			v.add(reason)
		}
	}
}

func worse(a status.ConditionState, b string) status.ConditionState {
	other := status.ConditionState(b)
	rank := slices.Index(severity, other)
	if rank < 0 { // a word we do not know is no good news
		other, rank = status.StateUnknown, slices.Index(severity, status.StateUnknown)
	}
	if rank > slices.Index(severity, a) {
		return other
	}
	return a
}

func worseVerdict(a, b string) string {
	order := []string{"", "compatible", "unknown", "incompatible"}
	rank := slices.Index(order, b)
	if rank <= 0 {
		b, rank = "unknown", 2
	}
	if rank > slices.Index(order, a) {
		return b
	}
	return a
}

// add adds a reason, or its earlier since if it stands already.
func (v *Verdict) add(r Reason) {
	for i := range v.Reasons {
		if v.Reasons[i].Code == r.Code {
			if r.Since.Before(v.Reasons[i].Since) {
				v.Reasons[i] = r
			}
			return
		}
	}
	v.Reasons = append(v.Reasons, r)
	codes := status.Codes()
	rank := func(code string) int {
		if i := slices.Index(codes, status.Code(code)); i >= 0 {
			return i
		}
		return len(codes)
	}
	slices.SortStableFunc(v.Reasons, func(a, b Reason) int { return rank(a.Code) - rank(b.Code) })
}

// connect decides who is connected: it is us that they are connected to, so what
// we hear counts for more than what they think.
func (v *Verdict) connect(pair []Report) {
	for i := range v.Sockets {
		if v.Sockets[i].Presence != Heard {
			v.Sockets[i].Diagnosis = witness(&pair[1-i])
			v.disconnected(&v.Sockets[i])
			return
		}
	}
	if len(v.Sockets) == 2 {
		v.Connected = status.StateOK
		v.drop(status.CodeDisconnected)
	}
}

// witness says what the silence of the other Socket means by what this one sees
// of it.
func witness(w *Report) Diagnosis {
	switch {
	case w.PeerStopped:
		return Stopped
	case w.PeerFresh && w.Keepalive != string(status.StateFail):
		return CloudPath
	case w.PeerFresh: // heard, but one way, or both are active: alive in any case
		return CloudPath
	case w.Keepalive == string(status.StateFail):
		return Down
	}
	return NotHeard
}

// disconnected takes in that s is not heard while its peer is.
func (v *Verdict) disconnected(s *Socket) {
	v.drop(status.CodeDisconnected)
	if s.Presence == Awaited {
		v.Connected = status.StateUnknown
		return
	}
	v.Connected = status.StateFail
	v.add(Reason{Code: string(status.CodeDisconnected), Since: s.SilentAt, Summary: silence(s), Action: actions[s.Diagnosis]})
}

func (v *Verdict) drop(code status.Code) {
	v.Reasons = slices.DeleteFunc(v.Reasons, func(r Reason) bool { return r.Code == string(code) })
}

func silence(s *Socket) string {
	switch s.Diagnosis {
	case CloudPath:
		return "Socket " + s.Serial + " does not report, but its peer hears it on the HA link: its way to the cloud is broken."
	case Down:
		return "Socket " + s.Serial + " does not report, and its peer has lost it on the HA link too: it is down."
	case Stopped:
		return "Socket " + s.Serial + " does not report: it was stopped as planned."
	case NotHeard:
	}
	return "Socket " + s.Serial + " does not report, and its peer cannot tell why."
}

var actions = map[Diagnosis]string{
	NotHeard:  "Check power and cabling of this Socket.",
	CloudPath: "Check the WAN links of this Socket and its route to the cloud.",
	Down:      "Check power and cabling of this Socket.",
	Stopped:   "Start it again, or wait for whoever stopped it.",
}

// ready applies the rule of the contract. A Socket that says not ready without a
// reason we can see is believed, unless it was for a connection that we see.
func (v *Verdict) ready(heard []Report) bool {
	for _, c := range []status.ConditionState{v.Connected, v.Keepalive, v.CompatibleVersion} {
		if c != status.StateOK && c != status.StateNotEvaluated {
			return false
		}
	}
	for _, r := range v.Reasons {
		if status.Code(r.Code).Severity() == status.SeverityNotReady {
			return false
		}
	}
	for _, r := range heard {
		aboutUs := r.Connected != string(status.StateOK) && r.Connected != string(status.StateNotEvaluated)
		if r.Readiness != string(Ready) && !aboutUs {
			return false
		}
	}
	return true
}

// Input is the verdict as the life cycle of alarms takes it, its instants counted
// from the Unix epoch.
func (v *Verdict) Input() alarm.Input {
	in := alarm.Input{
		Conditions: alarm.Conditions{
			Connected: alarm.ConditionOf(string(v.Connected)), Keepalive: alarm.ConditionOf(string(v.Keepalive)), CompatibleVersion: alarm.ConditionOf(string(v.CompatibleVersion)),
		},
		Declared: v.declared,
	}
	if v.State == Ready {
		in.Readiness = peer.Ready
	}
	for _, r := range v.Reasons {
		in.Reasons = append(in.Reasons, alarm.Reason{Code: r.Code, Since: Instant(r.Since)})
	}
	return in
}

// Instant returns t on the clock of the console's life cycles.
func Instant(t time.Time) alarm.Instant { return alarm.Instant(t.UnixNano()) }

// Time returns the moment of an instant, in UTC.
func Time(i alarm.Instant) time.Time { return time.Unix(0, int64(i)).UTC() }
