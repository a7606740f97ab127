package unixsock

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// firstGroups is how many supplementary groups are asked for at first.
const firstGroups = 64

// Peer returns who made a unix connection, or for a connection made here, who
// listens. Kernels before 4.13 do not tell supplementary groups.
func Peer(conn net.Conn) (Credentials, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return Credentials{}, fmt.Errorf("credentials of a %T: it is not a socket", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return Credentials{}, fmt.Errorf("credentials of the peer: %w", err)
	}
	var c Credentials
	control := raw.Control(func(fd uintptr) { c, err = peer(int(fd)) })
	if err = errors.Join(control, err); err != nil {
		return Credentials{}, fmt.Errorf("credentials of the peer: %w", err)
	}
	return c, nil
}

func peer(fd int) (Credentials, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Credentials{}, err
	}
	groups, err := peerGroups(fd)
	if err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
		return Credentials{}, err
	}
	return Credentials{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid), Groups: groups}, nil
}

// peerGroups asks for SO_PEERGROUPS, which golang.org/x/sys/unix cannot.
func peerGroups(fd int) ([]int, error) {
	gids := make([]uint32, firstGroups)
	for {
		const each = unsafe.Sizeof(gids[0])
		size := uint32(len(gids)) * uint32(each)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&gids[0])), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // size is that of gids in bytes
		n := int(size / uint32(each))
		switch {
		case errno == unix.ERANGE && n > len(gids): // size now says how much it takes
			gids = make([]uint32, n)
			continue
		case errno != 0:
			return nil, errno
		}
		groups := make([]int, min(n, len(gids)))
		for i := range groups {
			groups[i] = int(gids[i])
		}
		return groups, nil
	}
}
