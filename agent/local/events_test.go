package local

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		for n := 1; n < 20; n++ {
			src.set(n)
			f.event(n)
		}
	})
}

// TestLastEventID: a client that comes back gets the newest at once unless it has
// it, and the next change in any case.
func TestLastEventID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{n: 5}
		serve(t, l, src)
		missed := followFrom(t, l, "id4")
		missed.open()
		missed.event(5)
		foreign := followFrom(t, l, "of an agent before")
		foreign.open()
		foreign.event(5)

		has := followFrom(t, l, "id5")
		has.open()
		start := time.Now()
		if got := has.block(); got != ":" {
			t.Errorf("a client that has the newest gets %q", got)
		}
		if took := time.Since(start); took != StreamHeartbeat {
			t.Errorf("it got it after %v", took)
		}
		src.set(6)
		has.event(6)
	})
}

// TestNoEventWithoutChange: announcing what is already shown sends nothing twice.
func TestNoEventWithoutChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{n: 1}
		serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(1)
		for range 5 {
			src.Announce()
			synctest.Wait()
		}
		start := time.Now()
		if got := f.block(); got != ":" || time.Since(start) != StreamHeartbeat {
			t.Errorf("%q after %v", got, time.Since(start))
		}
	})
}

// TestHeartbeat: comments come while nothing happens, counted from the last event.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		for n := 1; n < 4; n++ {
			time.Sleep(StreamHeartbeat - time.Second)
			src.set(n)
			f.event(n)
			start := time.Now()
			if got := f.block(); got != ":" || time.Since(start) != StreamHeartbeat {
				t.Errorf("%q after %v", got, time.Since(start))
			}
		}
	})
}

// TestUnannouncedChange: what the source shows by the passing of time alone (an
// agent whose loop has stopped) reaches the client by the next heartbeat.
func TestUnannouncedChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		src.mu.Lock()
		src.n = 9
		src.mu.Unlock()
		start := time.Now()
		f.event(9)
		if took := time.Since(start); took > StreamHeartbeat {
			t.Errorf("it came after %v", took)
		}
	})
}

// TestSlowClientSkips: a client that does not read for a while gets what was under
// way and then the newest, nothing in between.
func TestSlowClientSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		for n := 1; n <= 1000; n++ {
			src.set(n)
			synctest.Wait()
		}
		f.event(1)
		f.event(1000)
	})
}

// TestDeadClient: a client that takes nothing any more loses its stream, and its
// slot is free again.
func TestDeadClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		s := serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		time.Sleep(StreamHeartbeat + writeTimeout)
		synctest.Wait()
		if got := s.Stats(); got.Streams != 0 || got.Connections != 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestGoneClient: one that closes its connection is noticed at once.
func TestGoneClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := serve(t, l, &fakeSource{})
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		_ = f.c.Close()
		synctest.Wait()
		if got := s.Stats(); got.Streams != 0 || got.Connections != 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestTooManyStreams: streams are capped, cannot be pushed out, and leave room
// for requests.
func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		s := serve(t, l, src)
		var all []*follower
		for range MaxStreams {
			f := followFrom(t, l, "")
			f.open()
			f.event(0)
			all = append(all, f)
		}
		extra := followFrom(t, l, "")
		answer, err := io.ReadAll(extra.r)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 503 ") || !strings.Contains(string(answer), "too_many_streams") ||
			!strings.Contains(string(answer), "Retry-After: 2\r\n") {
			t.Errorf("one stream too many is answered %q, %v", answer, err)
		}
		for range 2 * MaxConns { // silent clients come and are pushed out again
			connect(t, l)
		}
		c := connect(t, l)
		say(t, c, askStatus)
		if _, err := io.ReadFull(c, make([]byte, 15)); err != nil {
			t.Errorf("a request beside all streams: %v", err)
		}
		src.set(1)
		for _, f := range all {
			f.event(1)
		}
		if got := s.Stats(); got.Streams != MaxStreams || got.StreamsRefused != 1 {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestEventsHead: HEAD answers the header and follows nothing, so the connection
// is free for the next request.
func TestEventsHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		serve(t, l, &fakeSource{})
		c := connect(t, l)
		r := bufio.NewReader(c)
		for _, path := range []string{"/v1/events", "/v1/status"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://any"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := req.Write(c); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(r, req)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%s: %v, %v", path, resp, err)
			}
			_ = resp.Body.Close()
			if want := path == "/v1/events"; want != (resp.Header.Get("Content-Type") == "text/event-stream") {
				t.Errorf("%s: %v", path, resp.Header)
			}
		}
	})
}

// TestStreamsStay: where all other connections are being answered, a new one
// waits for one of those. It takes no stream's place, however old.
func TestStreamsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		s := serve(t, l, src)
		var all []*follower
		for range MaxStreams {
			f := followFrom(t, l, "")
			f.open()
			f.event(0)
			all = append(all, f)
		}
		time.Sleep(2 * minAnswer)
		for range MaxConns - MaxStreams {
			say(t, connect(t, l), askStatus) // and take no answer
		}
		synctest.Wait()
		start := time.Now()
		c := connect(t, l)
		say(t, c, askStatus)
		if _, err := io.ReadFull(c, make([]byte, 15)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != minAnswer {
			t.Errorf("the new one waited %v, want %v", took, minAnswer)
		}
		src.set(1)
		for _, f := range all {
			f.event(1)
		}
		if got := s.Stats(); got.Evicted != 1 || got.Streams != MaxStreams {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestStreamOutlivesRequestLimits: the time limits of requests do not end a
// stream.
func TestStreamOutlivesRequestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := newPipeListener(), &fakeSource{}
		serve(t, l, src)
		f := followFrom(t, l, "")
		f.open()
		f.event(0)
		for range 240 { // an hour
			if got := f.block(); got != ":" {
				t.Fatalf("%q", got)
			}
		}
		src.set(1)
		f.event(1)
	})
}

// TestNoticeMissesNothing has waiters run after announcements as the stream does:
// whoever takes the channel before it reads sees the last state in the end.
func TestNoticeMissesNothing(t *testing.T) {
	src := &fakeSource{}
	const last = 2000
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				changed := src.Changed()
				if _, id := src.Current(); id == "id2000" {
					return
				}
				<-changed
			}
		})
	}
	for n := 1; n <= last; n++ {
		src.set(n)
	}
	all.Wait()
}
