package local

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// limiter is a listener that holds at most max connections open. For one more it
// closes the one that has waited longest for its client's request. Refusing the
// newest instead would let a crowd of silent clients lock the others out for as
// long as each of them may be silent.
type limiter struct {
	net.Listener
	max     int
	evicted atomic.Uint64

	mu    sync.Mutex
	conns []*conn // in the order in which they came
	room  chan struct{}

	closing   chan struct{}
	closeOnce sync.Once
}

// use is what a connection is used for at the moment.
type use uint8

const (
	useWaiting use = iota // for a request to be complete
	useAnswer             // a request is being answered
	useStream             // it follows events
)

// conn is a connection of a limiter. Use and since are the limiter's.
type conn struct {
	net.Conn
	owner *limiter
	use   use
	since time.Time
}

func newLimiter(l net.Listener, limit int) *limiter {
	return &limiter{Listener: l, max: limit, room: make(chan struct{}, 1), closing: make(chan struct{})}
}

// Accept waits for the next connection and makes room for it.
func (l *limiter) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, owner: l}
	for {
		wait := l.admit(c)
		if wait <= 0 {
			return c, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.room:
		case <-l.closing:
			timer.Stop()
			_ = raw.Close() // nobody will read what it says
			return nil, net.ErrClosed
		}
		timer.Stop()
	}
}

// Close stops accepting. Connections stay as they are.
func (l *limiter) Close() error {
	l.closeOnce.Do(func() { close(l.closing) })
	return l.Listener.Close()
}

// admit takes c in, closing another connection if it must, and returns zero; or
// it returns how long to wait until there can be room.
func (l *limiter) admit(c *conn) time.Duration {
	now := time.Now()
	l.mu.Lock()
	if len(l.conns) < l.max {
		c.since = now
		l.conns = append(l.conns, c)
		l.mu.Unlock()
		return 0
	}
	victim, wait := l.victim(now)
	if victim == nil {
		l.mu.Unlock()
		return wait
	}
	l.remove(victim)
	c.since = now
	l.conns = append(l.conns, c)
	l.mu.Unlock()
	l.evicted.Add(1)
	_ = victim.Conn.Close() // its goroutine finds out and ends
	return 0
}

// victim returns the connection to close: the one waiting longest for a request,
// else the one longest in an answer, which its client does not take. Streams
// stay. If there is none yet, it returns how long until there may be one.
func (l *limiter) victim(now time.Time) (*conn, time.Duration) {
	wait := minAnswer
	for _, kind := range [...]struct {
		use   use
		grant time.Duration
	}{{useWaiting, minWait}, {useAnswer, minAnswer}} {
		var oldest *conn
		for _, c := range l.conns {
			if c.use == kind.use && (oldest == nil || c.since.Before(oldest.since)) {
				oldest = c
			}
		}
		if oldest == nil {
			continue
		}
		left := kind.grant - now.Sub(oldest.since)
		if left <= 0 {
			return oldest, 0
		}
		wait = min(wait, left)
	}
	return nil, wait
}

// remove forgets c and says that there is room. The caller holds the lock.
func (l *limiter) remove(c *conn) {
	i := slices.Index(l.conns, c)
	if i < 0 {
		return
	}
	l.conns = slices.Delete(l.conns, i, i+1)
	select {
	case l.room <- struct{}{}:
	default:
	}
}

// set notes what c is used for from now on.
func (l *limiter) set(c *conn, u use) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.use != u {
		c.use, c.since = u, time.Now()
	}
}

// closeWaiting closes every connection that waits for a request, so that a stop
// need not wait for clients with nothing to ask.
func (l *limiter) closeWaiting() {
	l.mu.Lock()
	waiting := slices.DeleteFunc(slices.Clone(l.conns), func(c *conn) bool { return c.use != useWaiting })
	l.mu.Unlock()
	for _, c := range waiting {
		_ = c.Conn.Close()
	}
}

// open returns the number of connections.
func (l *limiter) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Close closes the connection and makes room for another.
func (c *conn) Close() error {
	c.owner.mu.Lock()
	c.owner.remove(c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}

// follow is the hook by which the HTTP server tells what a connection does.
func follow(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		c.owner.set(c, useAnswer)
	case http.StateIdle:
		c.owner.set(c, useWaiting)
	case http.StateNew, http.StateClosed, http.StateHijacked:
	}
}
