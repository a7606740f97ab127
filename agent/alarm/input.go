package alarm

import (
	"strings"

	"socketha/peer"
)

// Reason codes that the life cycle treats in a way of their own (contract
// section 1). Every other code that is no warning has the ordinary delay.
const (
	CodeDisconnected      = "HA_NOT_READY_SOCKET_DISCONNECTED"
	CodeIdentityConflict  = "HA_NOT_READY_IDENTITY_CONFLICT"
	CodePeerReplaced      = "HA_NOT_READY_PEER_REPLACED"
	CodePeerUnknown       = "HA_NOT_READY_PEER_UNKNOWN"
	CodePeerStale         = "HA_NOT_READY_PEER_STALE"
	CodeVersionUnreadable = "HA_NOT_READY_VERSION_UNREADABLE"

	warningPrefix = "HA_WARNING_"
)

// MaxReasons and MaxCode bound what is remembered of reasons. A code that is
// longer, or holds more than A-Z, 0-9 and underscore, is not remembered, and
// neither is one reason too many: the site counts as not ready all the same,
// with the ordinary delay.
const (
	MaxReasons = 64
	MaxCode    = 96
)

// Input is the pair as it is judged now, and what was declared. Zero values mean
// "not known", so an Input that nobody filled in is never ready.
type Input struct {
	// Readiness, Conditions and Reasons are taken at their worst: ready needs
	// all three of them to say so.
	Readiness  peer.Readiness
	Conditions Conditions
	Reasons    []Reason // warnings among them are ignored

	Declared Declarations
}

// Conditions are the three conditions of readiness.
type Conditions struct {
	Connected, Keepalive, CompatibleVersion Condition
}

// Condition is the state of a condition.
type Condition uint8

// Condition states.
const (
	ConditionUnknown Condition = iota
	ConditionOK
	ConditionFail
	ConditionNotEvaluated
)

// ConditionOf reads the word of the status document (contract section 1). Any other
// word is unknown.
func ConditionOf(word string) Condition {
	switch word {
	case "ok":
		return ConditionOK
	case "fail":
		return ConditionFail
	case "not_evaluated":
		return ConditionNotEvaluated
	}
	return ConditionUnknown
}

// Reason is why the pair is not ready, and since when; a zero Since means since
// it is first stated.
type Reason struct {
	Code  string
	Since Instant
}

// Declarations are what people declared, on either Socket.
type Declarations struct {
	Self, Peer Declaration // firmware upgrades
	Failover   Declaration // a manual failover; how it ended does not matter
}

// Declaration is the last one of its kind. It is a state and not an event: how
// an upgrade ended is stated until the next one begins, and acted upon once. To
// declare anew, state the end of the former first: only that gives a new hold.
type Declaration struct {
	State DeclarationState
	Since Instant // while declared: since when; zero: since it is first stated
}

// DeclarationState is how far a declaration has come. The numbers are saved:
// they are added to, never changed.
type DeclarationState uint8

// Declaration states.
const (
	DeclarationUnknown DeclarationState = iota // not known now; what was known before still holds
	Undeclared                                 // none, or ended without telling how
	Declared                                   // begun and not ended
	EndedOK
	EndedFailed
	EndedSkipped
	numDeclarationStates
)

// judge returns the readiness that the whole input supports. NotReady is known
// to be so; what merely is not known to be ready is unknown: no condition fails,
// and every reason tells of missing knowledge only.
func judge(in *Input) peer.Readiness {
	ready, known := in.Readiness == peer.Ready, false
	for _, c := range [...]Condition{in.Conditions.Connected, in.Conditions.Keepalive, in.Conditions.CompatibleVersion} {
		ready = ready && (c == ConditionOK || c == ConditionNotEvaluated)
		known = known || c == ConditionFail
	}
	for _, r := range in.Reasons {
		switch {
		case strings.HasPrefix(r.Code, warningPrefix):
		case r.Code == CodePeerUnknown, r.Code == CodePeerStale, r.Code == CodeVersionUnreadable:
			ready = false
		default:
			ready, known = false, true
		}
	}
	switch {
	case known:
		return peer.NotReady
	case ready:
		return peer.Ready
	}
	return peer.ReadinessUnknown
}

// remembered reports whether a reason with this code is worth remembering.
func remembered(code string) bool {
	if code == "" || len(code) > MaxCode || strings.HasPrefix(code, warningPrefix) {
		return false
	}
	for i := range len(code) {
		c := code[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
