package rig

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// realtimeEnv marks the process that has been made fast already.
const realtimeEnv = "SOCKETHA_BENCH_REALTIME"

// realtimePriority of the observer, as halink's.
const realtimePriority = 5

// BeRealtime has this process scheduled before ordinary ones, by running it
// again, so that a busy machine delays what is measured and not the stamps. It
// must be called from the first thread before there are others. It returns false
// when the kernel does not allow it.
func BeRealtime() (bool, error) {
	switch os.Getenv(realtimeEnv) {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	granted := "yes"
	if unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: realtimePriority}, 0) != nil {
		granted = "no"
	}
	err := syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), realtimeEnv+"="+granted))
	return false, fmt.Errorf("run again with realtime priority: %w", err)
}

// ordinary gives the calling thread the priority of an ordinary process.
func ordinary() error {
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0); err != nil {
		return fmt.Errorf("leave realtime priority: %w", err)
	}
	return nil
}
