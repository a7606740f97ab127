package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot reads CLOCK_BOOTTIME.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	// The clock exists since Linux 2.6.39, and the call cannot fail with a valid
	// pointer (clock_gettime(2)).
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("agent: CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(ts.Nano())
}
