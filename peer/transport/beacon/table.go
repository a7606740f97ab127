package beacon

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"socketha/peer"
)

// MaxCandidates bounds how many addresses are kept.
const MaxCandidates = 8

// MaxAge is how long a candidate is kept that is not heard any more: three
// settled intervals and some.
const MaxAge = 100 * time.Second

// protected is how long after a beacon its candidate cannot be displaced: three
// searching intervals, so that a peer that we look for, or that looks for us,
// stays although two beacons in a row are lost.
const protected = 3 * searchInterval

// Candidate is an address where a wanted key is said to be.
type Candidate struct {
	Fingerprint [32]byte
	Addr        netip.AddrPort // link-local, the interface's name as zone; port of the acceptor

	// Protocol is the heartbeat protocol range it says it speaks; zero if it is
	// known by Confirm alone.
	Protocol peer.ProtocolRange

	Heard time.Time // last beacon or confirmation

	// Asked is its last solicit, zero if it never did: it had no session then.
	// One later than the session we have means that the peer restarted, or that
	// somebody wants us to believe so: a reason to dial in parallel.
	Asked time.Time

	Confirmed bool // the last address that authenticated
}

// entry is a candidate with its turns. It is the same candidate as long as
// fingerprint, address and port are: a spoofed port does not replace the real.
type entry struct {
	Candidate
	queued uint64 // the lower, the longer it has waited for its turn
	tried  bool   // had a turn
}

// table keeps the candidates. It is pure: time comes as an argument.
type table struct {
	entries []entry
	queue   uint64 // number given out last
	turn    uint64
}

func newTable() *table {
	return &table{entries: make([]entry, 0, MaxCandidates)}
}

// verdict is what became of a beacon.
type verdict uint8

const (
	known   verdict = iota // heard of before
	added                  // a new candidate
	refused                // no place for it now
)

// hear notes a beacon of a wanted key.
func (t *table) hear(now time.Time, m Message, from netip.Addr) verdict {
	e, v := t.place(now, m.Fingerprint, netip.AddrPortFrom(from, m.Port), protected)
	if e == nil {
		return refused
	}
	e.Heard, e.Protocol = now, m.Protocol
	if m.Flags&FlagSolicit != 0 {
		e.Asked = now
	}
	return v
}

// confirm notes that a session was made with addr. With port 0 it may be any
// candidate of that key and address, and [Port] if there is none. It reports
// whether that is news.
func (t *table) confirm(now time.Time, fingerprint [32]byte, addr netip.AddrPort) bool {
	var found *entry
	for i := range t.entries {
		e := &t.entries[i]
		if e.Fingerprint != fingerprint || e.Addr.Addr() != addr.Addr() {
			continue
		}
		if addr.Port() == e.Addr.Port() || addr.Port() == 0 && (found == nil || e.Confirmed) {
			found = e
		}
	}
	if found != nil && found.Confirmed {
		found.Heard = now
		return false
	}
	for i := range t.entries {
		t.entries[i].Confirmed = false
	}
	if found == nil {
		if addr.Port() == 0 {
			addr = netip.AddrPortFrom(addr.Addr(), Port)
		}
		found, _ = t.place(now, fingerprint, addr, 0)
	}
	found.Heard, found.Confirmed = now, true
	return true
}

// place returns the entry for an address, making one if there is room or the
// one not heard for longest, and for so long, can give way.
func (t *table) place(now time.Time, fingerprint [32]byte, addr netip.AddrPort, silent time.Duration) (*entry, verdict) {
	for i := range t.entries {
		if e := &t.entries[i]; e.Fingerprint == fingerprint && e.Addr == addr {
			return e, known
		}
	}
	fresh := entry{Candidate: Candidate{Fingerprint: fingerprint, Addr: addr}, queued: t.number()}
	if len(t.entries) < MaxCandidates {
		t.entries = append(t.entries, fresh)
		return &t.entries[len(t.entries)-1], added
	}
	var oldest *entry
	for i := range t.entries {
		if e := &t.entries[i]; !e.Confirmed && (oldest == nil || e.Heard.Before(oldest.Heard)) {
			oldest = e // never nil in the end: at most one is confirmed
		}
	}
	if now.Sub(oldest.Heard) < silent {
		return nil, refused
	}
	*oldest = fresh
	return oldest, added
}

// expire drops what was not heard for MaxAge and reports whether anything was.
func (t *table) expire(now time.Time) bool {
	n := len(t.entries)
	t.entries = slices.DeleteFunc(t.entries, func(e entry) bool { return !e.Confirmed && now.Sub(e.Heard) >= MaxAge })
	return len(t.entries) < n
}

// deadline is when something expires next; zero if nothing will.
func (t *table) deadline() time.Time {
	var next time.Time
	for _, e := range t.entries {
		if end := e.Heard.Add(MaxAge); !e.Confirmed && (next.IsZero() || end.Before(next)) {
			next = end
		}
	}
	return next
}

// number gives out the next place in the queue for a turn.
func (t *table) number() uint64 {
	t.queue++
	return t.queue
}

// next gives one candidate its turn; see the package comment.
func (t *table) next() (Candidate, bool) {
	var best *entry
	if t.turn%2 == 0 {
		best = t.promising()
	}
	if best == nil {
		best = t.longestWaiting()
	}
	if best == nil {
		return Candidate{}, false
	}
	t.turn++
	best.tried, best.queued = true, t.number()
	return best.Candidate, true
}

// promising is the newest that never had a turn, or else the confirmed one, or
// nil.
func (t *table) promising() *entry {
	var untried, confirmed *entry
	for i := range t.entries {
		e := &t.entries[i]
		if !e.tried && (untried == nil || e.queued > untried.queued) {
			untried = e
		}
		if e.Confirmed {
			confirmed = e
		}
	}
	if untried != nil {
		return untried
	}
	return confirmed
}

// longestWaiting is the one whose turn, or whose coming, is the longest ago.
func (t *table) longestWaiting() *entry {
	var best *entry
	for i := range t.entries {
		if e := &t.entries[i]; best == nil || e.queued < best.queued {
			best = e
		}
	}
	return best
}

// list returns the candidates: the confirmed one first, then the newest heard.
func (t *table) list() []Candidate {
	list := make([]Candidate, 0, len(t.entries))
	for _, e := range t.entries {
		list = append(list, e.Candidate)
	}
	slices.SortStableFunc(list, func(a, b Candidate) int {
		if a.Confirmed != b.Confirmed {
			if a.Confirmed {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Heard.Compare(a.Heard), a.Addr.Compare(b.Addr))
	})
	return list
}
