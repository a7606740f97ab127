package transport

import (
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"socketha/peer/transport/internal/guard"
)

// Stats is a snapshot of what an Endpoint has seen since it was made.
type Stats struct {
	Side  Side
	Local netip.AddrPort   // the address is invalid while there is none
	Peer  netip.AddrPort   // the candidate last connected to, or the first; invalid without any
	Peers []netip.AddrPort // all candidates

	// Waiting says what is missing before anybody is dialed or admitted:
	// [WaitingForLocal] or [WaitingForPeer]; empty if nothing is.
	Waiting string

	// SocketError says why the socket could not be opened; empty if it is open
	// or none was tried. Opening is tried again all the time.
	SocketError string

	Open        int    // connections open now
	Established uint64 // handshakes completed
	Dials       uint64 // handshakes begun by us
	Hints       uint64 // socket errors that anyone on the network can cause

	// HintSocketError says why the initiator's socket for hints could not be
	// opened; empty if it is open or none was tried. The link works without.
	HintSocketError string

	HintsSent     uint64 // hints to the peer: pokes, and answers "no session"
	HintsReceived uint64 // hints from the peer's address; anyone can forge one
	HintDials     uint64 // dials begun because of a hint

	// Rekeys counts the connections that we made for new keys, RekeysFailed the
	// attempts that failed: the old connection stayed in use, and it was or will
	// be tried again. The acceptor counts none.
	Rekeys, RekeysFailed uint64

	// LastEstablished is when the last handshake completed; zero if none did.
	LastEstablished time.Time

	// OwnExpires is the end of our own certificate, PeerExpires that of the peer
	// connected last; zero if none was.
	OwnExpires, PeerExpires time.Time

	// Rejected counts what was refused, by reason. Reasons that never occurred
	// are absent.
	Rejected map[Reason]uint64

	// IdentityConflict and PeerReplaced are the last findings of their kind,
	// nil if there was none. They stay; one older than LastEstablished is over
	// unless it comes back.
	IdentityConflict *Finding
	PeerReplaced     *Finding

	// PathMTU says that the path loses large datagrams; nil if it does not, as
	// far as is known. It goes when a handshake completes or gets stuck otherwise.
	PathMTU *PathMTU
}

// Finding is a peer that a person has to look at (contract section 2).
type Finding struct {
	Reason      Reason
	Serial      string // as its certificate states it; escape before showing
	Fingerprint Fingerprint
	Remote      netip.AddrPort // invalid if the configuration alone shows it
	At          time.Time      // with monotonic reading
	Count       uint64         // how often it was seen
}

// logEvery bounds how often one reason is logged.
const logEvery = time.Minute

// ledger holds the counters and findings of an endpoint.
type ledger struct {
	log     *slog.Logger
	records guard.Counters
	hints   atomic.Uint64
	dials   atomic.Uint64
	changed chan struct{}

	hintsSent atomic.Uint64
	peerHints atomic.Uint64
	hintDials atomic.Uint64

	rekeys      atomic.Uint64
	rekeyFailed atomic.Uint64

	mu          sync.Mutex
	rejected    map[Reason]uint64
	logged      map[Reason]time.Time
	conflict    *Finding
	replaced    *Finding
	established uint64
	last        time.Time
	expires     time.Time // of the peer's certificate
	mtu         PathMTU
	mtuBegun    time.Time // of the last handshake counted in mtu
	socketError string
	hintError   string
}

func newLedger(log *slog.Logger) *ledger {
	return &ledger{
		log:      log,
		changed:  make(chan struct{}, 1),
		rejected: map[Reason]uint64{},
		logged:   map[Reason]time.Time{},
	}
}

// notify says that something changed its meaning.
func (l *ledger) notify() { token(l.changed) }

// count adds one to a reason without a word in the log: single datagrams.
func (l *ledger) count(reason Reason) {
	l.mu.Lock()
	l.rejected[reason]++
	l.mu.Unlock()
}

// reject counts a refused handshake and logs it, unless the reason was logged
// within the last minute.
func (l *ledger) reject(reason Reason, remote netip.AddrPort, who peerIdentity, err error) {
	now := time.Now()
	l.mu.Lock()
	l.rejected[reason]++
	total := l.rejected[reason]
	last, ok := l.logged[reason]
	quiet := ok && now.Sub(last) < logEvery
	if !quiet {
		l.logged[reason] = now
	}
	l.mu.Unlock()
	if quiet {
		return
	}
	l.log.Warn("handshake refused", "reason", string(reason), "count", total, "remote", remote.String(),
		"serial", bare(who.Serial), "fingerprint", who.Fingerprint.text(), "error", bareError(err))
}

// find records a finding. The same peer found again is counted, not announced.
func (l *ledger) find(kind findingKind, f Finding) {
	var at **Finding
	switch kind {
	case findingConflict:
		at = &l.conflict
	case findingReplaced:
		at = &l.replaced
	case findingNone:
		return
	}
	f.At, f.Count = time.Now(), 1
	l.mu.Lock()
	old := *at
	known := old != nil && old.Reason == f.Reason && old.Serial == f.Serial && old.Fingerprint == f.Fingerprint
	over := known && old.At.Before(l.last)
	if known {
		f.Count += old.Count
	}
	*at = &f
	l.mu.Unlock()
	if !known || over {
		l.notify()
	}
}

func (l *ledger) establish(who peerIdentity) {
	l.mu.Lock()
	l.established++
	l.expires = who.Expires
	l.mtu = PathMTU{}
	l.last = time.Now()
	l.mu.Unlock()
	l.notify()
}

// hintSocket records whether the socket for hints could be opened.
func (l *ledger) hintSocket(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	l.mu.Lock()
	changed := text != l.hintError
	l.hintError = text
	l.mu.Unlock()
	if changed && err != nil {
		l.log.Warn("socket for hints not open: a restarted peer is found later", "error", text)
	}
}

// socket records whether the socket could be opened, and logs the change.
func (l *ledger) socket(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	l.mu.Lock()
	changed := text != l.socketError
	l.socketError = text
	l.mu.Unlock()
	if !changed {
		return
	}
	if err != nil {
		l.log.Warn("socket not open", "error", text)
	}
	l.notify()
}

// fill copies the counters into s.
func (l *ledger) fill(s *Stats) {
	l.mu.Lock()
	s.Rejected = maps.Clone(l.rejected)
	s.IdentityConflict, s.PeerReplaced = clone(l.conflict), clone(l.replaced)
	s.Established, s.LastEstablished, s.PeerExpires = l.established, l.last, l.expires
	s.PathMTU = l.pathMTU()
	s.SocketError, s.HintSocketError = l.socketError, l.hintError
	l.mu.Unlock()
	s.Rekeys, s.RekeysFailed = l.rekeys.Load(), l.rekeyFailed.Load()
	s.Hints, s.Dials = l.hints.Load(), l.dials.Load()
	s.HintsSent, s.HintsReceived, s.HintDials = l.hintsSent.Load(), l.peerHints.Load(), l.hintDials.Load()
	l.records.Each(func(reason string, n uint64) { s.Rejected[Reason(reason)] = n })
}

func clone(f *Finding) *Finding {
	if f == nil {
		return nil
	}
	g := *f
	return &g
}
