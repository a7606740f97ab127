package about

import (
	"strconv"
	"strings"
	"time"

	"socketha/agent/status"
)

// tone is how something stands. It is always said in words and by the shape of a
// sign; colour comes last.
type tone uint8

const (
	idle   tone = iota // nothing to judge
	good               // as it should be
	unsure             // not known, or a warning
	bad                // wrong
)

func (t tone) class() lit {
	return [...]lit{idle: "idle", good: "good", unsure: "unsure", bad: "bad"}[t]
}

// The signs differ in shape: a disc with a tick, an octagon with a cross, a
// diamond with a question mark, a triangle with an exclamation mark, a ring.
const (
	svgOpen  lit = `<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">`
	svgInk   lit = `fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"`
	signGood lit = svgOpen + `<g ` + svgInk + `><circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-6.5"/></g></svg>`
	signBad  lit = svgOpen + `<g ` + svgInk + `><path d="M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9z"/><path d="m8.5 8.5 7 7m0-7-7 7"/></g></svg>`
	signAsk  lit = svgOpen + `<g ` + svgInk + `><path d="M12 1.5 22.5 12 12 22.5 1.5 12z"/><path d="M9.7 9.6a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1.1.9-1.1 1.7M12 16.6v.1"/></g></svg>`
	signWarn lit = svgOpen + `<g ` + svgInk + `><path d="M12 2.5 22.5 21h-21z"/><path d="M12 9.5v5M12 17.6v.1"/></g></svg>`
	signIdle lit = svgOpen + `<g ` + svgInk + `><circle cx="12" cy="12" r="10"/><path d="M8 12h8"/></g></svg>`
	signLow  lit = svgOpen + `<path d="M12 21 2.5 8.5H8V3h8v5.5h5.5z" fill="currentColor"/></svg>`
	signPast lit = svgOpen + `<g ` + svgInk + `><circle cx="12" cy="12" r="10"/><path d="M12 6.5V12l3.5 2.5"/></g></svg>`
)

func (t tone) sign() lit {
	return [...]lit{idle: signIdle, good: signGood, unsure: signAsk, bad: signBad}[t]
}

// icons are the tab's icon for each tone: same shapes, URL-encoded by hand.
var icons = [...]lit{
	idle:   iconOpen + `%3Ccircle cx='8' cy='8' r='7' fill='%23424a53'/%3E` + iconClose,
	good:   iconOpen + `%3Ccircle cx='8' cy='8' r='7.5' fill='%23116329'/%3E%3Cpath d='m4.5 8.3 2.4 2.4 4.6-5' fill='none' stroke='%23fff' stroke-width='2'/%3E` + iconClose,
	unsure: iconOpen + `%3Cpath d='M8 0l8 8-8 8-8-8z' fill='%237d4e00'/%3E%3Cpath d='M8 4v5m0 1.5v1.6' stroke='%23fff' stroke-width='2'/%3E` + iconClose,
	bad:    iconOpen + `%3Cpath d='M5 0h6l5 5v6l-5 5H5l-5-5V5z' fill='%23a40e26'/%3E%3Cpath d='m5 5 6 6m0-6-6 6' stroke='%23fff' stroke-width='2'/%3E` + iconClose,
}

const (
	iconOpen  lit = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E`
	iconClose lit = `%3C/svg%3E`
)

func toneOf(s status.ConditionState) tone {
	switch s {
	case status.StateOK:
		return good
	case status.StateFail:
		return bad
	case status.StateNotEvaluated:
		return idle
	case status.StateUnknown:
	}
	return unsure
}

// verdict returns the tone of the whole pair, the words for it, and the same for
// a machine.
func verdict(d *status.Document) (t tone, words, state lit) {
	switch d.Outcome() {
	case status.OutcomeReady:
		return good, "Ready", "ready"
	case status.OutcomeUnknown:
		return unsure, "Not Ready", "not_ready"
	case status.OutcomeNotReady:
	}
	return bad, "Not Ready", "not_ready"
}

// headlines say a reason in a few words, to be understood at a glance.
var headlines = map[status.Code]string{
	status.CodeIncompatible:      "Incompatible major versions",
	status.CodeNoKeepalive:       "No keepalive from the peer",
	status.CodeDisconnected:      "No connection to the cloud",
	status.CodePeerUnknown:       "The peer is not known",
	status.CodePeerStale:         "The peer is not heard now",
	status.CodeVersionUnreadable: "A version cannot be read",
	status.CodeModelMismatch:     "The models do not form a pair",
	status.CodePeerReplaced:      "The peer was replaced",
	status.CodeIdentityConflict:  "Identity conflict",
	status.CodeSplitBrain:        "Split brain: both Sockets are active",
	status.CodeNoActive:          "No Socket is active",
	status.CodeRoleConflict:      "Both Sockets have the same role",
	status.CodeLinkDown:          "The HA link is down",
	status.CodeMTU:               "The HA link loses large packets",
	status.CodeProtocolMismatch:  "The agents share no protocol",
	status.CodeCapabilityGap:     "Capabilities differ",
	status.CodeViewsDiffer:       "The Sockets come to different verdicts",
	status.CodeCatalogDiffers:    "Feature catalogs differ",
	status.CodeClockUnset:        "The clock is not set",
	status.CodeCertificateEnds:   "A certificate ends soon",
	status.CodeUpgradeOverdue:    "An upgrade has not ended in time",
	status.CodeFlapping:          "Ready and Not Ready in turns",
}

func headline(c status.Code) string {
	if h, ok := headlines[c]; ok {
		return h
	}
	return string(c)
}

// age says how long something lasts, to a person; about.js says the same.
func age(d time.Duration) string {
	s := max(0, int64(d/time.Second))
	m, h := s/60, s/3600
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + " s"
	case m < 60:
		return strconv.FormatInt(m, 10) + " min"
	case h < 48 && m%60 == 0:
		return strconv.FormatInt(h, 10) + " h"
	case h < 48:
		return strconv.FormatInt(h, 10) + " h " + strconv.FormatInt(m%60, 10) + " min"
	}
	return strconv.FormatInt(h/24, 10) + " days"
}

// sentence starts words of the contract (active, primary) with a capital.
func sentence(s string) string {
	s = strings.ReplaceAll(s, "_", " ")
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// value is what a field says, empty for null.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
