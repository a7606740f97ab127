package beacon

import (
	"encoding/hex"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Reason says why a beacon was ignored. The words are stable and differ from
// transport's: they may stand beside them in link.rejected.
type Reason string

// Reasons.
const (
	ReasonMalformed Reason = "beacon_malformed"  // not a beacon, or out of bounds
	ReasonVersion   Reason = "beacon_version"    // of a version we do not know
	ReasonSource    Reason = "beacon_source"     // not from a link-local address
	ReasonUnwanted  Reason = "beacon_unwanted"   // of a key that is not the peer's
	ReasonOwnKey    Reason = "beacon_own_key"    // of our key, from elsewhere
	ReasonReflected Reason = "beacon_reflected"  // our own, come back: a loop in the cabling
	ReasonNoPlace   Reason = "beacon_no_place"   // too many new addresses at once
	ReasonMuchAsked Reason = "beacon_much_asked" // a solicit that was answered late, together with others
)

// Stats is a snapshot of what a Beacon has done since it was made.
type Stats struct {
	// Error says why nothing can be sent; empty while it can, and before Run. It
	// is tried again all the time.
	Error string

	// Local is the address beacons are sent from; invalid if Error is set.
	Local netip.Addr

	Sent     uint64 // to the group
	Answered uint64 // sent to who asked
	Unsent   uint64 // that the kernel did not take
	Heard    uint64 // of wanted keys

	// Ignored counts by reason; reasons that never occurred are absent.
	Ignored map[Reason]uint64

	// Conflict is the last beacon that showed our own key from elsewhere, and
	// Stranger the last of a key that is not wanted; nil if there was none.
	// Both are hearsay: to be shown, with their age, never to be acted on.
	Conflict *Sighting
	Stranger *Sighting
}

// Sighting is something that a person may have to look at.
type Sighting struct {
	Fingerprint [32]byte
	Addr        netip.AddrPort // as in a Candidate
	At          time.Time      // with monotonic reading
	Count       uint64         // of its kind, whatever the address
}

// sayEvery bounds how often one kind of sighting is logged.
const sayEvery = time.Minute

// ledger holds counters and findings.
type ledger struct {
	log     *slog.Logger
	changed chan struct{}

	mu    sync.Mutex
	s     Stats
	marks map[Reason]*marks
}

// marks bound how often a kind of sighting is logged and told.
type marks struct{ logged, told bucket }

func newLedger(log *slog.Logger) *ledger {
	return &ledger{
		log:     log,
		changed: make(chan struct{}, 1),
		s:       Stats{Ignored: map[Reason]uint64{}},
		marks:   map[Reason]*marks{},
	}
}

// add changes counters.
func (l *ledger) add(change func(s *Stats)) {
	l.mu.Lock()
	change(&l.s)
	l.mu.Unlock()
}

// ignore counts a beacon that is not used.
func (l *ledger) ignore(reason Reason) { l.add(func(s *Stats) { s.Ignored[reason]++ }) }

// sight notes a beacon of our own key or of a stranger's. However many come, a
// line a minute is logged and one notice a second given.
func (l *ledger) sight(now time.Time, reason Reason, m Message, addr netip.AddrPort) {
	l.mu.Lock()
	at := &l.s.Stranger
	if reason == ReasonOwnKey {
		at = &l.s.Conflict
	}
	l.s.Ignored[reason]++
	count := l.s.Ignored[reason]
	*at = &Sighting{Fingerprint: m.Fingerprint, Addr: addr, At: now, Count: count}
	log, tell := l.due(now, reason)
	l.mu.Unlock()
	if tell {
		token(l.changed)
	}
	if !log {
		return
	}
	key := "sha256:" + hex.EncodeToString(m.Fingerprint[:])
	if reason == ReasonOwnKey {
		l.log.Warn("a beacon shows our own key (unauthenticated)", "remote", addr.String(), "count", count)
	} else {
		l.log.Info("a beacon of a key that is not trusted", "fingerprint", key, "remote", addr.String(), "count", count)
	}
}

// reflected counts a beacon of ours that came back.
func (l *ledger) reflected(now time.Time) {
	l.mu.Lock()
	l.s.Ignored[ReasonReflected]++
	count := l.s.Ignored[ReasonReflected]
	log, tell := l.due(now, ReasonReflected)
	l.mu.Unlock()
	if tell {
		token(l.changed)
	}
	if log {
		l.log.Warn("our own beacon came back: is there a loop in the cabling?", "count", count)
	}
}

// due reports whether a sighting is to be logged and told. The caller holds mu.
func (l *ledger) due(now time.Time, reason Reason) (log, tell bool) {
	m := l.marks[reason]
	if m == nil {
		m = &marks{
			logged: bucket{rate: 1 / sayEvery.Seconds(), burst: 1},
			told:   bucket{rate: 1, burst: 1},
		}
		l.marks[reason] = m
	}
	return m.logged.take(now), m.told.take(now)
}

// state notes whether beacons can be sent: from local, or not because of err.
// Each change is logged once.
func (l *ledger) state(local netip.Addr, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	l.mu.Lock()
	changed := text != l.s.Error || local != l.s.Local
	l.s.Error, l.s.Local = text, local
	l.mu.Unlock()
	switch {
	case !changed:
		return
	case err != nil:
		l.log.Warn("no beacons can be sent, trying again", "error", text)
	default:
		l.log.Info("beacons are sent", "local", local.String())
	}
	token(l.changed)
}

func (l *ledger) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.s
	s.Ignored = maps.Clone(s.Ignored)
	if s.Conflict != nil {
		c := *s.Conflict
		s.Conflict = &c
	}
	if s.Stranger != nil {
		c := *s.Stranger
		s.Stranger = &c
	}
	return s
}
