//go:build !linux

package sock

import (
	"errors"
	"syscall"
)

// control refuses: without the hop limit filter and the binding to the
// interface the link would not be what it promises to be.
func control(string, bool) func(string, string, syscall.RawConn) error {
	return func(_, _ string, _ syscall.RawConn) error {
		return errors.New("HA link sockets need Linux")
	}
}
