package speaker

import "time"

// alarm is the one timer of the loop. It rings once the time set last has passed, not
// before; that it rings without being set, or for a time set before, does no harm.
type alarm interface {
	set(d time.Duration)
	stop()
}

// goAlarm is a timer of Go's runtime, whose poller sleeps whole milliseconds: it is late by
// up to one, and wakes up twice for that.
type goAlarm struct{ timer *time.Timer }

func newGoAlarm(ring func()) goAlarm {
	return goAlarm{time.AfterFunc(maxIdle, ring)}
}

func (g goAlarm) set(d time.Duration) { g.timer.Reset(d) }
func (g goAlarm) stop()               { g.timer.Stop() }
