package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"socketha/agent/status"
)

// fakeSource is a status that a test sets.
type fakeSource struct {
	Notice

	mu   sync.Mutex
	n    int
	past status.History
	sick error
}

func (f *fakeSource) Current() (status.Document, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return status.Document{Schema: 1, Readiness: fmt.Sprintf("state %d", f.n)}, fmt.Sprintf("id%d", f.n)
}

func (f *fakeSource) History() status.History {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.past
}

func (f *fakeSource) Healthy() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sick
}

// set makes state n the current one and says so.
func (f *fakeSource) set(n int) {
	f.mu.Lock()
	f.n = n
	f.mu.Unlock()
	f.Announce()
}

func (f *fakeSource) fall(sick error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sick = sick
}

// pipeListener is a listener in memory, for tests in a bubble of made-up time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial connects as a client, waiting until the server takes the connection.
func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, errors.New("the listener is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// connect dials as a client for the length of the test.
func connect(t *testing.T, l *pipeListener) net.Conn {
	t.Helper()
	c, err := l.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// serve runs a server for the length of the test and checks that it stops well.
func serve(t *testing.T, l net.Listener, src Source, hosts ...string) *Server {
	t.Helper()
	return run(t, Config{Listener: l, Source: src, Log: slog.New(slog.DiscardHandler), Hosts: hosts})
}

// run runs a server as configured for the length of the test.
func run(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return s
}

// overUnix serves on a unix socket and returns a client of it.
func overUnix(t *testing.T, src Source, hosts ...string) *http.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, src, hosts...)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// say writes a request as it stands.
func say(t *testing.T, c net.Conn, request string) {
	t.Helper()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatalf("writing a request: %v", err)
	}
}

const askStatus = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"

// follower reads a stream of events.
type follower struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

// followFrom connects and follows events, having seen the event lastID.
func followFrom(t *testing.T, l *pipeListener, lastID string) *follower {
	t.Helper()
	c := connect(t, l)
	header := ""
	if lastID != "" {
		header = "Last-Event-ID: " + lastID + "\r\n"
	}
	// HTTP/1.0, so that the body comes as it is and not in chunks.
	say(t, c, "GET /v1/events HTTP/1.0\r\nHost: x\r\n"+header+"\r\n")
	return &follower{t: t, c: c, r: bufio.NewReader(c)}
}

// header reads the header of the answer and returns its first line.
func (f *follower) header() string {
	f.t.Helper()
	first := f.line()
	for f.line() != "" {
	}
	return first
}

func (f *follower) line() string {
	f.t.Helper()
	line, err := f.r.ReadString('\n')
	if err != nil {
		f.t.Fatalf("reading a line: %v after %q", err, line)
	}
	return strings.TrimRight(line, "\r\n")
}

// block reads lines up to an empty one.
func (f *follower) block() string {
	f.t.Helper()
	var lines []string
	for {
		line := f.line()
		if line == "" {
			return strings.Join(lines, "|")
		}
		lines = append(lines, line)
	}
}

// open checks the beginning of a stream.
func (f *follower) open() {
	f.t.Helper()
	if first := f.header(); first != "HTTP/1.0 200 OK" {
		f.t.Fatalf("the stream begins with %q", first)
	}
	if got := f.block(); got != "retry: 2000" {
		f.t.Fatalf("the stream begins with %q", got)
	}
}

// event checks the next event.
func (f *follower) event(n int) {
	f.t.Helper()
	got := f.block()
	if !strings.HasPrefix(got, fmt.Sprintf("id: id%d|data: {", n)) || !strings.Contains(got, fmt.Sprintf(`"readiness":"state %d"`, n)) {
		f.t.Fatalf("event %q, want state %d", got, n)
	}
}
