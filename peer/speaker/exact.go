package speaker

import "time"

const (
	// lastStretch before the detection time is slept by the kernel's timer instead of
	// Go's, whose poller knows whole milliseconds only and is late by up to one.
	lastStretch = time.Millisecond + leeway
	leeway      = 1100 * time.Microsecond // that the wake-up at its beginning may be late by

	// lookEvery is how long of it a heartbeat that comes in the last moment may wait.
	lookEvery = 250 * time.Microsecond
)

// exactClock is how the last stretch is slept.
type exactClock struct {
	now   func() time.Time
	sleep func(time.Duration) // may return early, never much too late
}

// sleepUntil returns at the time at, hardly later, or earlier where there is news. It blocks
// the thread, so it is for the last stretch before a peer is given up and for nothing else:
// while heartbeats come nobody gets so far.
func (c exactClock) sleepUntil(at time.Time, news func() bool) {
	for !news() {
		left := at.Sub(c.now())
		if left <= 0 {
			return
		}
		c.sleep(min(left, lookEvery))
	}
}

// inLastStretch reports whether the peer is about to be given up.
func (l *loop) inLastStretch(now time.Time) bool {
	detect := l.s.DetectAt()
	return l.sp.exact.sleep != nil && !detect.IsZero() && detect.Sub(now) <= lastStretch
}

// poked takes the notice that there is something to do, if there is one.
func (l *loop) poked() bool {
	select {
	case <-l.sp.wake:
		return true
	default:
		return false
	}
}

// beforeLastStretch returns how long to sleep so that the last stretch is not missed. It
// is whole milliseconds and what it takes to fall asleep, as in nap.
func beforeLastStretch(left time.Duration) time.Duration {
	return (left - leeway).Truncate(time.Millisecond) + fallAsleep
}
