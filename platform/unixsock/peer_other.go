//go:build !linux

package unixsock

import (
	"errors"
	"fmt"
	"net"
	"runtime"
)

// Peer says that it cannot be told: SO_PEERCRED is of Linux.
func Peer(net.Conn) (Credentials, error) {
	return Credentials{}, fmt.Errorf("credentials of the peer on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
