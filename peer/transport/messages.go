package transport

import (
	"io"
	"sync"
)

// messages queues what a connection has received for the one goroutine that
// reads it. The zero value is ready.
type messages struct {
	mu      sync.Mutex
	waiting *sync.Cond        // made with the first wait
	ring    [inboxSize][]byte // buffers are used again, and grow to what comes
	head    int
	count   int
	closed  bool
}

// push queues a copy of b. It reports whether the oldest message had to go.
func (q *messages) push(b []byte) (dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if dropped = q.count == len(q.ring); dropped {
		q.skip()
	}
	at := &q.ring[(q.head+q.count)%len(q.ring)]
	*at = append((*at)[:0], b...)
	q.count++
	if q.waiting != nil {
		q.waiting.Signal()
	}
	return dropped
}

// skip takes the oldest message out; the caller holds mu.
func (q *messages) skip() {
	q.head = (q.head + 1) % len(q.ring)
	q.count--
}

// read copies the next message into p. It waits for one, and returns io.EOF when
// the queue is closed and empty.
func (q *messages) read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.count == 0 {
		if q.closed {
			return 0, io.EOF
		}
		if q.waiting == nil {
			q.waiting = sync.NewCond(&q.mu)
		}
		q.waiting.Wait()
	}
	b := q.ring[q.head]
	q.skip()
	if len(b) > len(p) {
		return 0, io.ErrShortBuffer
	}
	return copy(p, b), nil
}

// close ends reading once what is queued has been read.
func (q *messages) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.waiting != nil {
		q.waiting.Broadcast()
	}
}
