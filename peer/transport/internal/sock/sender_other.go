//go:build !linux

package sock

import (
	"errors"
	"net"
	"net/netip"
)

type name = struct{}

// NewSender refuses: no socket could be opened to send over.
func NewSender(*net.UDPConn, netip.AddrPort, bool) (*Sender, error) {
	return nil, errors.New("HA link sockets need Linux")
}
