package speaker

import (
	"sync"

	"socketha/peer/wire"
)

// buffer holds one message.
type buffer struct {
	n     int
	bytes [wire.MaxMessage]byte
}

func (b *buffer) message() []byte { return b.bytes[:b.n] }

// ring is a bounded queue of messages between two goroutines. Whoever puts a
// full buffer gets an empty one for it, so that no message is copied and after the
// first few nothing is allocated. When it is full the oldest message gives way.
type ring struct {
	mu    sync.Mutex
	slots []*buffer // fixed length
	head  int       // the oldest
	count int
	spare []*buffer
}

func newRing(size int) *ring { return &ring{slots: make([]*buffer, size)} }

// empty returns a buffer to fill.
func (r *ring) empty() *buffer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unused()
}

func (r *ring) unused() *buffer {
	if last := len(r.spare) - 1; last >= 0 {
		b := r.spare[last]
		r.spare = r.spare[:last]
		return b
	}
	return new(buffer)
}

// put hands over b and reports whether the oldest message was dropped for it.
func (r *ring) put(b *buffer) (dropped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dropped = r.count == len(r.slots); dropped {
		r.spare = append(r.spare, r.shift())
	}
	r.slots[(r.head+r.count)%len(r.slots)] = b
	r.count++
	return dropped
}

// take returns the oldest message, nil if there is none. Its buffer goes back
// by give.
func (r *ring) take() *buffer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == 0 {
		return nil
	}
	return r.shift()
}

func (r *ring) shift() *buffer {
	b := r.slots[r.head]
	r.slots[r.head] = nil
	r.head = (r.head + 1) % len(r.slots)
	r.count--
	return b
}

// give takes back a buffer that is no longer needed.
func (r *ring) give(b *buffer) {
	r.mu.Lock()
	r.spare = append(r.spare, b)
	r.mu.Unlock()
}
