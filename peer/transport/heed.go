package transport

import (
	"context"
	"time"
)

// hints is what the dialer keeps about the peer's hints; its loop owns it.
type hints struct {
	seeking, settled bucket
	pending          bool
	served           uint64      // latest attempt with a connection when the hint came
	timer            *time.Timer // when the pending one is heeded
}

func newHints() hints {
	timer := time.NewTimer(0)
	timer.Stop()
	return hints{
		seeking: bucket{burst: seekingBurst, every: seekingEvery},
		settled: bucket{burst: settledBurst, every: settledEvery},
		timer:   timer,
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
func (d *dialer) hinted() {
	if d.hints.pending {
		return
	}
	now := time.Now()
	at := d.limit().next(now)
	at = later(at, now.Add(d.hold(now)))
	d.hints.pending, d.hints.served = true, d.served
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
	if d.served != d.hints.served {
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
		old.cancel(errSuperseded)
	}
	d.limit().take(now)
	d.endpoint.ledger.hintDials.Add(1)
	d.start(ctx, true)
}

// slot says how long a hint has to wait until it may dial, and which attempt
// has to give way then; nil if there is room.
func (d *dialer) slot(now time.Time) (time.Duration, *attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.running) < maxDials {
		return 0, nil
	}
	for _, a := range d.running {
		if a.hinted {
			return max(hintSlot-now.Sub(a.begun), 0), a
		}
	}
	return hintSlot, nil // both were asked for
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
