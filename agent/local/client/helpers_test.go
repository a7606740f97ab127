package client

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"socketha/agent/local"
	"socketha/agent/status"
)

// talkingTo returns a client of an agent that is one function, run for each
// connection, which is closed when the function returns.
func talkingTo(t *testing.T, agent func(net.Conn)) *Client {
	t.Helper()
	c := New("pipe")
	c.dial = func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		go func() {
			defer func() { _ = theirs.Close() }()
			agent(theirs)
		}()
		return ours, nil
	}
	return c
}

// readRequest reads a request and returns it, or nil if none came.
func readRequest(conn net.Conn) *http.Request {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	return req
}

// reply answers with a document and ends the connection.
func reply(conn net.Conn, body string) {
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// startStream answers with the beginning of a stream.
func startStream(conn net.Conn) {
	_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 2000\n\n")
}

// sendEvent sends event n of a stream.
func sendEvent(conn net.Conn, n int) {
	_, _ = fmt.Fprintf(conn, "id: id%d\ndata: {\"schema\":1,\"readiness\":\"state %d\"}\n\n", n, n)
}

// source is an agent's status, made by a real evaluator.
type source struct {
	local.Notice

	mu        sync.Mutex
	evaluator status.Evaluator
	ev        *status.Evaluation
	now       status.Instant
}

func newSource() *source {
	s := &source{}
	s.evaluate("18.0")
	return s
}

// evaluate makes a document with our version.
func (s *source) evaluate(version string) {
	s.mu.Lock()
	s.now = s.now.Add(time.Second)
	s.ev = s.evaluator.Evaluate(status.Input{Now: s.now, AgentStart: 1, Self: status.Self{Version: version}})
	s.mu.Unlock()
	s.Announce()
}

func (s *source) Current() (status.Document, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ev.Show(status.Live{Now: s.now, Boot: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
}

func (s *source) History() status.History {
	return status.History{Schema: status.SchemaVersion, Transitions: []status.Transition{}}
}

func (s *source) Healthy() error { return nil }

// serveUnix serves a source by the real server on a real unix socket.
func serveUnix(t *testing.T, src local.Source) (*local.Server, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	s, stop := serveAt(t, src, path)
	t.Cleanup(stop)
	return s, path
}

// serveAt serves at a path until stop is called.
func serveAt(t *testing.T, src local.Source, path string) (s *local.Server, stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s, err = local.New(local.Config{Listener: l, Source: src, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil && !strings.Contains(err.Error(), "closed") {
			t.Errorf("Run returned %v", err)
		}
	}
}
