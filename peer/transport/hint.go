package transport

import (
	"net/netip"
	"slices"
	"time"
)

// hintKind is what a hint says. The numbers are on the wire and only ever added.
type hintKind byte

// Hints; the layout stands in the package comment.
const (
	hintPoke      hintKind = 1 // the acceptor has opened its socket and knows no connection
	hintNoSession hintKind = 2 // the acceptor got a protected record of a connection it does not know
)

const (
	hintMagic   = "SHAH"
	hintVersion = 1
	hintSize    = 8
)

// datagram returns the hint as it is sent.
func (k hintKind) datagram() []byte {
	return append([]byte(hintMagic), hintVersion, byte(k), 0, 0)
}

// parseHint reads a datagram. It is no hint, or none we know, unless the size,
// the magic, the version and the kind are right.
func parseHint(b []byte) (hintKind, bool) {
	if len(b) != hintSize || string(b[:4]) != hintMagic || b[4] != hintVersion {
		return 0, false
	}
	k := hintKind(b[5])
	return k, k == hintPoke || k == hintNoSession
}

// How many hints are sent and heeded. Nobody vouches for a hint, so what one
// costs is bounded on both ends.
const (
	answerBurst = 8 // "no session" answers
	answerEvery = 20 * time.Millisecond

	// While a connection is wanted a hint starts a dial beside the one under way.
	seekingBurst = 2
	seekingEvery = 25 * time.Millisecond

	// While there is one a hint that is true says that it is dead. A false one
	// makes a connection nobody needs, so there are fewer.
	settledBurst = 3
	settledEvery = 500 * time.Millisecond

	// How long a hint waits for a dial that is being answered, and for one that
	// has just begun: it is forgotten if that one succeeds.
	holdAnswered = 20 * time.Millisecond
	holdBegun    = 5 * time.Millisecond

	// hintSlot is how long a dial begun for a hint is left alone. The dial that
	// was begun without one is never given up for a hint.
	hintSlot = 250 * time.Millisecond
)

// pokeTimes are when an acceptor pokes after it has opened its socket, until
// the peer has connected. After them it pokes every pokeRest, spread by a quarter:
// for the other Socket that waits, too, because it has our own key.
var pokeTimes = [...]time.Duration{0, 40 * time.Millisecond, 120 * time.Millisecond}

const pokeRest = 10 * time.Second

// bucket is a token bucket. It has one owner and reads no clock.
type bucket struct {
	burst int
	every time.Duration
	full  time.Time // when all tokens are back
}

// next returns when a token is free: now, if not later.
func (b *bucket) next(now time.Time) time.Time {
	if at := b.full.Add(-time.Duration(b.burst-1) * b.every); at.After(now) {
		return at
	}
	return now
}

// take takes a token and reports whether there was one.
func (b *bucket) take(now time.Time) bool {
	if b.next(now).After(now) {
		return false
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(b.every)
	return true
}

// hinted takes in a hint from a candidate's address; c is the connection it
// came on, nil for one to the socket that listens. It is only a reason to dial.
func (e *Endpoint) hinted(from netip.Addr, c *Conn) {
	e.ledger.peerHints.Add(1)
	if c != nil && !e.newest(c) {
		return // a newer connection is there: this one may well be forgotten
	}
	select {
	case e.hints <- from.Unmap().WithZone(""):
	default: // one waits already and stands for all
	}
}

// newest reports whether no connection that we dialed is newer than c.
func (e *Endpoint) newest(c *Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range slices.Backward(e.open) {
		if o.initiator {
			return o == c
		}
	}
	return false
}

// pokeAll pokes when the socket was opened and when there are other candidates,
// until over is closed.
func (a *acceptor) pokeAll(s packetSocket, over <-chan struct{}) {
	for a.poke(s, over) {
	}
}

// poke tells the peer that we listen, so that it dials at once, until it does. It
// reports whether to begin again: a candidate that comes late is not kept waiting
// for the poke that was due next. It returns false once over is closed.
func (a *acceptor) poke(s packetSocket, over <-chan struct{}) (again bool) {
	e, begun := a.endpoint, time.Now()
	timer := stopped()
	defer timer.Stop()
	for i := 0; ; i++ {
		wait := jitter(pokeRest)
		if i < len(pokeTimes) {
			wait = time.Until(begun.Add(pokeTimes[i]))
		}
		timer.Reset(wait)
		select {
		case <-over:
			return false
		case <-e.poked:
			return true
		case <-timer.C:
		}
		if a.met() {
			break
		}
		for _, peer := range e.addresses().reachable() {
			e.sendHint(s, hintPoke, peer)
		}
	}
	select {
	case <-over:
		return false
	case <-e.poked:
		return true
	}
}

// sendHint sends one hint. The zone is the socket's interface: a name would be
// looked up, and the net package remembers what it found for a minute.
func (e *Endpoint) sendHint(s packetSocket, k hintKind, to netip.AddrPort) {
	if e.cfg.Interface != "" {
		to = netip.AddrPortFrom(to.Addr().WithZone(""), to.Port())
	}
	if _, err := s.WriteToUDPAddrPort(k.datagram(), to); err == nil {
		e.ledger.hintsSent.Add(1)
	}
}
