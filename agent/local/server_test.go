package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// do sends one request over the unix socket and returns answer and body.
func do(t *testing.T, c *http.Client, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func wantError(t *testing.T, resp *http.Response, body string, status int, code string) {
	t.Helper()
	var e errorBody
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Errorf("%d %q is no JSON error: %v", resp.StatusCode, body, err)
	}
	if resp.StatusCode != status || e.Error.Code != code || e.Error.Message == "" {
		t.Errorf("answer %d %q, want %d %s", resp.StatusCode, body, status, code)
	}
}

func TestStatus(t *testing.T) {
	c := overUnix(t, &fakeSource{n: 7})
	resp, body := do(t, c, "GET", "http://any/v1/status?x=1", nil)
	if resp.StatusCode != 200 || !strings.Contains(body, `"readiness":"state 7"`) || !strings.HasSuffix(body, "}\n") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %q", ct)
	}
	head, nothing := do(t, c, "HEAD", "http://any/v1/status", nil)
	if head.StatusCode != 200 || nothing != "" || head.ContentLength != int64(len(body)) {
		t.Errorf("HEAD: %d, %d bytes, body %q", head.StatusCode, head.ContentLength, nothing)
	}
}

func TestHealthz(t *testing.T) {
	src := &fakeSource{}
	c := overUnix(t, src)
	if resp, body := do(t, c, "GET", "http://any/healthz", nil); resp.StatusCode != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	src.fall(errors.New("the heartbeat loop stands still for 12 s"))
	resp, body := do(t, c, "GET", "http://any/healthz", nil)
	wantError(t, resp, body, 503, "unhealthy")
	if !strings.Contains(body, "12 s") {
		t.Errorf("%q does not say why", body)
	}
	if resp, _ := do(t, c, "HEAD", "http://any/healthz", nil); resp.StatusCode != 503 {
		t.Errorf("HEAD answers %d", resp.StatusCode)
	}
}

func TestRefusals(t *testing.T) {
	c := overUnix(t, &fakeSource{})
	for _, path := range []string{"/", "/v1", "/v1/status/", "/v1/Status", "/v1/../v1/status", "//v1/status", "/metrics"} {
		resp, body := do(t, c, "GET", "http://any"+path, nil)
		wantError(t, resp, body, 404, "not_found")
	}
	for _, path := range []string{"/v1/status", "/v1/events", "/healthz"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			resp, body := do(t, c, method, "http://any"+path, nil)
			wantError(t, resp, body, 405, "method_not_allowed")
			if allow := resp.Header.Get("Allow"); allow != "GET, HEAD" {
				t.Errorf("%s %s: Allow %q", method, path, allow)
			}
		}
	}
	resp, body := do(t, c, "GET", "http://any/v1/status", strings.NewReader("why"))
	wantError(t, resp, body, 400, "body_not_allowed")
	resp, body = do(t, c, "POST", "http://any/v1/status", nil, "Sec-Fetch-Site", "cross-site")
	wantError(t, resp, body, 403, "cross_origin")
	resp, body = do(t, c, "POST", "http://any/v1/status", nil, "Origin", "http://evil.example")
	wantError(t, resp, body, 403, "cross_origin")
}

// TestStar: the request for the server as a whole is for nothing either.
func TestStar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		serve(t, l, &fakeSource{})
		c := connect(t, l)
		say(t, c, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
		got := make([]byte, 12)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "HTTP/1.1 404" {
			t.Errorf("answered %q, %v", got, err)
		}
	})
}

func TestHeaders(t *testing.T) {
	c := overUnix(t, &fakeSource{})
	for _, path := range []string{"/v1/status", "/nowhere"} {
		resp, _ := do(t, c, "GET", "http://any"+path, nil)
		for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy"} {
			if resp.Header.Get(h) == "" {
				t.Errorf("%s has no %s", path, h)
			}
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("%s may be cached: %q", path, cc)
		}
	}
}

func TestHosts(t *testing.T) {
	c := overUnix(t, &fakeSource{}, "localhost", "::1")
	for url, want := range map[string]int{
		"http://localhost/v1/status":      200,
		"http://LOCALHOST:8080/v1/status": 200,
		"http://[::1]:8080/v1/status":     200,
		"http://[::1]/v1/status":          200,
		"http://rebound.example/healthz":  421,
		"http://localhost.evil/v1/status": 421,
	} {
		resp, body := do(t, c, "GET", url, nil)
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
		if want != 200 {
			wantError(t, resp, body, want, "unknown_host")
		}
	}
}

func TestHeaderLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		serve(t, l, &fakeSource{})
		// net/http allows 4 KB beyond the limit set.
		for kb, want := range map[int]string{7: "HTTP/1.1 200", 13: "HTTP/1.1 431"} {
			c := connect(t, l)
			go func() { // the end of a header too long is not read
				_, _ = io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", kb<<10)+"\r\n\r\n")
			}()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
				t.Errorf("a header of %d KB is answered %q, %v", kb, got, err)
			}
			_ = c.Close()
		}
	})
}

// TestUnsentBody: a body that was announced and never comes is not waited for.
func TestUnsentBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		serve(t, l, &fakeSource{})
		for _, request := range []string{
			"GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
			"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
			"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		} {
			c := connect(t, l)
			start := time.Now()
			say(t, c, request)
			answer, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 4") || !strings.Contains(string(answer), "Connection: close") {
				t.Errorf("%q is answered %q, %v", request, answer, err)
			}
			// After an answer with a body unread the HTTP server lingers for
			// half a second, so that the client can still read the answer.
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("%q held its connection for %v", request, took)
			}
			_ = c.Close()
		}
	})
}

// TestSilentClient: a client that does not finish its request loses its
// connection, whether it is new or has been served before.
func TestSilentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		serve(t, l, &fakeSource{})
		for request, want := range map[string]time.Duration{"": headerTimeout, "GET /v1/status HTTP/1.1\r\nHo": headerTimeout, askStatus: idleTimeout} {
			c := connect(t, l)
			start := time.Now()
			say(t, c, request)
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("a client that says %q is closed after %v, want %v", request, took, want)
			}
		}
	})
}

// TestManySilentClients: one client is answered at once while thousands hold
// their connections and say nothing, or little by little.
func TestManySilentClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := serve(t, l, &fakeSource{n: 1})
		const crowd = 5000
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				c, err := l.dial(t.Context())
				if err != nil {
					return
				}
				defer func() { _ = c.Close() }()
				for _, b := range []byte(askStatus[:20]) {
					if _, err := c.Write([]byte{b}); err != nil {
						return // closed for another one
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		c := connect(t, l)
		say(t, c, askStatus)
		b := make([]byte, 15)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "HTTP/1.1 200 OK" {
			t.Errorf("answered %q, %v", b, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("answered after %v", took)
		}
		if open := s.Stats().Connections; open > MaxConns {
			t.Errorf("%d connections are open", open)
		}
		all.Wait()
		if evicted := s.Stats().Evicted; evicted == 0 {
			t.Error("nobody was counted as evicted")
		}
	})
}

// TestEvictionOrder: the one that has waited longest goes, but not before it had
// its chance, and not one that is being served.
func TestEvictionOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := serve(t, l, &fakeSource{})
		stream := followFrom(t, l, "")
		stream.open()
		stream.event(0)
		oldest := connect(t, l)
		time.Sleep(time.Millisecond)
		var others []net.Conn
		for range MaxConns - 2 {
			c := connect(t, l)
			others = append(others, c)
		}
		synctest.Wait()
		start := time.Now()
		newest := connect(t, l)
		if _, err := oldest.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the oldest reads %v", err)
		}
		if took := time.Since(start); took != minWait-time.Millisecond {
			t.Errorf("it was closed after %v, want its %v", took, minWait)
		}
		for _, c := range append(others, newest) {
			say(t, c, askStatus)
			if _, err := io.ReadFull(c, make([]byte, 15)); err != nil {
				t.Errorf("a connection that was not the oldest: %v", err)
			}
			_ = c.Close()
		}
		if got := s.Stats(); got.Evicted != 1 || got.Streams != 1 {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestIdleConnections: a connection kept open between requests is as easily
// replaced as one that never asked.
func TestIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		serve(t, l, &fakeSource{})
		for range MaxConns {
			c := connect(t, l)
			say(t, c, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
			r := bufio.NewReader(c)
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
		}
		synctest.Wait()
		start := time.Now()
		c := connect(t, l)
		say(t, c, askStatus)
		if _, err := io.ReadFull(c, make([]byte, 15)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > minWait {
			t.Errorf("the next client waited %v", took)
		}
	})
}

// TestRoom: a connection that closes by itself makes room at once, and a listener
// that closes lets nobody wait for room.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := newPipeListener()
		l := newLimiter(pipes, 1)
		accept := func() (net.Conn, time.Duration, error) {
			start := time.Now()
			c, err := l.Accept()
			return c, time.Since(start), err
		}
		come := func() net.Conn { // and wait to be accepted
			ours, theirs := net.Pipe()
			go func() { pipes.conns <- theirs }()
			return ours
		}
		come()
		first, _, err := accept()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Millisecond)
			_ = first.Close()
		}()
		come()
		second, took, err := accept()
		if err != nil || took != time.Millisecond {
			t.Errorf("room after %v, %v", took, err)
		}
		follow(second, http.StateActive)
		go func() {
			time.Sleep(2 * time.Millisecond)
			_ = l.Close()
		}()
		third := come()
		if _, took, err = accept(); !errors.Is(err, net.ErrClosed) || took != 2*time.Millisecond {
			t.Errorf("a closed listener returns %v after %v", err, took)
		}
		if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the client refused reads %v", err)
		}
	})
}

// TestStuckAnswers: clients that do not take their answers hold connections for
// a second where they are in the way, and for writeTimeout where not.
func TestStuckAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := serve(t, l, &fakeSource{})
		var all []net.Conn
		for range MaxConns {
			all = append(all, connect(t, l))
		}
		time.Sleep(headerTimeout / 2)
		for _, c := range all {
			say(t, c, askStatus)
		}
		synctest.Wait()
		start := time.Now()
		c := connect(t, l)
		say(t, c, askStatus)
		if _, err := io.ReadFull(c, make([]byte, 15)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != minAnswer {
			t.Errorf("the next client waited %v", took)
		}
		_ = c.Close()
		time.Sleep(writeTimeout)
		synctest.Wait()
		if open := s.Stats().Connections; open != 0 {
			t.Errorf("%d connections are open after the write timeout", open)
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s, err := New(Config{Listener: l, Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextWithCancel(t)
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		stream := followFrom(t, l, "")
		stream.open()
		stream.event(0)
		connect(t, l) // and says nothing
		synctest.Wait()
		start := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("the stop took %v though nobody was being answered", took)
		}
		if _, err := stream.r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream reads %v", err)
		}
	})
}

// TestStopIsBounded: a client that does not take its answer delays the stop by
// no more than closeTimeout.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s, err := New(Config{Listener: l, Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextWithCancel(t)
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		stuck := connect(t, l)
		say(t, stuck, askStatus)
		synctest.Wait()
		start := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if took := time.Since(start); took != closeTimeout {
			t.Errorf("the stop took %v", took)
		}
		synctest.Wait()
		if open := s.Stats().Connections; open != 0 {
			t.Errorf("%d connections are open after the stop", open)
		}
	})
}

// TestListenerFails: a listener that dies is an error, not a stop.
func TestListenerFails(t *testing.T) {
	l := newPipeListener()
	s, err := New(Config{Listener: l, Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
}

func TestNewWantsAll(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("a server of nothing")
	}
}
