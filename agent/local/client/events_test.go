package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketha/agent/local"
)

// TestSilenceFitsTheServer: the client waits for more than one heartbeat of the
// server.
func TestSilenceFitsTheServer(t *testing.T) {
	if silence < 2*local.StreamHeartbeat {
		t.Errorf("the client gives up after %v, the server speaks every %v", silence, local.StreamHeartbeat)
	}
}

// TestEvents follows the real server through changes, a stop and a new start.
func TestEvents(t *testing.T) {
	src := newSource()
	path := filepath.Join(t.TempDir(), "s")
	_, stop := serveAt(t, src, path)
	var seen []string
	for d, err := range New(path).Events(t.Context()) {
		switch {
		case errors.Is(err, ErrNotRunning), errors.Is(err, ErrNoAnswer):
			if last := seen[len(seen)-1]; last != "gone" {
				seen = append(seen, "gone")
				_, stop = serveAt(t, src, path)
			}
			continue
		case err != nil:
			t.Fatal(err)
		}
		seen = append(seen, *d.Self.Version)
		switch len(seen) {
		case 1, 2, 3:
			src.evaluate(fmt.Sprintf("18.%d", len(seen)))
			continue
		case 4:
			stop()
			continue
		}
		break
	}
	stop()
	// After the break the same document comes again, to tell that all is well.
	if got := strings.Join(seen, " "); got != "18.0 18.1 18.2 18.3 gone 18.3" {
		t.Errorf("seen %s", got)
	}
}

// TestReconnect: a stream that ends after a while is taken up with the last id,
// unseen by the caller.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		c := talkingTo(t, func(conn net.Conn) {
			n := len(ids)
			ids = append(ids, readRequest(conn).Header.Get("Last-Event-ID"))
			startStream(conn)
			sendEvent(conn, n)
			_ = pause(t.Context(), time.Minute/2)
		})
		n := 0
		for d, err := range c.Events(t.Context()) {
			if want := fmt.Sprintf("state %d", n); err != nil || d.Readiness != want {
				t.Fatalf("%s, %v, want %s", d.Readiness, err, want)
			}
			if n++; n == 3 {
				break
			}
		}
		if got := strings.Join(ids, " "); got != " id0 id1" {
			t.Errorf("last ids %q", got)
		}
	})
}

// TestErrorForgetsTheID: once the caller has been told of an error, the next
// document comes even if it is the one it had.
func TestErrorForgetsTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		c := talkingTo(t, func(conn net.Conn) {
			ids = append(ids, readRequest(conn).Header.Get("Last-Event-ID"))
			startStream(conn)
			sendEvent(conn, 5) // and end at once
		})
		var seen []string
		start := time.Now()
		for d, err := range c.Events(t.Context()) {
			if errors.Is(err, ErrNoAnswer) {
				seen = append(seen, "error")
			} else {
				seen = append(seen, d.Readiness)
			}
			if len(seen) == 6 {
				break
			}
		}
		if got := strings.Join(seen, ","); got != "state 5,error,state 5,error,state 5,error" {
			t.Errorf("seen %s", got)
		}
		if got := strings.Join(ids, ""); got != "" {
			t.Errorf("last ids %q", ids)
		}
		if took := time.Since(start); took != 2*reconnectPause {
			t.Errorf("three attempts took %v", took)
		}
	})
}

// TestEventsWithoutAgent: nothing to follow is an error at once and then once a
// second, until the caller has enough or the context ends.
func TestEventsWithoutAgent(t *testing.T) {
	c := New(filepath.Join(t.TempDir(), "s"))
	for _, err := range c.Events(t.Context()) {
		if !errors.Is(err, ErrNotRunning) {
			t.Errorf("%v", err)
		}
		break
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		n := 0
		for _, err := range c.Events(ctx) {
			if !errors.Is(err, ErrNotRunning) {
				t.Errorf("%v", err)
			}
			n++
		}
		if n != 11 {
			t.Errorf("%d errors in 10 s", n)
		}
	})
}

// TestSilentStream: a stream without a word is left after the silence, one with
// comments is not.
func TestSilentStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connections := 0
		c := talkingTo(t, func(conn net.Conn) {
			connections++
			readRequest(conn)
			startStream(conn)
			sendEvent(conn, connections)
			if connections > 1 {
				<-t.Context().Done()
				return
			}
			for range 100 {
				_ = pause(t.Context(), local.StreamHeartbeat)
				if _, err := conn.Write([]byte(":\n\n")); err != nil {
					t.Errorf("a stream with comments was left: %v", err)
				}
			}
			<-t.Context().Done()
		})
		start := time.Now()
		for d, err := range c.Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Readiness == "state 2" {
				break
			}
		}
		if took := time.Since(start); took != 100*local.StreamHeartbeat+silence {
			t.Errorf("left after %v", took)
		}
	})
}

// TestEventsEnd: the end of the context ends the loop at once, without an error,
// whatever it is doing; so does a break.
func TestEventsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{}, 2)
		c := talkingTo(t, func(conn net.Conn) {
			readRequest(conn)
			startStream(conn)
			sendEvent(conn, 1)
			_, _ = conn.Read(make([]byte, 1))
			closed <- struct{}{}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 42*time.Second)
		defer cancel()
		start, n := time.Now(), 0
		for _, err := range c.Events(ctx) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if took := time.Since(start); n != 1 || took != 42*time.Second {
			t.Errorf("%d events, ended after %v", n, took)
		}
		<-closed
		for _, err := range c.Events(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		<-closed
	})
}

// TestSilentStart: an agent that accepts and does not begin a stream costs two
// seconds.
func TestSilentStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := talkingTo(t, func(conn net.Conn) {
			readRequest(conn)
			<-t.Context().Done()
		})
		start := time.Now()
		for _, err := range c.Events(t.Context()) {
			if !errors.Is(err, ErrNoAnswer) || time.Since(start) != callTimeout {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			break
		}
	})
}

// TestLongStream: the bound is on one event, not on the stream.
func TestLongStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events, padding = 50, maxAnswer / 20
		c := talkingTo(t, func(conn net.Conn) {
			readRequest(conn)
			startStream(conn)
			for n := range events {
				_, _ = fmt.Fprintf(conn, "id: %d\ndata: {\"schema\":1,\"later\":\"%s\"}\n\n", n, strings.Repeat("x", padding))
			}
		})
		n := 0
		for _, err := range c.Events(t.Context()) {
			if err != nil {
				t.Fatalf("after %d events: %v", n, err)
			}
			if n++; n == events {
				break
			}
		}
	})
}

// TestStrangeStreams: what is no stream of documents is an error.
func TestStrangeStreams(t *testing.T) {
	for stream, want := range map[string]error{
		"id: 1\ndata: {\"schema\":2}\n\n":               ErrSchema,
		"data: " + strings.Repeat("x", maxAnswer+1<<16): errTooLong,
		"data: hello\n\n":                               nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := talkingTo(t, func(conn net.Conn) {
				readRequest(conn)
				startStream(conn)
				_, _ = conn.Write([]byte(stream))
			})
			for _, err := range c.Events(t.Context()) {
				if err == nil || want != nil && !errors.Is(err, want) {
					t.Errorf("%.20q: %v, want %v", stream, err, want)
				}
				break
			}
		})
	}
}

func TestEventReader(t *testing.T) {
	const stream = "retry: 2000\n\n" +
		":\n\n" +
		"id: a\ndata: 1\n\n" +
		"data:2\r\nid:b\r\n\r\n" +
		"event: x\nid: c\ndata: 3\ndata: 4\n: comment\n\n" +
		"data: unfinished\n"
	er := eventReader{r: bufio.NewReaderSize(strings.NewReader(stream), 16)}
	for _, want := range []string{"=", "=", "a=1", "b=2", "c=3\n4"} {
		e, err := er.next()
		if got := e.id + "=" + string(e.data); err != nil || got != want {
			t.Errorf("event %q, %v, want %q", got, err, want)
		}
	}
	if e, err := er.next(); err == nil {
		t.Errorf("an unfinished event is %+v", e)
	}
}

func FuzzEventReader(f *testing.F) {
	f.Add([]byte("id: a\ndata: 1\n\n:\n\ndata"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		er := eventReader{r: bufio.NewReaderSize(bytes.NewReader(stream), 16)}
		total := 0
		for {
			e, err := er.next()
			if err != nil {
				break
			}
			total += len(e.data) + len(e.id)
			if strings.ContainsAny(e.id, "\n") {
				t.Fatalf("id %q", e.id)
			}
		}
		if total > len(stream) {
			t.Fatalf("%d bytes out of %d", total, len(stream))
		}
	})
}
