package guard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// script is a net.Conn that returns prepared datagrams and errors.
type script struct {
	net.Conn
	reads  []any
	writes []error
	sent   int
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.reads) == 0 {
		return 0, net.ErrClosed
	}
	next := s.reads[0]
	if len(s.reads) > 1 {
		s.reads = s.reads[1:]
	}
	if err, ok := next.(error); ok {
		return 0, err
	}
	return copy(b, next.([]byte)), nil
}

func (s *script) Write(b []byte) (int, error) {
	var err error
	if len(s.writes) > 0 {
		err, s.writes = s.writes[0], s.writes[1:]
	}
	if err != nil {
		return 0, err
	}
	s.sent++
	return len(b), nil
}

func (s *script) SetReadDeadline(time.Time) error { return nil }
func (s *script) Close() error                    { return nil }

// refused is how the net package reports an ICMP port unreachable.
func refused() error {
	return &net.OpError{Op: "read", Err: os.NewSyscallError("recvfrom", syscall.ECONNREFUSED)}
}

func newTestConn(s *script) (*Conn, *atomic.Uint64) {
	var hints atomic.Uint64
	return NewConn(s, NewFilter(Server, &Counters{}), &hints), &hints
}

// TestReadSkips shows that a Read returns the first datagram of which something
// is left, whatever came before.
func TestReadSkips(t *testing.T) {
	c, hints := newTestConn(&script{reads: []any{
		refused(), []byte{}, rec(24, 0, 1, []byte{1}), refused(), append(rec(24, 0, 1, []byte{1}), certificate...), io.EOF,
	}})
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err != nil || !bytes.Equal(b[:n], certificate) {
		t.Fatalf("read %x, %v; want the certificate", b[:n], err)
	}
	if hints.Load() != 2 {
		t.Errorf("%d hints, want 2", hints.Load())
	}
	if _, err := c.Read(b); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
}

// TestReadGivesUp shows that a socket failing for good ends the Read.
func TestReadGivesUp(t *testing.T) {
	c, hints := newTestConn(&script{reads: []any{refused()}})
	if _, err := c.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	if hints.Load() != maxHints {
		t.Errorf("%d hints, want %d", hints.Load(), maxHints)
	}
}

func TestWrite(t *testing.T) {
	tests := []struct {
		name  string
		fails []error
		sent  int
		err   error
		hints uint64
	}{
		{name: "sent", sent: 1},
		{name: "an old ICMP error is in the way", fails: []error{refused()}, sent: 1, hints: 1},
		{name: "dropped by the firewall", fails: []error{syscall.EPERM, syscall.EPERM}, hints: 2},
		{name: "no address any more", fails: []error{syscall.EADDRNOTAVAIL}, err: syscall.EADDRNOTAVAIL},
		{name: "closed", fails: []error{net.ErrClosed}, err: net.ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{writes: tt.fails}
			c, hints := newTestConn(s)
			if _, err := c.Write([]byte("x")); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			if s.sent != tt.sent || hints.Load() != tt.hints {
				t.Errorf("%d sent, %d hints; want %d, %d", s.sent, hints.Load(), tt.sent, tt.hints)
			}
		})
	}
}

func TestMute(t *testing.T) {
	s := &script{}
	c, _ := newTestConn(s)
	c.Mute()
	if n, err := c.Write([]byte("alert")); n != 5 || err != nil || s.sent != 0 {
		t.Errorf("wrote %d, %v, sent %d; want it swallowed", n, err, s.sent)
	}
}

// TestPart holds pion's read loop back until the close_notify is written, or
// the connection is closed without one.
func TestPart(t *testing.T) {
	for _, how := range []string{"write", "close"} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newTestConn(&script{})
			c.Part()
			passed := false
			go func() {
				_ = c.SetReadDeadline(time.Unix(0, 1))
				passed = true
			}()
			synctest.Wait()
			if passed {
				t.Fatal("the deadline was set before the farewell")
			}
			if how == "write" {
				_, _ = c.Write([]byte("close_notify"))
			} else {
				_ = c.Close()
			}
			synctest.Wait()
			if !passed {
				t.Error("the deadline was never set")
			}
			_ = c.SetReadDeadline(time.Time{})
		})
	}
}
