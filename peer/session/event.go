package session

import "socketha/peer"

// EventKind says what happened.
type EventKind uint8

// Kinds of events.
const (
	Tick     EventKind = iota // the deadline has come; harmless at any other time
	Start                     // leave AdminDown
	Stop                      // go to AdminDown on purpose and say so
	Received                  // Event.Heartbeat arrived, authenticated and decoded
	PathUp                    // a new authenticated path: talk over it at once
	PathDown                  // no path is left: be silent, let the detection time decide
	Urgent                    // there is news to tell: send without waiting for the timer
)

// String returns the word scenarios use.
func (k EventKind) String() string {
	switch k {
	case Tick:
		return "tick"
	case Start:
		return "start"
	case Stop:
		return "stop"
	case Received:
		return "recv"
	case PathUp:
		return "path up"
	case PathDown:
		return "path down"
	case Urgent:
		return "urgent"
	}
	return "unknown"
}

// Event is one input of [Session.Step]. Heartbeat matters for Received only.
type Event struct {
	Kind      EventKind
	Heartbeat Heartbeat
}

// Heartbeat is what the session itself needs of a heartbeat; the rest of
// [peer.Heartbeat] passes it by.
type Heartbeat struct {
	MyDiscriminator   uint32 // the sender's, never 0
	YourDiscriminator uint32 // the receiver's as the sender knows it, 0 if not
	Sequence          uint32 // in serial-number order (RFC 1982), wraps
	Timers            peer.Timers
	State             peer.SessionState
	Flags             peer.Flags
}

// ActionKind says what is to be done.
type ActionKind uint8

// Kinds of actions.
const (
	Send    ActionKind = iota // transmit Action.Heartbeat on the newest path
	Changed                   // the state or its reason changed: From, To, Diag
	Ignored                   // the heartbeat just received must not be believed: Why
)

// Action is one output of [Session.Step]. A Received event whose actions hold no
// Ignored was accepted: the rest of that heartbeat may be believed too.
type Action struct {
	Kind      ActionKind
	Heartbeat Heartbeat         // Send
	From, To  peer.SessionState // Changed; equal where only the reason is new
	Diag      Diag              // Changed
	Why       Why               // Ignored
}

// Diag is the reason for the last change of state, after RFC 5880 section 4.1,
// with restart and planned stop told apart from failure.
type Diag uint8

// Reasons.
const (
	DiagNone          Diag = iota
	DiagTimeout            // nothing heard for the detection time
	DiagPeerDown           // the peer says that it does not hear us
	DiagPeerRestarted      // the peer came back with a new discriminator
	DiagPeerStopped        // the peer announced that it would stop: not a failure
	DiagPeerAdminDown      // the peer is held down on purpose, without saying that it stops
	DiagAdminDown          // we are held down on purpose
)

// String returns a stable word for logs and the status document.
func (d Diag) String() string {
	switch d {
	case DiagNone:
		return "none"
	case DiagTimeout:
		return "timeout"
	case DiagPeerDown:
		return "peer_down"
	case DiagPeerRestarted:
		return "peer_restarted"
	case DiagPeerStopped:
		return "peer_stopped"
	case DiagPeerAdminDown:
		return "peer_admin_down"
	case DiagAdminDown:
		return "admin_down"
	}
	return "unknown"
}

// Why is the reason for not believing a heartbeat.
type Why uint8

// Reasons for an Ignored action.
const (
	WhyHeld       Why = iota + 1 // we are AdminDown
	WhyInvalid                   // fields that contradict each other or exceed the bounds
	WhyFormerLife                // from a life of the peer that a newer one replaced
	WhyDuplicate                 // its sequence number was seen before
	WhyLate                      // a heartbeat sent after it was seen before
)

// String returns the word scenarios use.
func (w Why) String() string {
	switch w {
	case WhyHeld:
		return "held"
	case WhyInvalid:
		return "invalid"
	case WhyFormerLife:
		return "former life"
	case WhyDuplicate:
		return "duplicate"
	case WhyLate:
		return "late"
	}
	return "unknown"
}
