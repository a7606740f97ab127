package sock

import (
	"net"
	"sync"
	"syscall"
)

// Sender sends datagrams over one socket to one address without allocating, and
// can tell the kernel that the receiver is alive. Its methods may be called from
// anywhere.
type Sender struct {
	mu   sync.Mutex
	raw  syscall.RawConn
	call func(fd uintptr) bool // prepared once: a closure for each datagram would be garbage

	// Of the datagram being sent; guarded by mu.
	to      name
	b       []byte
	confirm bool
	err     error
}

// Conn is a UDP socket connected to the peer.
type Conn struct {
	*net.UDPConn
	*Sender
	receiver *Receiver
}

// Read returns the next datagram. One goroutine at a time may call it.
func (c *Conn) Read(b []byte) (int, error) {
	n, _, err := c.receiver.Receive(b)
	return n, err
}

// Write sends one datagram.
func (c *Conn) Write(b []byte) (int, error) { return c.Send(b, false) }

// Send sends one datagram. confirm says that an authenticated answer came from
// there a moment ago: then the kernel goes on using the link address it knows,
// without asking for it again (MSG_CONFIRM of send(2)).
func (s *Sender) Send(b []byte, confirm bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b, s.confirm, s.err = b, confirm, nil
	err := s.raw.Write(s.call)
	s.b = nil
	if err == nil {
		err = s.err
	}
	if err != nil {
		return 0, err // as the net package would return it: its users look for the errno
	}
	return len(b), nil
}
