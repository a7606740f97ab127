package status

import "slices"

// Outcome is the exit code by which the command tells a script of the pair.
type Outcome int

// Outcomes with their exit codes.
const (
	OutcomeReady    Outcome = 0
	OutcomeNotReady Outcome = 3
	OutcomeUnknown  Outcome = 4
)

// unknownReasons are the reasons that tell of missing knowledge, not of a fault.
var unknownReasons = []Code{CodePeerUnknown, CodePeerStale, CodeVersionUnreadable}

// Outcome judges the document by itself, so that the command needs nothing else
// (contract sections 2 and 6). It is unknown instead of not ready if no condition
// has failed and every reason standing, warnings included, is one of the three
// that tell of missing knowledge.
func (d *Document) Outcome() Outcome {
	if d.Readiness == "ready" {
		return OutcomeReady
	}
	for _, c := range [...]Condition{d.Conditions.Connected, d.Conditions.Keepalive, d.Conditions.CompatibleVersion} {
		if c.State == StateFail {
			return OutcomeNotReady
		}
	}
	for _, r := range d.Reasons {
		if !slices.Contains(unknownReasons, r.Code) {
			return OutcomeNotReady
		}
	}
	return OutcomeUnknown
}

// ReadinessLabel returns the words shown to a person: Ready or Not Ready.
func (d *Document) ReadinessLabel() string {
	if d.Readiness == "ready" {
		return "Ready"
	}
	return "Not Ready"
}
