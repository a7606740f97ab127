package syslog

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// receiver is the other end of a dialed pipe.
type receiver struct {
	up    atomic.Bool
	conns chan net.Conn
	dials atomic.Int32
}

func listening() *receiver {
	r := new(receiver)
	r.up.Store(true)
	return r
}

func (r *receiver) dial(context.Context, string, string) (net.Conn, error) {
	r.dials.Add(1)
	if !r.up.Load() {
		return nil, errors.New("nobody there")
	}
	ours, theirs := net.Pipe()
	r.conns <- theirs
	return ours, nil
}

func (r *receiver) read(t *testing.T, c net.Conn) string {
	t.Helper()
	b := make([]byte, 2*MaxMessage)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// run starts a writer whose end it returns.
func run(t *testing.T, r *receiver) (w *Writer, stop func() time.Duration) {
	t.Helper()
	r.conns = make(chan net.Conn, 1000)
	w, err := New(Config{Host: "h", Dial: r.dial})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return w, func() time.Duration {
		start := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		return time.Since(start)
	}
}

func numbered(n int) Message { return Message{ID: "N", Severity: Info, Text: strconv.Itoa(n)} }

func TestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listening()
		w, stop := run(t, r)
		for n := range 10 {
			w.Send(numbered(n))
		}
		c := <-r.conns
		for n := range 10 {
			if got := r.read(t, c); !strings.HasSuffix(got, " N - "+strconv.Itoa(n)) {
				t.Errorf("message %d is %s", n, got)
			}
		}
		stop()
		if s := w.Stats(); s != (Stats{Sent: 10}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestNobodyListens: the queue is bounded, the oldest go, and the receiver is
// told when it is back. Attempts become rare.
func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		w, stop := run(t, r)
		for n := range 3 * MaxQueued {
			w.Send(numbered(n))
		}
		time.Sleep(10 * time.Minute)
		if s := w.Stats(); s.Queued != MaxQueued || s.Dropped != 2*MaxQueued || s.Sent != 0 {
			t.Fatalf("%+v", s)
		}
		if r.dials.Load() > 20 {
			t.Errorf("%d attempts in ten minutes", r.dials.Load())
		}
		r.up.Store(true)
		c := <-r.conns
		if got := r.read(t, c); !strings.Contains(got, `DROPPED [socketha@32473 count="128"]`) {
			t.Errorf("first comes %s", got)
		}
		for n := range MaxQueued {
			if got := r.read(t, c); !strings.HasSuffix(got, " N - "+strconv.Itoa(2*MaxQueued+n)) {
				t.Errorf("message %d is %s", n, got)
			}
		}
		stop()
		if s := w.Stats(); s != (Stats{Sent: MaxQueued, Dropped: 2 * MaxQueued}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestStuckReceiver: one that takes nothing costs Send nothing, and a stop waits
// for it no longer than promised.
func TestStuckReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listening()
		w, stop := run(t, r)
		start := time.Now()
		for n := range 1000 {
			w.Send(numbered(n))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("1000 messages took %v", took)
		}
		time.Sleep(time.Hour)
		w.Send(numbered(1000))
		if took := stop(); took > writeTimeout+closeTimeout {
			t.Errorf("the stop took %v", took)
		}
		if s := w.Stats(); s != (Stats{Dropped: 1001}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestReconnects: a receiver that restarted gets the message on which that is
// noticed, too.
func TestReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listening()
		w, stop := run(t, r)
		w.Send(numbered(1))
		c := <-r.conns
		r.read(t, c)
		_ = c.Close()
		w.Send(numbered(2))
		if got := r.read(t, <-r.conns); !strings.HasSuffix(got, " N - 2") {
			t.Error(got)
		}
		stop()
	})
}

func TestNew(t *testing.T) {
	for address, ok := range map[string]bool{
		"": true, "unix:/dev/log": true, "udp:127.0.0.1:514": true, "udp:[::1]:514": true, "udp:log.example:514": true,
		"/dev/log": false, "unix:log": false, "udp:host": false, "tcp:host:1": false, "unix:/" + strings.Repeat("x", 107): false,
	} {
		if _, err := New(Config{Address: address}); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := New(Config{Facility: 24}); err == nil {
		t.Error("facility 24 is accepted")
	}
}
