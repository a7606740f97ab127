package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What each part of a [Confinement] may do to files (landlock(7)).
const (
	fsRun   = unix.LANDLOCK_ACCESS_FS_EXECUTE | fsRead
	fsRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fsWrite = fsRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_REFER

	// ofFile is what makes sense for a file that is no folder.
	ofFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// handled returns what of this a kernel with that version of the interface can
// forbid. TCP ports are left to the service manager: Landlock's rules (version 4)
// do not hold for MPTCP, which is what Go listens by, so they would keep nobody out.
func handled(version int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: 1<<13 - 1} // EXECUTE to MAKE_SYM
	if version >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		// Not LANDLOCK_SCOPE_SIGNAL: each thread has a domain of its own, and up to
		// Linux 6.14 threads could then not signal each other, as Go's do.
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	return attr
}

// landlock puts the process into a domain of its own and returns the version of
// the interface; 0 if the kernel has none, has it switched off, or is not to be asked.
func landlock(c Confinement) (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
	case unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL:
		return 0, nil
	case unix.EPERM: // a system call filter that does not know it, as those of containers
		return 0, nil
	default:
		return 0, errno
	}
	version := int(v)
	attr := handled(version)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), sizeFor(version), 0) //nolint:gosec // x/sys has no wrapper
	if errno != 0 {
		return 0, fmt.Errorf("rule set: %w", errno)
	}
	rules := int(fd)
	defer func() { _ = unix.Close(rules) }()
	for _, part := range [...]struct {
		paths  []string
		access uint64
	}{{c.Read, fsRead}, {c.Write, fsWrite}, {c.Run, fsRun}} {
		for _, path := range part.paths {
			if err := allow(rules, path, part.access&attr.Handled_access_fs); err != nil {
				return 0, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	if errno := allThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0); errno != 0 {
		return 0, fmt.Errorf("restrict: %w", errno)
	}
	return version, nil
}

// sizeFor is how much of the attributes a kernel of that version knows: it refuses
// more only if that is not zero, but older headers say so more plainly.
func sizeFor(version int) uintptr {
	switch {
	case version < 4:
		return 8
	case version < 6:
		return 16
	default:
		return 24
	}
}

// allow adds one path to the rules. One that does not exist is left out.
func allow(rules int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), path)
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.IsDir() {
		access &= ofFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0) //nolint:gosec // as above
	if errno != 0 {
		return errno
	}
	return nil
}
