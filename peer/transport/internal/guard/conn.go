package guard

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxHints bounds the errors in a row that one Read takes for hints, so that a
// socket which fails for good cannot keep it spinning.
const maxHints = 1 << 10

// Conn is the net.Conn that pion runs over: the datagrams of inner, filtered.
//
// Errors that a router or the peer's kernel can cause from outside (ICMP) are
// hints and not verdicts: they are counted in Hints and the datagram is lost,
// as UDP may lose it. Whether the peer is gone is the dead timer's decision.
type Conn struct {
	net.Conn
	*Filter

	hints    *atomic.Uint64
	muted    atomic.Bool
	parting  atomic.Bool
	parted   chan struct{} // closed when the farewell is sent, or cannot be
	once     sync.Once
	bypassed bool
	sent     atomic.Int32 // bytes of the largest datagram
	received atomic.Int32
	aside    func(datagram []byte) bool
	outgoing func(datagram []byte)
	sender   Sender      // inner, if it is one
	alive    func() bool // nil: never
}

// Sender is a connection below that can tell the kernel, with confirm, that the
// peer has answered a moment ago (MSG_CONFIRM of send(2)).
type Sender interface {
	Send(b []byte, confirm bool) (int, error)
}

// NewConn puts a filter over inner. hints counts errors taken for hints.
func NewConn(inner net.Conn, filter *Filter, hints *atomic.Uint64) *Conn {
	c := &Conn{Conn: inner, Filter: filter, hints: hints, parted: make(chan struct{})}
	c.sender, _ = inner.(Sender)
	return c
}

// Confirm has f asked, before each datagram is sent, whether something authentic
// came from the peer a moment ago. It must be called before the first Write.
func (c *Conn) Confirm(f func() bool) { c.alive = f }

// Bypass lets every record through. Tests use it to show what pion alone does
// with forged records; it must be called before the first Read.
func (c *Conn) Bypass() { c.bypassed = true }

// Largest returns the sizes of the largest datagrams that were sent, and that
// came in with anything that the filter let through; up to the end of the
// plaintext phase.
func (c *Conn) Largest() (sent, received int) { return int(c.sent.Load()), int(c.received.Load()) }

// measure notes the size of a datagram while the handshake runs; one goroutine
// at a time does so for each direction, or a size is missed.
func (c *Conn) measure(largest *atomic.Int32, n int) {
	if !c.Established() && int32(n) > largest.Load() {
		largest.Store(int32(n))
	}
}

// Aside has f look at every datagram before the filter does; what f takes, by
// returning true, pion never sees. It must be called before the first Read.
func (c *Conn) Aside(f func(datagram []byte) bool) { c.aside = f }

// Outgoing has f see every datagram that is sent until the plaintext phase ends.
// It must be called before the first Write.
func (c *Conn) Outgoing(f func(datagram []byte)) { c.outgoing = f }

// Mute swallows all that is written from now on, so that a handshake given up
// for another one leaves without an alert.
func (c *Conn) Mute() { c.muted.Store(true) }

// Part says that pion is about to be closed. When it is, its read loop races to
// close the socket before the close_notify is sent; this keeps the loop waiting
// for the next Write.
func (c *Conn) Part() { c.parting.Store(true) }

func (c *Conn) part() { c.once.Do(func() { close(c.parted) }) }

// SetReadDeadline is how pion interrupts its read loop.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.parting.Load() {
		<-c.parted
	}
	return c.Conn.SetReadDeadline(t)
}

// Close closes the connection below.
func (c *Conn) Close() error {
	c.part()
	return c.Conn.Close()
}

// Read returns the next datagram of which anything is left.
func (c *Conn) Read(b []byte) (int, error) {
	for hints := 0; ; {
		n, err := c.Conn.Read(b)
		switch {
		case err == nil:
			hints = 0
		case hints < maxHints && isHint(err):
			hints++
			c.hints.Add(1)
			continue
		default:
			return 0, err
		}
		if c.aside != nil && c.aside(b[:n]) {
			continue
		}
		size := n
		if !c.bypassed {
			n = c.Apply(b[:n])
		}
		if n > 0 {
			c.measure(&c.received, size)
			return n, nil
		}
	}
}

// Write sends one datagram. An ICMP error left over from an earlier datagram
// fails the next send without sending anything, so that one is tried again.
func (c *Conn) Write(b []byte) (int, error) {
	if c.parting.Load() {
		defer c.part()
	}
	if c.muted.Load() {
		return len(b), nil
	}
	c.measure(&c.sent, len(b))
	if c.outgoing != nil && !c.Established() {
		c.outgoing(b)
	}
	n, err := c.send(b)
	if err != nil && isHint(err) {
		c.hints.Add(1)
		n, err = c.send(b)
	}
	if err != nil && isHint(err) {
		c.hints.Add(1)
		return len(b), nil
	}
	return n, err
}

// send passes one datagram down.
func (c *Conn) send(b []byte) (int, error) {
	if c.sender == nil {
		return c.Conn.Write(b)
	}
	return c.sender.Send(b, c.alive != nil && c.alive())
}

// isHint tells what the network can cause from what is wrong with the socket.
func isHint(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN,
		syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EPROTO, syscall.EMSGSIZE, syscall.EACCES,
		syscall.EPERM, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN:
		return true
	default:
		return false
	}
}
