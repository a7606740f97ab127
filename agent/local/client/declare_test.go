package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/local"
	"socketha/agent/status"
)

// declarer is an agent that takes declarations, or answers with an error.
type declarer struct {
	got []string
	err error
}

func (d *declarer) DeclareUpgrade(_ context.Context, what local.Declaration) error {
	d.got = append(d.got, fmt.Sprintf("upgrade %+v", what))
	return d.err
}

func (d *declarer) DeclareFailover(_ context.Context, what local.Declaration) error {
	d.got = append(d.got, fmt.Sprintf("failover %+v", what))
	return d.err
}

// declaringAt serves declarations on a unix socket to a caller.
func declaringAt(t *testing.T, d *declarer, may bool) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := local.New(local.Config{
		Listener: l, Source: newSource(), Declarer: d, Log: slog.New(slog.DiscardHandler),
		Caller: func(net.Conn) (local.Caller, error) { return local.Caller{UID: 7, MayChange: may}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return New(path)
}

func TestDeclare(t *testing.T) {
	d := new(declarer)
	c := declaringAt(t, d, true)
	for _, err := range []error{
		c.DeclareUpgrade(t.Context(), Declaration{Target: "18.4.1"}),
		c.DeclareUpgrade(t.Context(), Declaration{}),
		c.DeclareUpgrade(t.Context(), Declaration{End: true, Result: "failed"}),
		c.DeclareFailover(t.Context(), Declaration{}),
		c.DeclareFailover(t.Context(), Declaration{End: true}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"upgrade {End:false Target:18.4.1 Result: UID:7}", "upgrade {End:false Target: Result: UID:7}",
		"upgrade {End:true Target: Result:failed UID:7}",
		"failover {End:false Target: Result: UID:7}", "failover {End:true Target: Result: UID:7}",
	}
	if diff := cmp.Diff(want, d.got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDeclareIsRefused(t *testing.T) {
	conflict := fmt.Errorf("%w: no upgrade is declared", local.ErrConflict)
	for _, c := range []struct {
		agent *Client
		code  int
		says  string
	}{
		{declaringAt(t, &declarer{}, false), 403, "user id 7"},
		{declaringAt(t, &declarer{err: conflict}, true), 409, "no upgrade is declared"},
		{declaringAt(t, &declarer{err: errors.New("disk full")}, true), 500, "disk full"},
	} {
		err := c.agent.DeclareUpgrade(t.Context(), Declaration{End: true, Result: "ok"})
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Status != c.code || !strings.Contains(refused.Message, c.says) || errors.Is(err, ErrUnclear) {
			t.Errorf("%d: %v", c.code, err)
		}
	}
	none := New(filepath.Join(t.TempDir(), "none"))
	if err := none.DeclareFailover(t.Context(), Declaration{}); !errors.Is(err, ErrNotRunning) || errors.Is(err, ErrUnclear) {
		t.Errorf("without an agent: %v", err)
	}
}

// What was sent and not answered is not sent again: the agent may have taken it.
func TestDeclareIsSentOnce(t *testing.T) {
	for name, answer := range map[string]func(context.Context, net.Conn){
		"closed": func(context.Context, net.Conn) {},
		"silent": func(ctx context.Context, _ net.Conn) { <-ctx.Done() },
		"half":   func(_ context.Context, c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 2")) },
	} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int32
			c := talkingTo(t, func(conn net.Conn) {
				if req := readRequest(conn); req != nil {
					_, _ = io.Copy(io.Discard, req.Body)
					sent.Add(1)
				}
				answer(t.Context(), conn)
			})
			start := time.Now()
			err := c.DeclareUpgrade(t.Context(), Declaration{})
			if !errors.Is(err, ErrUnclear) || sent.Load() != 1 || time.Since(start) > 2*time.Second {
				t.Errorf("%s: sent %d times in %v: %v", name, sent.Load(), time.Since(start), err)
			}
			if name == "silent" && !errors.Is(err, ErrNoAnswer) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestHistoryAndSupportRequest(t *testing.T) {
	src := newSource()
	_, path := serveUnix(t, src)
	h, err := New(path).History(t.Context())
	if diff := cmp.Diff(src.History(), h); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	text, err := New(path).SupportRequest(t.Context())
	d, _ := src.Current()
	if err != nil || text != status.SupportRequest(&d) {
		t.Errorf("%v: %s", err, text)
	}
	none := New(path + "x")
	if _, err := none.History(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v", err)
	}
	if _, err := none.SupportRequest(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

func TestHistoryOfANewerAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := talkingTo(t, func(conn net.Conn) {
			if req := readRequest(conn); req != nil && req.Method == http.MethodGet {
				reply(conn, `{"schema":2,"transitions":"otherwise"}`)
			}
		})
		if _, err := c.History(t.Context()); !errors.Is(err, ErrSchema) {
			t.Errorf("%v", err)
		}
	})
}
