package transport

import (
	"cmp"
	"context"
	"net/netip"
	"time"
)

// hints is what the dialer keeps about the peer's hints; its loop owns it.
type hints struct {
	seeking, settled bucket
	pending          bool
	from             netip.Addr  // who sent it
	served           uint64      // latest attempt with a connection when the hint came
	timer            *time.Timer // when the pending one is heeded
}

func newHints() hints {
	return hints{
		seeking: bucket{burst: seekingBurst, every: seekingEvery},
		settled: bucket{burst: settledBurst, every: settledEvery},
		timer:   stopped(),
	}
}

// limit returns the bucket to take from.
func (d *dialer) limit() *bucket {
	if d.wanted() {
		return &d.hints.seeking
	}
	return &d.hints.settled
}

// hinted takes in a hint. At most one waits to be heeded.
func (d *dialer) hinted(from netip.Addr) {
	if d.hints.pending {
		return
	}
	now := time.Now()
	at := d.limit().next(now)
	at = later(at, now.Add(d.hold(now)))
	d.hints.pending, d.hints.served, d.hints.from = true, d.latest(), from
	d.hints.timer.Reset(at.Sub(now))
}

// hold returns how long to leave it to the attempts under way.
func (d *dialer) hold(now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	var wait time.Duration
	for _, a := range d.running {
		switch {
		case a.answered():
			return holdAnswered
		case now.Sub(a.begun) < holdBegun:
			wait = holdBegun
		}
	}
	return wait
}

// heed dials for the pending hint, beside whatever is under way, unless a
// connection has come since.
func (d *dialer) heed(ctx context.Context) {
	d.hints.pending = false
	addr := d.source(d.hints.from)
	if d.latest() != d.hints.served || !addr.IsValid() {
		return
	}
	now := time.Now()
	wait, old := d.slot(now)
	at := later(now.Add(wait), d.limit().next(now))
	if at.After(now) {
		d.hints.pending = true
		d.hints.timer.Reset(at.Sub(now))
		return
	}
	if old != nil {
		d.giveUp(old)
	}
	d.limit().take(now)
	d.endpoint.ledger.hintDials.Add(1)
	d.start(ctx, addr, forHint)
}

// source returns the candidate at an address, the one last connected first; the
// zero one if there is none any more.
func (d *dialer) source(from netip.Addr) netip.AddrPort {
	for _, addr := range d.candidates() {
		if addr.Addr().WithZone("") == from {
			return addr
		}
	}
	return netip.AddrPort{}
}

// slot says how long a hint has to wait until it may dial, and which attempt
// has to give way then; nil if there is room. Of two that were begun without a
// hint the older may, unless it is answered: most likely it was sent to a peer
// that was not there yet. The last one never does.
func (d *dialer) slot(now time.Time) (time.Duration, *attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	live, unasked := 0, 0
	var hinted, silent *attempt // the oldest ones
	for _, a := range d.running {
		if a.ended {
			continue
		}
		live++
		switch a.reason {
		case forHint:
			hinted = cmp.Or(hinted, a)
		case forOwner:
			if unasked++; silent == nil && !a.answered() {
				silent = a
			}
		case forRekey:
		}
	}
	switch {
	case live < maxDials:
		return 0, nil
	case hinted != nil:
		return max(hintSlot-now.Sub(hinted.begun), 0), hinted
	case silent != nil && unasked > 1:
		return 0, silent
	}
	return hintSlot, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
