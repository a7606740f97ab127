package status

import (
	"fmt"
	"time"
)

// Instant is a moment as the time since boot (CLOCK_BOOTTIME), which no wall
// clock step moves. Zero means "never" or "not known": no agent runs at the very
// boot. A moment before the boot (a peer remembered from then) is negative.
type Instant time.Duration

// Add returns the instant d after t.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// since returns how long ago t was, never negative.
func (t Instant) since(now Instant) time.Duration {
	if now <= t {
		return 0
	}
	d := time.Duration(now - t)
	if d < 0 { // the difference of two far instants overflowed
		return 1<<63 - 1
	}
	return d
}

// timeLayout is RFC 3339 in UTC with milliseconds always written, so that times
// have one width and sort as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a wall time in the document: RFC 3339, UTC, whole milliseconds.
type Time struct{ time.Time }

// firstTime and lastTime bound what RFC 3339 can write.
var (
	firstTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
)

// NewTime returns t in UTC, cut to milliseconds and held within the years 0 to
// 9999: a broken clock must not make the document unwritable.
func NewTime(t time.Time) Time {
	t = t.UTC().Truncate(time.Millisecond)
	switch {
	case t.Before(firstTime):
		t = firstTime
	case t.After(lastTime):
		t = lastTime
	}
	return Time{t}
}

// MarshalJSON writes the time with exactly three decimals.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = NewTime(t.Time).AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON reads any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var read time.Time
	if err := read.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("time in the status document: %w", err)
	}
	*t = NewTime(read)
	return nil
}

// maxAnchorDrift is how far the wall clock may slew before SteadyBoot follows.
const maxAnchorDrift = time.Second

// SteadyBoot returns the wall time of the boot to use as [Live].Boot. Computed
// anew for each answer it would wobble by the time between two clock reads, and
// times that have not moved would seem to; so the last one (zero at first) is
// kept until the wall clock has moved by more than a second against the boot clock.
func SteadyBoot(last time.Time, now Instant, wall time.Time) time.Time {
	boot := wall.Round(0).Add(-time.Duration(now))
	if drift := boot.Sub(last); drift.Abs() <= maxAnchorDrift {
		return last
	}
	return boot
}
