package speaker

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	inboxSize  = 32 // messages of one connection not yet taken in
	outboxSize = 16 // messages not yet written to it

	maxReadErrors  = 16 // in a row: the connection is of no use
	maxWriteErrors = 3  // in a row: another connection would be better

	writeOutTime = 100 * time.Millisecond // that the last messages get before Close
)

// link is one connection with its two goroutines and queues. The fields below
// the line belong to the loop.
type link struct {
	conn    Conn
	tally   *tally
	wake    chan struct{} // the loop's
	in, out *ring
	filled  chan struct{} // capacity 1: out has something
	stop    chan struct{} // closed: write out what is left and end
	written chan struct{} // closed: the writer has ended
	dead    atomic.Bool   // the reader has ended
	stuck   atomic.Bool   // writing fails

	// ----

	since         time.Time
	closeAt       time.Time // zero: not yet known
	proven        bool      // has delivered a heartbeat
	discriminator uint32    // of the last one
	redialed      bool      // because it is stuck
}

// newLink starts the goroutines of c; group waits for them.
func newLink(c Conn, now time.Time, t *tally, wake chan struct{}, group *sync.WaitGroup) *link {
	k := &link{
		conn: c, tally: t, wake: wake, since: now,
		in: newRing(inboxSize), out: newRing(outboxSize),
		filled: make(chan struct{}, 1), stop: make(chan struct{}), written: make(chan struct{}),
	}
	group.Go(k.read)
	group.Go(k.write)
	return k
}

// read moves messages from the connection to the inbox until it ends.
func (k *link) read() {
	defer notify(k.wake)
	defer k.dead.Store(true)
	b := k.in.empty()
	for failed := 0; failed < maxReadErrors; {
		n, err := k.conn.Read(b.bytes[:])
		switch {
		case err == nil:
			failed = 0
			b.n = n
			if k.in.put(b) {
				k.tally.inboxDropped.Add(1)
			}
			b = k.in.empty()
			notify(k.wake)
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return
		default: // one message too long, an ICMP error: hints, not the end
			failed++
			k.tally.badReads.Add(1)
		}
	}
}

// write moves messages from the outbox to the connection until stop.
func (k *link) write() {
	defer close(k.written)
	failed := 0
	for {
		stopping := false
		select {
		case <-k.filled:
		case <-k.stop:
			stopping = true
		}
		for b := k.out.take(); b != nil; b = k.out.take() {
			if _, err := k.conn.Write(b.message()); err != nil {
				failed++
				k.tally.writeErrors.Add(1)
			} else {
				failed = 0
			}
			k.out.give(b)
			if stuck := failed >= maxWriteErrors; k.stuck.Swap(stuck) != stuck {
				notify(k.wake)
			}
		}
		if stopping {
			return
		}
	}
}

// send queues what encode appends to an empty buffer. It never blocks.
func (k *link) send(encode func(dst []byte) ([]byte, error)) error {
	b := k.out.empty()
	msg, err := encode(b.bytes[:0])
	if err != nil {
		k.out.give(b)
		return err
	}
	b.n = copy(b.bytes[:], msg) // in place already
	k.post(b)
	return nil
}

func (k *link) post(b *buffer) {
	if k.out.put(b) {
		k.tally.outboxDropped.Add(1)
	}
	notify(k.filled)
}

// close writes out what is queued, as far as that does not block, and closes the
// connection, which ends the reader. It returns at once.
func (k *link) close(group *sync.WaitGroup) {
	close(k.stop)
	group.Go(func() {
		timer := time.NewTimer(writeOutTime)
		defer timer.Stop()
		select {
		case <-k.written:
		case <-timer.C:
		}
		_ = k.conn.Close() // it is of no use any more, whatever it says
	})
}
