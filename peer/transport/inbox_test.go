package transport

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestInboxDropsOldest(t *testing.T) {
	q := newInbox()
	dropped := 0
	for i := range byte(inboxSize + 5) {
		if q.push([]byte{i}) {
			dropped++
		}
	}
	if dropped != 5 {
		t.Errorf("%d dropped, want 5", dropped)
	}
	b := make([]byte, 10)
	for i := range byte(inboxSize) {
		n, err := q.read(b)
		if err != nil || n != 1 || b[0] != i+5 {
			t.Fatalf("read %v, %v; want %d", b[:n], err, i+5)
		}
	}
}

// TestInboxDeadline sets deadlines as pion does: in the past to interrupt a
// read, and away again.
func TestInboxDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newInbox()
		read := func() error {
			_, err := q.read(make([]byte, 10))
			return err
		}
		interrupted := make(chan error)
		go func() { interrupted <- read() }()
		synctest.Wait()
		q.limit.set(time.Unix(0, 1))
		if err := <-interrupted; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read under way: %v", err)
		}
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read begun after it: %v", err)
		}
		q.limit.set(time.Time{})
		q.push([]byte("x"))
		if err := read(); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
		begun := time.Now()
		q.limit.set(begun.Add(time.Hour))
		q.limit.set(begun.Add(time.Minute))
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("a deadline to come: %v after %v", err, time.Since(begun))
		}
		q.limit.set(time.Time{})
		q.close()
		q.close()
		if err := read(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestInboxReuses buffers: a steady stream allocates nothing.
func TestInboxReuses(t *testing.T) {
	q := newInbox()
	b := make([]byte, maxDatagram)
	n := testing.AllocsPerRun(1000, func() {
		q.push(b)
		_, _ = q.read(b)
	})
	if n > 0.1 { // the pool may be emptied by a collection
		t.Errorf("%v allocations a datagram", n)
	}
}
