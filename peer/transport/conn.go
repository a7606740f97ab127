package transport

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v2"

	"socketha/peer/transport/internal/guard"
)

// ErrMessageTooLong is returned by Write for more than MaxMessage bytes.
var ErrMessageTooLong = fmt.Errorf("message longer than %d bytes", MaxMessage)

// Conn is one authenticated connection to the peer. Messages keep their
// boundaries; they may be lost and reordered, but neither changed, repeated nor
// forged. One goroutine should read all the time: what is not read is lost, the
// oldest first. Write and Close may be called from anywhere.
type Conn struct {
	endpoint  *Endpoint
	wire      *guard.Conn
	secured   *dtls.Conn
	who       peerIdentity
	initiator bool
	begun     int64 // nanotime

	sealed atomic.Uint64 // records protected and authenticated, for the key's life
	unseal atomic.Uint64
	heard  atomic.Int64 // nanotime of the last authentic record

	closing sync.Once
	idle    *time.Timer
}

// processStart is what nanotime counts from, by the monotonic clock.
var processStart = time.Now()

func nanotime() int64 { return int64(time.Since(processStart)) }

// opened is told of each record that authenticates. The first one ends the
// plaintext phase: the peer holds the keys, so nothing else is believed.
func (c *Conn) opened() {
	c.wire.Establish()
	if c.unseal.Add(1) == c.endpoint.wearLimit {
		c.worn()
	}
	c.heard.Store(nanotime())
}

// confirmWithin is how long after an authentic record the peer counts as alive
// where it was: the kernel is told so with what is sent, and need not ask for the
// link address again, which is lost as often as any frame. The kernel asks after
// 5 s without (DELAY_PROBE_TIME).
const confirmWithin = 3 * time.Second

// alive reports whether the peer has authenticated a record a moment ago. What
// came before the first one counts for nothing: anyone can send a handshake.
func (c *Conn) alive() bool {
	return c.unseal.Load() > 0 && nanotime()-c.heard.Load() <= int64(confirmWithin)
}

// begin starts the idle time-out. The timer is made first and started second,
// so that its function finds it.
func (c *Conn) begin() {
	c.idle = time.AfterFunc(math.MaxInt64, c.checkIdle)
	c.idle.Reset(c.endpoint.cfg.IdleTimeout)
}

// checkIdle closes the connection or sleeps until it could be idle next.
func (c *Conn) checkIdle() {
	left := c.endpoint.cfg.IdleTimeout - time.Duration(nanotime()-c.heard.Load())
	if left > 0 {
		c.idle.Reset(left)
		return
	}
	_ = c.Close() // never fails
}

// Read returns the next message. p should hold MaxMessage bytes: a message that
// does not fit is lost, and the error is io.ErrShortBuffer. After the peer or
// our side has closed the connection it returns io.EOF; no other error ends it.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := c.secured.Read(p)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			_ = c.Close() // never fails
			return 0, io.EOF
		case len(p) < maxDatagram && isShortBuffer(err):
			return 0, io.ErrShortBuffer
		}
		// Anything else is a hint passed up by pion, whose read loop goes on.
	}
}

// isShortBuffer recognizes an error that pion does not export.
func isShortBuffer(err error) bool {
	temporary, ok := errors.AsType[*dtls.TemporaryError](err)
	return ok && temporary.Err != nil && temporary.Err.Error() == "buffer is too small"
}

// Write sends one message of at most MaxMessage bytes. That the network did not
// take it is no error: it is lost, as any message may be.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) > MaxMessage {
		return 0, ErrMessageTooLong
	}
	n, err := c.secured.Write(p)
	if err != nil {
		return 0, fmt.Errorf("send to peer: %w", err)
	}
	return n, nil
}

// Close tells the peer and frees everything, in the background: pion may take a
// flight interval to come to rest, and no heartbeat should wait for that. It
// always returns nil; a pending Read returns io.EOF.
func (c *Conn) Close() error {
	c.closing.Do(func() {
		c.free()
		c.endpoint.remove(c)
	})
	return nil
}

// discard closes a connection that was never delivered.
func (c *Conn) discard() { c.closing.Do(c.free) }

func (c *Conn) free() {
	c.idle.Stop()
	c.endpoint.tasks.Go(func() {
		c.wire.Part()
		_ = c.secured.Close() // closes the socket, too; that it was closed already is fine
	})
}

// PeerSerial returns the serial in the peer's certificate. Escape it where it
// is shown.
func (c *Conn) PeerSerial() string { return c.who.Serial }

// PeerKey returns the fingerprint of the peer's key.
func (c *Conn) PeerKey() [32]byte { return c.who.Fingerprint }

// PeerExpires returns the end of the peer's certificate.
func (c *Conn) PeerExpires() time.Time { return c.who.Expires }

// Initiator reports whether we dialed.
func (c *Conn) Initiator() bool { return c.initiator }

// LocalAddr returns our address and port.
func (c *Conn) LocalAddr() net.Addr { return c.wire.LocalAddr() }

// RemoteAddr returns the peer's address and port.
func (c *Conn) RemoteAddr() net.Addr { return c.wire.RemoteAddr() }
