package transport

import (
	"time"

	"socketha/peer/transport/internal/guard"
)

// Direction is which way datagrams are lost.
type Direction string

// Directions. FromPeer and ToPeer may both be lost where only one is named: the
// handshake stops at the first.
const (
	ToPeer   Direction = "to_peer"
	FromPeer Direction = "from_peer"
)

// PathMTU is a path that loses large datagrams and passes small ones (an HA
// link through a tunnel or a switch with a smaller MTU, say): handshakes get
// stuck where the large flight is due, again and again. It is deduced from
// datagrams that nobody vouches for, so it is for a person to look at and
// changes nothing.
type PathMTU struct {
	Direction Direction
	Lost      int // bytes of the largest datagram that we sent in vain; 0 if unknown
	Passed    int // bytes of the largest datagram that came in
	Since     time.Time
	At        time.Time // when it was last seen
	Count     uint64    // handshakes in a row
}

const (
	// mtuProof handshakes in a row make a finding. Each was answered anew by
	// small datagrams, so a peer that died is none: it answers nothing.
	mtuProof = 3

	// mtuApart is how far apart they began at least: parallel ones are one.
	mtuApart = time.Second
)

// stuck says which way the large flight was lost in a handshake that ran out of
// time; empty if that was not it. The flights are those of RFC 6347 figure 1.
func stuck(f *guard.Filter, initiator, proven bool) Direction {
	switch hellos, dones := f.Repeated(); {
	case initiator && dones > 1:
		return ToPeer // it repeats flight 4: flight 5 does not reach it
	case initiator && f.Verified() && !f.Certified():
		return FromPeer // flight 2 came, flight 4 did not
	case initiator || !proven || f.Certified():
		return ""
	case hellos > 2:
		return ToPeer // it repeats flight 3: flight 4 does not reach it
	default:
		return FromPeer // it does not: flight 4 has reached it, and flight 5 not us
	}
}

// outOfTime takes in a handshake of c that was not finished in time.
func (l *ledger) outOfTime(c *Conn, proven bool) {
	d := stuck(c.wire.Filter, c.initiator, proven)
	now := time.Now()
	begun := now.Add(-time.Duration(nanotime() - c.begun))
	sent, received := c.wire.Largest()
	if d == FromPeer {
		sent = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if begun.Before(l.last) {
		return // given up for one that got through
	}
	m := &l.mtu
	switch {
	case d == "":
		l.mtu = PathMTU{} // it gets further, or nobody answers
		return
	case d != m.Direction:
		l.mtu = PathMTU{Direction: d, Lost: sent, Passed: received, Since: begun, At: now, Count: 1}
		l.mtuBegun = begun
	case begun.Sub(l.mtuBegun) >= mtuApart:
		m.At, m.Lost, m.Passed = now, max(m.Lost, sent), max(m.Passed, received)
		m.Count++
		l.mtuBegun = begun
	}
	if m.Count == mtuProof {
		l.log.Warn("large datagrams are lost on the path to the peer, small ones pass: check the MTU",
			"direction", string(m.Direction), "lost_bytes", m.Lost, "passed_bytes", m.Passed)
		l.notify()
	}
}

// pathMTU returns the finding, nil if there is none; the caller holds mu.
func (l *ledger) pathMTU() *PathMTU {
	if l.mtu.Count < mtuProof {
		return nil
	}
	m := l.mtu
	return &m
}
