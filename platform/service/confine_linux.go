package service

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Confine takes from this process, all its threads, and whatever it starts, what
// the agent does not need at run time. It belongs after the sockets, files and
// pipes that need more have been opened; it cannot be undone. What the kernel does not
// offer is told in the result; an error means that what it does offer failed.
func Confine(c Confinement) (Confined, error) {
	var done Confined
	if errno := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); errno != 0 {
		if errno == syscall.ENOTSUP {
			// The rest would hold for one thread only, which is worth nothing.
			done.Missing = "this build uses cgo, and so cannot confine all its threads"
			return done, nil
		}
		return done, fmt.Errorf("no new privileges: %w", errno)
	}
	done.NoNewPrivileges = true
	version, err := landlock(c)
	if err != nil {
		return done, fmt.Errorf("landlock: %w", err)
	}
	done.Landlock = version
	if version == 0 {
		done.Missing = "this kernel has no Landlock, or it may not be used"
	}
	if err := dropCapabilities(c.KeepNetRaw); err != nil {
		return done, fmt.Errorf("capabilities: %w", err)
	}
	done.Capabilities = true
	return done, nil
}

// allThreads makes a system call on every thread of the process. For arguments
// that are pointers take syscall.AllThreadsSyscall itself, which holds them fast.
func allThreads(trap, a1, a2 uintptr) syscall.Errno {
	_, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, 0)
	return errno
}

// dropCapabilities empties all sets but, if asked for, CAP_NET_RAW where the
// process has it.
func dropCapabilities(keepNetRaw bool) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have, keep [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	if keepNetRaw {
		const netRaw = 1 << unix.CAP_NET_RAW
		keep[0].Permitted = have[0].Permitted & netRaw
		keep[0].Effective = keep[0].Permitted
	}
	// The bounding set first: to drop from it takes CAP_SETPCAP, and without that
	// no_new_privs already keeps anything from being gained.
	for capability := range uintptr(unix.CAP_LAST_CAP + 1) {
		if capability == unix.CAP_NET_RAW && keepNetRaw {
			continue
		}
		errno := allThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, capability)
		if errno != 0 && errno != unix.EPERM && errno != unix.EINVAL {
			return fmt.Errorf("bounding set: %w", errno)
		}
	}
	errno := allThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	if errno != 0 && errno != unix.EINVAL { // before Linux 4.3
		return fmt.Errorf("ambient set: %w", errno)
	}
	if have == keep {
		return nil // and a service manager's filter may forbid to ask
	}
	// Both structures live on this stack frame, and Pid 0 is each thread in turn.
	//nolint:gosec // capset(2) has no wrapper for all threads
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&keep[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// BindNeedsCapability reports whether this kernel binds a socket to an interface
// only for a process with CAP_NET_RAW, as those before 5.7 do.
func BindNeedsCapability() bool {
	needs := make(chan bool)
	go func() {
		// The thread gives up its capabilities and ends with the goroutine.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if unix.Capset(&header, &none[0]) != nil {
			needs <- false
			return
		}
		needs <- errors.Is(bindToLoopback(), os.ErrPermission)
	}()
	return <-needs
}

func bindToLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.BindToDevice(fd, "lo")
}
