package alarm

import (
	"math"
	"time"
)

// Instant is a moment as the time since an origin that the caller chooses and
// keeps: the agent counts from boot, the console from the Unix epoch. Where an
// input may leave a moment out, zero means "not known".
type Instant time.Duration

// Add returns the instant d after t, held at the ends of what an Instant can tell.
func (t Instant) Add(d time.Duration) Instant {
	sum := t + Instant(d)
	switch {
	case d > 0 && sum < t:
		return math.MaxInt64
	case d < 0 && sum > t:
		return math.MinInt64
	}
	return sum
}

// Sub returns how long after u t is, held at the ends of what a Duration can tell.
func (t Instant) Sub(u Instant) time.Duration {
	d := t - u
	switch {
	case t > u && d < 0:
		return math.MaxInt64
	case t < u && d > 0:
		return math.MinInt64
	}
	return time.Duration(d)
}

// stated returns the moment that an input states: now if it left it out, and
// never later than now.
func stated(at, now Instant) Instant {
	if at == 0 {
		return now
	}
	return min(max(at, -farthest), now)
}
