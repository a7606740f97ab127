package session

import (
	"time"

	"socketha/peer"
)

// View is what the session knows now, as plain values.
type View struct {
	State peer.SessionState
	Diag  Diag      // why it is not Up; DiagNone while it is
	Since time.Time // of the state

	Heard         bool              // something was heard within the detection time
	RemoteState   peer.SessionState // as last heard
	Discriminator uint32            // the peer's as last heard, 0 if never
	LastReceived  time.Time         // the last heartbeat that counted; zero if never
	PlannedStop   bool              // the peer said that its silence is wanted

	TxInterval time.Duration // ours in force, before jitter
	RxInterval time.Duration // the peer's in force
	DetectTime time.Duration // silence after which the peer counts as lost
	RTT        time.Duration // last measured; 0: not yet
}

// View returns what the session knows now.
func (s *Session) View() View {
	return View{
		State: s.state, Diag: s.diag, Since: s.since,
		Heard: s.heard, RemoteState: s.remote.State, Discriminator: s.remote.MyDiscriminator,
		LastReceived: s.lastRx, PlannedStop: s.remote.Flags.Has(peer.FlagPlannedStop),
		TxInterval: s.txInterval(), RxInterval: s.rxInterval(), DetectTime: s.detectTime(), RTT: s.rtt,
	}
}

// Counters count since the session was made. They never go back, but for Lost,
// which a late heartbeat corrects.
type Counters struct {
	Sent       uint64 // Send actions
	Received   uint64 // heartbeats that counted
	Lost       uint64 // gaps in the peer's sequence numbers
	Duplicates uint64
	Late       uint64 // arrived after a newer one
	Refused    uint64 // any other reason for an Ignored action
	Polls      uint64 // of Sent: probes and round-trip measurements
	Restarts   uint64 // new lives of the peer seen
	Timeouts   uint64 // times the peer was lost
	Stalls     uint64 // times we were called too late to judge anything
}

// Counters returns the counters.
func (s *Session) Counters() Counters { return s.count }
