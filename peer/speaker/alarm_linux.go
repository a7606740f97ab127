package speaker

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newAlarm returns the kernel's timer, or Go's where there is none or where time.Now is
// not the kernel's time, as in a bubble of testing/synctest.
func newAlarm(ring func()) alarm {
	var wall syscall.Timeval
	if err := syscall.Gettimeofday(&wall); err != nil || time.Since(time.Unix(wall.Unix())).Abs() > time.Second {
		return newGoAlarm(ring)
	}
	k, err := newKernelAlarm(ring)
	if err != nil {
		return newGoAlarm(ring)
	}
	return k
}

// kernelAlarm is a timerfd(2) that Go's poller waits for beside the sockets.
type kernelAlarm struct {
	file *os.File
	raw  syscall.RawConn
}

func newKernelAlarm(ring func()) (*kernelAlarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	k := &kernelAlarm{file: os.NewFile(uintptr(fd), "timer")}
	if k.raw, err = k.file.SyscallConn(); err == nil {
		err = k.file.SetReadDeadline(time.Time{}) // only what the poller waits for has one
	}
	if err != nil {
		_ = k.file.Close() // of no use to anybody
		return nil, err
	}
	go k.watch(ring)
	return k, nil
}

// watch rings each time it goes off, until it is stopped. The poller tells of each once
// (EPOLLET), so there is nothing to read, which saves a call. It is all one Read, and it rings
// once at its beginning, since what happened before a Read begins is not told.
func (k *kernelAlarm) watch(ring func()) {
	_ = k.raw.Read(func(uintptr) bool { // ends when the file is closed
		ring()
		return false
	})
}

func (k *kernelAlarm) set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))} // 0 would stop it
	_ = k.raw.Control(func(fd uintptr) {
		_ = unix.TimerfdSettime(int(fd), 0, &spec, nil) // fails for a wrong time only
	})
}

func (k *kernelAlarm) stop() { _ = k.file.Close() }
