package service

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic reads the clock that systemd compares RELOADING with.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano()), err
}
