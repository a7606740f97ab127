//go:build !linux

package sock

import (
	"errors"
	"net"
	"net/netip"
)

var errNotLinux = errors.New("HA link sockets need Linux")

type name = struct{}

// Receiver receives nothing.
type Receiver struct{}

// NewSender refuses: no socket could be opened to send over.
func NewSender(*net.UDPConn, netip.AddrPort, bool) (*Sender, error) { return nil, errNotLinux }

// NewReceiver refuses likewise.
func NewReceiver(*net.UDPConn, bool) (*Receiver, error) { return nil, errNotLinux }

// Receive is never called.
func (*Receiver) Receive([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, errNotLinux
}
