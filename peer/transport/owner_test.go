package transport

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"
)

// owner does with connections what the speaker does: it reads all of them, sends
// on all of them, and closes one a while after a newer one has brought
// something.
type owner struct {
	overlap time.Duration

	mu    sync.Mutex
	conns []*Conn // oldest first
	most  int
	heard map[uint64]bool
	tasks sync.WaitGroup
}

// own takes over the connections of e until its Run ends.
func own(e *Endpoint, overlap time.Duration) *owner {
	o := &owner{overlap: overlap, heard: map[uint64]bool{}}
	o.tasks.Go(func() {
		for c := range e.Conns() {
			o.mu.Lock()
			o.conns = append(o.conns, c)
			o.most = max(o.most, len(o.conns))
			o.mu.Unlock()
			o.tasks.Go(func() { o.read(c) })
		}
	})
	return o
}

func (o *owner) read(c *Conn) {
	b := make([]byte, MaxMessage)
	for {
		n, err := c.Read(b)
		o.mu.Lock()
		if err != nil {
			if i := slices.Index(o.conns, c); i >= 0 {
				o.conns = slices.Delete(o.conns, i, i+1)
			}
			o.mu.Unlock()
			return
		}
		if n == 8 {
			o.heard[binary.BigEndian.Uint64(b)] = true
		}
		if i := slices.Index(o.conns, c); i > 0 {
			for _, old := range o.conns[:i] {
				time.AfterFunc(o.overlap, func() { o.close(old) })
			}
		}
		o.mu.Unlock()
	}
}

func (o *owner) close(c *Conn) {
	o.mu.Lock()
	if i := slices.Index(o.conns, c); i >= 0 {
		o.conns = slices.Delete(o.conns, i, i+1)
	}
	o.mu.Unlock()
	_ = c.Close()
}

// send sends a number on every connection.
func (o *owner) send(n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	o.mu.Lock()
	conns := slices.Clone(o.conns)
	o.mu.Unlock()
	for _, c := range conns {
		_, _ = c.Write(b[:]) // one that has ended is noticed by its reader
	}
}

func (o *owner) count() (heard, most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.heard), o.most
}

// closeAll ends what is left, so that stopping does not wait for it.
func (o *owner) closeAll() {
	o.mu.Lock()
	conns := slices.Clone(o.conns)
	o.conns = nil
	o.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// converse sends n numbers from each owner to the other, one an interval, and
// expects all of them.
func converse(t *testing.T, a, b *owner, n int, interval time.Duration, wait func(time.Duration)) {
	t.Helper()
	for i := range n {
		a.send(uint64(i))
		b.send(uint64(i))
		wait(interval)
	}
	wait(interval)
	for _, o := range []*owner{a, b} {
		if heard, _ := o.count(); heard != n {
			t.Errorf("%d of %d messages arrived", heard, n)
		}
	}
}
