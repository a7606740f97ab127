package syslog

import (
	"strconv"
	"strings"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/status"
)

// maxCodes is how many reason codes a message lists.
const maxCodes = 16

// Transition makes the message of a change of the verdict. Wall is when it
// happened, zero while the clock is not set.
func Transition(t *status.Transition, d *status.Document, wall time.Time) Message {
	from, to := word(t.From.Readiness), word(t.To.Readiness)
	severity := Warning
	if to == "ready" {
		severity = Notice
	}
	text := "The pair is " + shown(to) + "."
	if from == to {
		text = "The pair still is " + shown(to) + ", its versions are " + word(t.To.Compatibility) + "."
	}
	if why := firstReason(d); to != "ready" && why != "" {
		text += " " + why
	}
	params := []Param{
		{"from", from},
		{"to", to},
		{"compatibility_from", word(t.From.Compatibility)},
		{"compatibility_to", word(t.To.Compatibility)},
		{"reasons", codes(t.Reasons)},
		{"self_version", word(t.SelfVersion)},
		{"peer_version", word(t.PeerVersion)},
	}
	if t.DurationS != nil {
		params = append(params, Param{"duration_s", strconv.FormatFloat(*t.DurationS, 'f', 3, 64)})
	}
	return Message{Time: wall, Severity: severity, ID: "TRANSITION", Params: append(params, who(d)...), Text: text}
}

// AlarmAction makes the message of something that the alarm's life cycle wants to
// be told. Out is the step's output that a belongs to.
func AlarmAction(a alarm.Action, out *alarm.Output, d *status.Document, wall time.Time) Message {
	m := Message{Time: wall, Severity: Error, ID: "ALARM_" + strings.ToUpper(a.Kind.String())}
	name := "The HA alarm " + strconv.FormatUint(a.Number, 10)
	switch a.Kind {
	case alarm.Opened:
		m.Text = name + " is raised: the pair is not ready for a failover."
	case alarm.Reopened:
		m.Text = name + " is raised again, for the " + ordinal(out.Occurrences) + " time."
	case alarm.Updated:
		m.Severity = Warning
		m.Text = name + " stands, and something in it changed (" + a.Cause + ")."
	case alarm.Closed:
		m.Severity = Notice
		m.Text = name + " is over: the pair has been ready for long enough."
	}
	if why := firstReason(d); a.Kind != alarm.Closed && why != "" {
		m.Text += " " + why
	}
	stand := make([]string, 0, len(out.Reasons))
	for _, r := range out.Reasons {
		stand = append(stand, r.Code)
	}
	m.Params = append([]Param{
		{"alarm", strconv.FormatUint(a.Number, 10)},
		{"state", out.State.String()},
		{"cause", a.Cause},
		{"occurrences", strconv.Itoa(out.Occurrences)},
		{"flapping", strconv.FormatBool(out.Flapping)},
		{"reasons", codes(stand)},
	}, who(d)...)
	return m
}

// who names the pair. The document's strings are escaped and cut already.
func who(d *status.Document) []Param {
	return []Param{
		{"readiness", d.Readiness},
		{"compatibility", d.Compatibility},
		{"site", word(d.Site.ID)},
		{"self_serial", word(d.Self.Serial)},
		{"peer_serial", word(d.Peer.Serial)},
	}
}

// firstReason is the gravest reason in one sentence, with what to do.
func firstReason(d *status.Document) string {
	if len(d.Reasons) == 0 {
		return ""
	}
	return strings.TrimSpace(d.Reasons[0].Summary + " " + d.Reasons[0].Action)
}

func codes(all []string) string {
	return strings.Join(all[:min(len(all), maxCodes)], ",")
}

// word is a value of the document that may be null.
func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func shown(readiness string) string {
	if readiness == "ready" {
		return "Ready"
	}
	return "Not Ready"
}

func ordinal(n int) string {
	suffix := "th"
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		suffix = "st"
	case n%10 == 2:
		suffix = "nd"
	case n%10 == 3:
		suffix = "rd"
	}
	return strconv.Itoa(n) + suffix
}
