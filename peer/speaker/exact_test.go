package speaker

import (
	"slices"
	"testing"
	"time"
)

// TestSleepUntil is never early, whatever ends the kernel's sleep, and looks for news
// often enough.
func TestSleepUntil(t *testing.T) {
	begin := time.Now()
	at := begin.Add(lastStretch)
	now, looks := begin, 0
	var slept []time.Duration
	c := exactClock{
		now: func() time.Time { return now },
		sleep: func(d time.Duration) {
			slept = append(slept, d)
			now = now.Add(d/2 + 1) // a signal, each time
		},
	}
	c.sleepUntil(at, func() bool { looks++; return false })
	if now.Before(at) || slices.Max(slept) > lookEvery || looks < len(slept) {
		t.Errorf("ended %v before its time after sleeping %v and %d looks", at.Sub(now), slept, looks)
	}

	now, slept = begin, nil
	c.sleepUntil(at, func() bool { return len(slept) == 2 })
	if len(slept) != 2 {
		t.Errorf("slept %v, though there was news after two", slept)
	}
}

// TestBeforeLastStretch: who sleeps so long wakes up within the last stretch, with the
// leeway left. One who wakes up later than that is as late as without any of this.
func TestBeforeLastStretch(t *testing.T) {
	for left := lastStretch + 1; left < 400*time.Millisecond; left += 137 * time.Microsecond {
		rest := left - beforeLastStretch(left)
		if rest < leeway-fallAsleep || rest > lastStretch {
			t.Errorf("%v before its end the last stretch of %v is left with %v", left, lastStretch, rest)
		}
	}
}
