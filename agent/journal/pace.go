package journal

import "time"

// Urgency says how soon an update should be on flash.
type Urgency uint8

// Urgencies.
const (
	Routine Urgency = iota // with the next write, or after Options.Every
	Change                 // now: the verdict changed, the alarm, a declaration
	waited                 // now, and somebody waits for it
)

const (
	// DefaultEvery is the least time between a write and one of routine only.
	DefaultEvery = 15 * time.Minute

	// allowance is how many changes may be written in a row, and refill how soon
	// it grows by one: 16 + 288 a day, and 96 of routine in between.
	allowance = 16
	refill    = 5 * time.Minute

	firstRetry = 5 * time.Second
	lastRetry  = 15 * time.Minute
)

// pace decides when to write. It reads no clock.
type pace struct {
	every    time.Duration
	written  time.Time // the last time, or when it began
	full     time.Time // when the allowance is whole again
	failures int       // in a row
	failed   time.Time
}

// Due returns when a change may be written: now, if that time has come.
func (p *pace) Due(now time.Time, change Urgency) time.Time {
	if change == waited {
		return now
	}
	due := now
	switch {
	case change == Routine:
		due = p.written.Add(p.every)
	case p.full.Sub(now) > (allowance-1)*refill:
		due = p.full.Add(-(allowance - 1) * refill)
	}
	if p.failures > 0 {
		retry := p.failed.Add(backOff(p.failures))
		if retry.After(due) {
			due = retry
		}
	}
	return due
}

// wrote accounts for a write.
func (p *pace) wrote(now time.Time, change Urgency) {
	p.failures = 0
	p.written = now
	if change == Routine {
		return
	}
	if p.full.Before(now) {
		p.full = now
	}
	p.full = p.full.Add(refill)
	// Those who wait are not held back, and do not hold others back for ever.
	if most := now.Add(allowance * refill); p.full.After(most) {
		p.full = most
	}
}

// failedAt accounts for a write that failed.
func (p *pace) failedAt(now time.Time) {
	p.failures++
	p.failed = now
}

// backOff is the wait after that many failures in a row: 5 s, 10 s … 15 min.
func backOff(failures int) time.Duration {
	wait := firstRetry
	for ; failures > 1 && wait < lastRetry; failures-- {
		wait *= 2
	}
	return min(wait, lastRetry)
}
