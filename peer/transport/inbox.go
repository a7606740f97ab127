package transport

import (
	"net"
	"os"
	"sync"
	"time"
)

// inboxSize bounds the datagrams waiting on one virtual connection.
const inboxSize = 16

// datagram is a reusable buffer with one datagram in it.
type datagram struct {
	n int
	b [maxDatagram]byte
}

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// inbox queues the datagrams of one virtual connection between the one
// goroutine that receives for all and the one that reads this connection.
type inbox struct {
	mu     sync.Mutex
	ring   [inboxSize]*datagram
	head   int
	count  int
	ready  chan struct{} // one token: something was queued
	closed chan struct{}
	once   sync.Once
	limit  deadline
}

func newInbox() *inbox {
	return &inbox{ready: make(chan struct{}, 1), closed: make(chan struct{}), limit: newDeadline()}
}

// push queues a copy of b. It reports whether the oldest datagram had to go.
func (q *inbox) push(b []byte) (dropped bool) {
	d, ok := datagrams.Get().(*datagram)
	if !ok {
		return true
	}
	d.n = copy(d.b[:], b)
	q.mu.Lock()
	if dropped = q.count == inboxSize; dropped {
		datagrams.Put(q.pop())
	}
	q.ring[(q.head+q.count)%inboxSize] = d
	q.count++
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return dropped
}

// pop takes the oldest datagram out; the caller holds mu and knows there is one.
func (q *inbox) pop() *datagram {
	d := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % inboxSize
	q.count--
	return d
}

// read copies the next datagram into b, waiting for one until the inbox is
// closed or the deadline passes.
func (q *inbox) read(b []byte) (int, error) {
	for {
		select {
		case <-q.closed:
			return 0, net.ErrClosed
		case <-q.limit.passed():
			return 0, os.ErrDeadlineExceeded
		default:
		}
		q.mu.Lock()
		if q.count > 0 {
			d := q.pop()
			q.mu.Unlock()
			n := copy(b, d.b[:d.n])
			datagrams.Put(d)
			return n, nil
		}
		q.mu.Unlock()
		select {
		case <-q.ready:
		case <-q.closed:
		case <-q.limit.passed():
		}
	}
}

func (q *inbox) close() { q.once.Do(func() { close(q.closed) }) }

// deadline is a point in time that a waiting reader can select on, and that may
// lie in the past: pion ends a cancelled read by setting one there.
type deadline struct {
	mu    *sync.Mutex
	timer *time.Timer
	done  chan struct{}
}

func newDeadline() deadline {
	return deadline{mu: new(sync.Mutex), done: make(chan struct{})}
}

// passed returns a channel that is closed once the deadline has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// set moves the deadline; the zero time removes it.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.done // the timer has fired: let it finish closing this channel
	}
	d.timer = nil
	select {
	case <-d.done:
		d.done = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		close(d.done)
		return
	}
	done := d.done
	d.timer = time.AfterFunc(wait, func() { close(done) })
}
