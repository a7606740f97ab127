package speaker

import "time"

// SleepExactly makes sp sleep the last stretch by f, as it does by the kernel's clock
// outside of a bubble of testing/synctest. It returns how long that is at most.
func (sp *Speaker) SleepExactly(f func(time.Duration)) time.Duration {
	sp.exact = exactClock{now: time.Now, sleep: f}
	return lastStretch
}
