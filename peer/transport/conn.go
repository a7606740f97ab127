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
	"socketha/peer/transport/internal/suite"
)

// ErrMessageTooLong is returned by Write for more than MaxMessage bytes.
var ErrMessageTooLong = fmt.Errorf("message longer than %d bytes", MaxMessage)

// Conn is one authenticated connection to the peer. Messages keep their
// boundaries; they may be lost and reordered, but neither changed, repeated nor
// forged. One goroutine should read all the time: what is not read is lost, the
// oldest first. Write and Close may be called from anywhere.
//
// pion makes the connection and ends it. In between, messages pass by it: pion
// starts a goroutine for each that is read or written, and on an appliance a
// heartbeat costs what it wakes up. The records are the same.
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

	keyed atomic.Pointer[suite.Suite] // has the keys; pion may not be done
	live  atomic.Pointer[suite.Suite] // the handshake is complete: messages pass by pion
	early prompt
	inbox messages

	writing sync.Mutex
	over    bool   // closed; guarded by writing
	scratch []byte // for sealing; guarded by writing

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

// begin takes the messages off pion's hands, and starts the idle time-out. The
// timer is made first and started second, so that its function finds it.
//
// Not before the handshake is complete: the first record that authenticates ends
// the plaintext phase, and with the peer's last flight lost on the way the
// handshake still needs it.
func (c *Conn) begin() {
	if !c.endpoint.bypass {
		c.live.Store(c.keyed.Load())
		for _, datagram := range c.early.release() {
			c.take(datagram)
		}
	}
	c.idle = time.AfterFunc(math.MaxInt64, c.checkIdle)
	c.idle.Reset(c.endpoint.cfg.IdleTimeout)
	c.endpoint.tasks.Go(c.listen) // last: the peer may have gone already, and the end stops the timer
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

// take opens a datagram that is one message, or holds it until the handshake is
// complete; any other it leaves to pion and returns false. Any goroutine may call
// it.
func (c *Conn) take(datagram []byte) bool {
	if !guard.Message(datagram) || c.endpoint.bypass {
		return false
	}
	s := c.live.Load()
	if s == nil {
		if c.early.hold(datagram) {
			return true
		}
		s = c.live.Load() // just now
	}
	if message, err := s.Open(datagram); err == nil {
		c.receive(message)
	}
	return true
}

// receive queues a message for Read.
func (c *Conn) receive(message []byte) {
	if c.inbox.push(message) {
		c.endpoint.ledger.count(ReasonQueueOverflow)
	}
}

// listen waits for what comes by way of pion: the end, mostly, and messages that
// shared a datagram with another record.
func (c *Conn) listen() {
	var b [maxDatagram]byte
	for {
		n, err := c.secured.Read(b[:])
		switch {
		case err == nil:
			c.receive(b[:n])
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			_ = c.Close() // never fails
			return
		}
		// Anything else is a hint passed up by pion, whose read loop goes on.
	}
}

// Read returns the next message. p should hold MaxMessage bytes: a message that
// does not fit is lost, and the error is io.ErrShortBuffer. After the peer or
// our side has closed the connection it returns io.EOF, once what came before is
// read; no other error ends it.
func (c *Conn) Read(p []byte) (int, error) { return c.inbox.read(p) }

// Write sends one message of at most MaxMessage bytes. That the network did not
// take it is no error: it is lost, as any message may be.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) > MaxMessage {
		return 0, ErrMessageTooLong
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.send(p); err != nil {
		return 0, fmt.Errorf("send to peer: %w", err)
	}
	return len(p), nil
}

// send protects and sends a message; the caller holds writing.
func (c *Conn) send(p []byte) error {
	if c.over {
		return net.ErrClosed
	}
	record, err := c.keyed.Load().Seal(c.scratch[:0], p)
	if err != nil {
		return err
	}
	c.scratch = record
	_, err = c.wire.Write(record)
	return err
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
	c.writing.Lock()
	c.over = true // the next thing written is pion's goodbye
	c.writing.Unlock()
	c.inbox.close()
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
