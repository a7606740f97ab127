package peer

import "time"

// ProtocolMin and ProtocolMax are the versions of the heartbeat protocol this
// build speaks. Ranges that overlap talk in the highest common version; ranges
// that do not are shown with both, as HA_NOT_READY_PROTOCOL_MISMATCH.
const (
	ProtocolMin = 1
	ProtocolMax = 1
)

// ProtocolRange is the span of protocol versions a Socket speaks, both ends
// included, 1 to 255.
type ProtocolRange struct {
	Min, Max uint8
}

// Overlaps reports whether r and o share a version.
func (r ProtocolRange) Overlaps(o ProtocolRange) bool {
	return r.Min <= o.Max && o.Min <= r.Max
}

// SessionState is the state of the heartbeat session, with the numbers of
// RFC 5880 section 4.1.
type SessionState uint8

// Session states.
const (
	StateAdminDown SessionState = iota // held down on purpose
	StateDown                          // not heard, or heard to be down
	StateInit                          // heard, but the peer has not heard us
	StateUp                            // both hear each other
)

// String returns the word the status document uses.
func (s SessionState) String() string {
	switch s {
	case StateAdminDown:
		return "admin_down"
	case StateDown:
		return "down"
	case StateInit:
		return "init"
	case StateUp:
		return "up"
	}
	return "unknown"
}

// Bounds of the timers, in every message, session and configuration: the floor
// is what a busy CPU keeps without false alarms, the ceiling what still deserves
// the name of a keepalive (contract section 4).
const (
	MinInterval   = 50 * time.Millisecond
	MaxInterval   = 60 * time.Second
	MinDetectMult = 2
	MaxDetectMult = 50
)

// Timers are a Socket's wishes for the session (RFC 5880 section 4.1). On the
// wire they are whole milliseconds.
type Timers struct {
	DesiredTx  time.Duration // shortest interval at which it wants to send
	RequiredRx time.Duration // shortest interval at which it wants to receive
	DetectMult uint8         // intervals missed before the peer counts as lost
}

// Flags qualify one heartbeat.
type Flags uint8

// Flag bits. Poll asks for an answer at once and Final is that answer
// (RFC 5880 section 6.5); PlannedStop says that the silence to come is wanted;
// Upgrading says that the sender declared a firmware upgrade, and Failover that
// a manual failover was declared there and is still held.
const (
	FlagPoll Flags = 1 << iota
	FlagFinal
	FlagPlannedStop
	FlagUpgrading
	FlagFailover
)

// Has reports whether every bit of f is set.
func (fs Flags) Has(f Flags) bool { return fs&f == f }

// Heartbeat is the message both Sockets send all the time. It carries all that
// the verdict needs, so that one heartbeat is enough to reach it.
type Heartbeat struct {
	Protocol          ProtocolRange
	MyDiscriminator   uint32 // the sender's boot, never 0 (RFC 5880 section 6.3)
	YourDiscriminator uint32 // the receiver's as last heard, 0 if never
	Sequence          uint32 // counts the sender's heartbeats since its start
	Timers            Timers
	State             SessionState
	Flags             Flags

	Version  string // firmware, as the Socket states it; may be unreadable
	Role     Role
	HAState  HAState
	Upstream UpstreamState

	Readiness     Readiness     // the sender's view of the pair
	Compatibility Compatibility // the sender's verdict
	UpgradeResult UpgradeResult // how the sender's last declared upgrade ended

	Facts        Digest // of the sender's Facts
	Capabilities Digest // of its capability set; zero if it advertises none
	Inputs       Digest // of what its verdict was made from
}

// Request asks the peer for what is missing here.
type Request struct {
	Facts bool // send your facts again

	// Capabilities names the set wanted (zero: none is asked for) and Parts the
	// parts of it still missing, at most 64 at a time; none means all.
	Capabilities Digest
	Parts        []uint16
}
