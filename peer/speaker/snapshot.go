package speaker

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"socketha/peer"
	"socketha/peer/session"
)

// Snapshot is what is known of the peer. It is never changed: neither it nor
// what it points to may be written to. Strings are as the peer wrote them.
type Snapshot struct {
	State peer.SessionState
	Diag  session.Diag // why it is not Up
	Since time.Time    // of State

	// Known says that a heartbeat of the peer has been believed since the start;
	// Heartbeat is the last one that differed from the one before in more than its
	// sequence number, discriminators, state and Poll or Final flag.
	Known     bool
	Heartbeat peer.Heartbeat

	// PeerSerial and PeerKey are those of the certificate behind that heartbeat.
	PeerSerial string
	PeerKey    [32]byte

	LastReceived time.Time // of the last believed heartbeat; zero if never
	PlannedStop  bool      // the peer said that its silence is wanted

	// Facts are as last received, nil if never; CurrentFacts says that they are
	// those of the digest in Heartbeat.
	Facts        *peer.Facts
	CurrentFacts bool

	// Capabilities is the last complete set, sorted by ID, and its digest. The
	// digest is zero if there is none; CurrentCapabilities says that it is the
	// one of Heartbeat, which may be none too.
	Capabilities        []peer.Capability
	CapabilitiesDigest  peer.Digest
	CurrentCapabilities bool

	Path *Path // the newest connection; nil: there is none

	TxInterval time.Duration // ours in force, before jitter
	RxInterval time.Duration // the peer's in force
	DetectTime time.Duration // 0 before the peer was heard
	RTT        time.Duration // 0: not yet measured

	// ProtocolMismatch is the peer's range if it shares no version with ours.
	ProtocolMismatch *peer.ProtocolRange

	// IdentityConflict is set while the peer's facts name another serial than
	// its certificate.
	IdentityConflict *IdentityConflict
}

// Path is where a connection leads.
type Path struct {
	PeerSerial    string
	PeerKey       [32]byte
	Local, Remote net.Addr
	Since         time.Time
}

// IdentityConflict holds the two serials that should be one.
type IdentityConflict struct {
	Certificate, Facts string
}

// Snapshot returns what is known now.
func (sp *Speaker) Snapshot() *Snapshot {
	s := *sp.snapshot.Load()
	s.LastReceived = sp.time(sp.lastReceived.Load())
	s.RTT = time.Duration(sp.rtt.Load())
	return &s
}

// Counters count since the speaker was made.
type Counters struct {
	session.Counters // heartbeats

	BadMessages     uint64 // that could not be read, or came with a read error
	UnknownMessages uint64 // of a kind that this version does not know
	Outdated        uint64 // heartbeats and more of an older connection, ignored
	InboxDropped    uint64 // received faster than taken in
	OutboxDropped   uint64 // written slower than sent
	WriteErrors     uint64
	FactsSent       uint64
	PartsSent       uint64 // of capability sets
	RequestsSent    uint64
	Redials         uint64
}

// tally is where the loop and the goroutines of the connections count.
type tally struct {
	mu   sync.Mutex
	loop Counters // as the loop last had them

	badReads      atomic.Uint64
	inboxDropped  atomic.Uint64
	outboxDropped atomic.Uint64
	writeErrors   atomic.Uint64
}

// Counters returns the counters, at most one round of the loop old.
func (sp *Speaker) Counters() Counters {
	t := &sp.tally
	t.mu.Lock()
	c := t.loop
	t.mu.Unlock()
	c.BadMessages += t.badReads.Load()
	c.InboxDropped = t.inboxDropped.Load()
	c.OutboxDropped = t.outboxDropped.Load()
	c.WriteErrors = t.writeErrors.Load()
	return c
}
