package needs

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// As runs fn with another user, group and supplementary groups, on a thread that
// dies with it: the rest of the process stays what it is. It takes root.
func As(user, group int, groups []uint32, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked
		for _, call := range [][3]uintptr{
			{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups)))},
			{unix.SYS_SETGID, uintptr(group)},
			{unix.SYS_SETUID, uintptr(user)},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], 0); errno != 0 {
				done <- errno
				return
			}
		}
		done <- fn()
	}()
	return <-done
}
