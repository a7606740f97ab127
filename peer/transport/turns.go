package transport

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// How candidates share the dials. A candidate that is not answered holds the
// next one up by rotateAfter only (RFC 8305 section 5 calls it the connection
// attempt delay), and gives way when both dials are taken.
const (
	rotateAfter     = 75 * time.Millisecond
	patienceSilent  = 1.5 // flight intervals, before one that is not answered gives way
	patienceStarted = 5   // for one that is
	maxPatience     = 4   // doublings: who gave way is given longer next time
)

// candidate is what the dialer remembers of an address.
type candidate struct {
	delay time.Duration // before the next attempt, if this one fails
	due   time.Time     // not dialed again before
	turn  uint64        // number of the latest attempt; the lowest is next
	gave  int           // how often it gave way since the last success
}

// candidates returns the addresses to dial, the one last connected first, and
// forgets what is known of others.
func (d *dialer) candidates() []netip.AddrPort {
	peers := d.endpoint.addresses().reachable()
	first := d.endpoint.preference()
	if i := slices.Index(peers, first); i > 0 {
		peers = slices.Insert(slices.Delete(peers, i, i+1), 0, first)
	}
	for addr := range d.known {
		if !slices.Contains(peers, addr) {
			delete(d.known, addr)
		}
	}
	for _, addr := range peers {
		if d.known[addr] == nil {
			d.known[addr] = &candidate{delay: minRedial}
		}
	}
	return peers
}

// plan dials whoever's turn it is, if a connection is wanted, and sets the timer
// for the next look.
func (d *dialer) plan(ctx context.Context) {
	d.timer.Stop()
	if !d.wanted() || ctx.Err() != nil {
		return
	}
	peers := d.candidates()
	now := time.Now()
	addr, at := d.turn(peers, now)
	if !addr.IsValid() {
		return
	}
	wait, old := d.room(len(peers), now)
	if at = later(later(at, now.Add(wait)), d.spaced()); at.After(now) {
		d.timer.Reset(at.Sub(now))
		return
	}
	if !d.wanted() {
		return // it has come since: an attempt that succeeds is off the list when that can be seen
	}
	if old != nil {
		d.giveUp(old)
		if k := d.known[old.addr]; k != nil {
			k.gave = min(k.gave+1, maxPatience)
		}
	}
	d.start(ctx, addr, forOwner)
	d.timer.Reset(rotateAfter) // for another candidate, if there is one
}

// spaced returns when the next dial beside those under way may begin.
func (d *dialer) spaced() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.running); n > 0 && !d.running[n-1].ended {
		return d.running[n-1].begun.Add(rotateAfter)
	}
	return time.Time{}
}

// turn returns whom to dial next and when: of those that nobody is dialing the
// one that is due, or due first; among those due the one that has waited
// longest. The zero address means nobody.
func (d *dialer) turn(peers []netip.AddrPort, now time.Time) (next netip.AddrPort, at time.Time) {
	for _, addr := range peers {
		if d.dialing(addr) {
			continue
		}
		k := d.known[addr]
		due := later(k.due, now)
		if !next.IsValid() || due.Before(at) || due.Equal(at) && k.turn < d.known[next].turn {
			next, at = addr, due
		}
	}
	return next, at
}

// dialing reports whether an attempt to addr is under way.
func (d *dialer) dialing(addr netip.AddrPort) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.running, func(a *attempt) bool { return a.addr == addr && !a.ended })
}

// room says how long to wait for a place among the dials and who has to give
// way for it; nil if nobody has to.
func (d *dialer) room(peers int, now time.Time) (time.Duration, *attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var live []*attempt
	for _, a := range d.running {
		if !a.ended {
			live = append(live, a)
		}
	}
	if len(live) < maxDials || peers == 1 {
		return 0, nil
	}
	var first *attempt
	var wait time.Duration
	for _, a := range live {
		left := d.patience(a) - now.Sub(a.begun)
		if first == nil || left < wait {
			first, wait = a, left
		}
	}
	return max(wait, 0), first
}

// patience returns how long an attempt is left alone while others wait.
func (d *dialer) patience(a *attempt) time.Duration {
	intervals := patienceSilent
	if a.answered() {
		intervals = patienceStarted
	}
	p := time.Duration(intervals * float64(d.endpoint.cfg.FlightInterval))
	if k := d.known[a.addr]; k != nil {
		p <<= k.gave
	}
	return min(p, handshakeTimeout)
}

// failed puts off the next attempt to an address.
func (d *dialer) failed(addr netip.AddrPort, err error) {
	if k := d.known[addr]; k != nil {
		k.due = time.Now().Add(jitter(k.delay))
		k.delay = min(2*k.delay, redialLimit(err))
	}
}

// hurry forgets all delays.
func (d *dialer) hurry() {
	for _, k := range d.known {
		k.delay, k.due = minRedial, time.Time{}
	}
}
