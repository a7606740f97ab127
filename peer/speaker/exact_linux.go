package speaker

import (
	"syscall"
	"time"
)

// kernelClock returns the kernel's way to sleep. There is none where time.Now is not the
// kernel's time, as in a bubble of testing/synctest: its time would stand still meanwhile.
func kernelClock() exactClock {
	var real syscall.Timeval
	if err := syscall.Gettimeofday(&real); err != nil {
		return exactClock{}
	}
	if off := time.Since(time.Unix(real.Unix())).Abs(); off > time.Second {
		return exactClock{}
	}
	return exactClock{now: time.Now, sleep: func(d time.Duration) {
		t := syscall.NsecToTimespec(int64(d))
		// A signal ends it early, and whoever called looks at the time again.
		_ = syscall.Nanosleep(&t, nil)
	}}
}
