package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"socketha/agent/local"
	"socketha/agent/status"
)

// TestStatus goes the whole way: an evaluation, served on a unix socket, asked for.
func TestStatus(t *testing.T) {
	src := newSource()
	_, path := serveUnix(t, src)
	c := New(path)
	d, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, _ := src.Current()
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	expected, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, expected) {
		t.Errorf("got %s, want %s", got, expected)
	}
	if d.Outcome() != status.OutcomeUnknown {
		t.Errorf("outcome %d", d.Outcome())
	}
	raw, err := c.Raw(t.Context())
	if err != nil || !bytes.Equal(bytes.TrimSpace(raw), expected) {
		t.Errorf("raw %s, %v", raw, err)
	}
}

func TestNotRunning(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none", "s")
	stale := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{missing, stale} {
		_, err := New(path).Status(t.Context())
		if !errors.Is(err, ErrNotRunning) || errors.Is(err, ErrNoAnswer) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestNoAnswer: an agent that accepts and stays silent, at whatever point, costs
// two seconds.
func TestNoAnswer(t *testing.T) {
	for name, part := range map[string]string{
		"nothing":     "",
		"half header": "HTTP/1.1 200 OK\r\nContent-",
		"half body":   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"schema\":1,",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := talkingTo(t, func(conn net.Conn) {
				readRequest(conn)
				_, _ = conn.Write([]byte(part))
				<-t.Context().Done()
			})
			start := time.Now()
			_, err := c.Status(t.Context())
			if !errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNotRunning) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(start); took != 2*time.Second {
				t.Errorf("%s: it took %v", name, took)
			}
		})
	}
}

// TestCancelled: the caller's own end is not blamed on the agent.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := talkingTo(t, func(conn net.Conn) {
			readRequest(conn)
			<-t.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		start := time.Now()
		if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoAnswer) {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestCrowdedAgent: a connection closed for another one, and a full queue, are
// tried again within the two seconds.
func TestCrowdedAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := talkingTo(t, func(conn net.Conn) {
			attempts++
			if attempts < 5 {
				return // closed without a look
			}
			readRequest(conn)
			if attempts < 10 {
				return // closed without an answer
			}
			reply(conn, `{"schema":1,"readiness":"ready"}`)
		})
		if d, err := c.Status(t.Context()); err != nil || d.Readiness != "ready" {
			t.Errorf("%+v, %v", d.Readiness, err)
		}
		if attempts != 10 {
			t.Errorf("%d attempts", attempts)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := New("s")
		c.dial = func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EAGAIN)}
		}
		start := time.Now()
		if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoAnswer) || time.Since(start) != callTimeout {
			t.Errorf("a full queue: %v after %v", err, time.Since(start))
		}
	})
}

func TestPermission(t *testing.T) {
	c := New("s")
	c.dial = func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}
	}
	_, err := c.Status(t.Context())
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "group") || errors.Is(err, ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

// TestDocuments: what a newer agent adds is tolerated and kept in the raw form; a
// newer schema is refused in clear words; what is no document is no document.
func TestDocuments(t *testing.T) {
	cases := []struct {
		body  string
		newer bool
		says  string // part of the error, empty for none
	}{
		{`{"schema":1,"readiness":"ready","later":{"x":[1]},"self":{"serial":"A","later":1}}`, false, ""},
		{`{"schema":2,"readiness":{"new":"shape"}}`, true, "schema 2"},
		{`{"readiness":"ready"}`, false, "no schema"},
		{`[]`, false, "document"},
		{`{"schema":1,"readiness":7}`, false, "readiness"},
		{`hello`, false, "document"},
		{``, false, "document"},
	}
	for _, tc := range cases {
		synctest.Test(t, func(t *testing.T) {
			c := talkingTo(t, func(conn net.Conn) {
				readRequest(conn)
				reply(conn, tc.body)
			})
			d, err := c.Status(t.Context())
			switch {
			case tc.says == "":
				raw, rawErr := c.Raw(t.Context())
				if err != nil || d.Readiness != "ready" || *d.Self.Serial != "A" || rawErr != nil || string(raw) != tc.body {
					t.Errorf("%s: %+v, %v, %s, %v", tc.body, d, err, raw, rawErr)
				}
			case err == nil || !strings.Contains(err.Error(), tc.says):
				t.Errorf("%s: %v", tc.body, err)
			case errors.Is(err, ErrSchema) != tc.newer:
				t.Errorf("%s: %v", tc.body, err)
			}
		})
	}
}

// TestErrors: the agent's own errors come through with status, code and message.
func TestErrors(t *testing.T) {
	for answer, want := range map[string]Error{
		"503 x\r\n\r\n" + `{"error":{"code":"unhealthy","message":"it stands still"}}`: {503, "unhealthy", "it stands still"},
		"404 x\r\n\r\nno":              {404, "", ""},
		"302 x\r\nLocation: /\r\n\r\n": {302, "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := talkingTo(t, func(conn net.Conn) {
				readRequest(conn)
				_, _ = conn.Write([]byte("HTTP/1.1 " + answer))
			})
			_, err := c.Status(t.Context())
			var e *Error
			if !errors.As(err, &e) || *e != want {
				t.Errorf("%q: %v, want %v", answer, err, want)
			}
			if want.Message != "" && !strings.Contains(err.Error(), want.Message) {
				t.Errorf("%v does not say why", err)
			}
		})
	}
}

// TestBounds: a header or a body without end is given up.
func TestBounds(t *testing.T) {
	endless := func(conn net.Conn, start string) {
		readRequest(conn)
		b := []byte(start + strings.Repeat("x", 1<<16))
		for {
			if _, err := conn.Write(b); err != nil {
				return
			}
			b = b[len(start):]
			start = ""
		}
	}
	for _, start := range []string{"HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\n\r\n{"} {
		synctest.Test(t, func(t *testing.T) {
			c := talkingTo(t, func(conn net.Conn) { endless(conn, start) })
			if _, err := c.Status(t.Context()); !errors.Is(err, errTooLong) {
				t.Errorf("%q: %v", start, err)
			}
		})
	}
}

// TestWholeServer holds against the real server: an answer while its connections
// are all taken by silent clients.
func TestWholeServer(t *testing.T) {
	s, path := serveUnix(t, newSource())
	for range 3 * local.MaxConns {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	if _, err := New(path).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if s.Stats().Evicted == 0 {
		t.Error("nobody made room")
	}
}
