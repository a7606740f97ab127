package service

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// manager is a service manager's end of the socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	env  map[string]string
}

func newManager(t *testing.T, address string) *manager {
	t.Helper()
	if address == "" {
		address = filepath.Join(t.TempDir(), "notify")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn, map[string]string{"NOTIFY_SOCKET": address}}
}

func (m *manager) getenv(name string) string { return m.env[name] }

func (m *manager) notifier() *Notifier {
	m.t.Helper()
	n, err := NewNotifier(m.getenv, os.Getpid())
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = n.Close() })
	return n
}

// patience ends a test that waits for a datagram that does not come.
const patience = 30 * time.Second

// hear returns the next datagram.
func (m *manager) hear() string {
	m.t.Helper()
	b := make([]byte, 4096)
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	n, err := m.conn.Read(b)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

// expect hears until what is wanted, leaving out those that end in one of the others.
func (m *manager) expect(want string, leaveOut ...string) {
	m.t.Helper()
	for {
		got := m.hear()
		if got == want {
			return
		}
		skip := false
		for _, prefix := range leaveOut {
			skip = skip || strings.HasPrefix(got, prefix)
		}
		if !skip {
			m.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestProtocol(t *testing.T) {
	for name, address := range map[string]string{"path": "", "abstract": "@socketha-test-" + strconv.Itoa(os.Getpid())} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, address)
			n := m.notifier()
			for _, step := range []struct {
				tell func() error
				want string
			}{
				{func() error { return n.Ready("Ready") }, "READY=1\nSTATUS=Ready"},
				{func() error { return n.Status("a\nREADY=1") }, "STATUS=a READY=1"},
				{func() error { return n.Status(strings.Repeat("é", 200)) }, "STATUS=" + strings.Repeat("é", 128)},
				{n.Feed, "WATCHDOG=1"},
				{n.Stopping, "STOPPING=1\nSTATUS=stopping"},
			} {
				if err := step.tell(); err != nil {
					t.Fatal(err)
				}
				if got := m.hear(); got != step.want {
					t.Errorf("got %q, want %q", got, step.want)
				}
			}
			before, _ := monotonic()
			if err := n.Reloading(); err != nil {
				t.Fatal(err)
			}
			usec, ok := strings.CutPrefix(m.hear(), "RELOADING=1\nMONOTONIC_USEC=")
			at, err := strconv.ParseInt(usec, 10, 64)
			if after, _ := monotonic(); !ok || err != nil || at < before.Microseconds() || at > after.Microseconds() {
				t.Errorf("reloading at %q, not between %d and %d", usec, before.Microseconds(), after.Microseconds())
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	m := newManager(t, "")
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
		ok        bool
	}{
		{"", "", 0, true},
		{"30000000", "", 30 * time.Second, true},
		{"30000000", "7", 30 * time.Second, true},
		{"30000000", "8", 0, true},
		{"0", "", 0, false},
		{"soon", "", 0, false},
		{"9223372036854775807", "", 0, false},
	} {
		m.env["WATCHDOG_USEC"], m.env["WATCHDOG_PID"] = test.usec, test.pid
		n, err := NewNotifier(m.getenv, 7)
		if (err == nil) != test.ok || n.Watchdog() != test.want {
			t.Errorf("%q for %q: %v, %v", test.usec, test.pid, n.Watchdog(), err)
		}
		_ = n.Close()
	}
	for _, address := range []string{"relative", "/nobody/is/there"} {
		if _, err := NewNotifier(func(string) string { return address }, 7); err == nil {
			t.Errorf("%s is accepted", address)
		}
	}
}

// TestNobody: without a service manager all goes on in silence.
func TestNobody(t *testing.T) {
	n, err := NewNotifier(func(string) string { return "" }, 7)
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	if err := errors.Join(n.Ready("x"), n.Reloading(), n.Stopping(), n.Feed(), n.Status("x"), n.Close()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	k := &Keeper{Check: func(context.Context) error { cancel(); return nil }, Log: quiet}
	if err := k.Run(ctx); err != nil {
		t.Error(err)
	}
}

// TestKeeper: ready only after the agent answered; fed only while it does.
func TestKeeper(t *testing.T) {
	m := newManager(t, "")
	m.env["WATCHDOG_USEC"] = "30000" // a feed each 10 ms
	var answers atomic.Int32         // 0: not yet, 1: yes, 2: no longer
	asked := make(chan struct{}, 1000)
	k := &Keeper{
		Notifier: m.notifier(), Log: quiet, Status: func() string { return "Not Ready" },
		Check: func(context.Context) error {
			asked <- struct{}{}
			if answers.Load() != 1 {
				return errors.New("stuck")
			}
			return nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	<-asked
	<-asked // it keeps asking, and has said nothing: the next datagram is the first
	answers.Store(1)
	m.expect("READY=1\nSTATUS=Not Ready")
	for range 3 {
		m.expect("WATCHDOG=1")
		m.expect("STATUS=Not Ready")
	}
	answers.Store(2)
	m.expect("STATUS=not answering: stuck", "WATCHDOG=1", "STATUS=Not Ready")
	for len(asked) > 0 {
		<-asked
	}
	for range 5 {
		<-asked // questions go on
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	m.expect("STOPPING=1\nSTATUS=stopping") // nothing was fed meanwhile, nothing repeated
}

// TestReload: a bad configuration is told, and the service is ready again either way.
func TestReload(t *testing.T) {
	m := newManager(t, "")
	outcome := make(chan error, 1)
	r := &Reloader{Notifier: m.notifier(), Log: quiet, Reload: func(context.Context) error { return <-outcome }}
	ctx, cancel := context.WithCancel(t.Context())
	hangup := make(chan os.Signal, 1)
	done := make(chan error, 1)
	go func() { done <- r.run(ctx, hangup) }()
	for _, step := range []struct {
		err  error
		want string
	}{
		{nil, "READY=1\nSTATUS=running"},
		{errors.New("socketha.toml:3:1: no"), "READY=1\nSTATUS=configuration refused, the one before is in force: socketha.toml:3:1: no"},
	} {
		hangup <- syscall.SIGHUP
		if got := m.hear(); !strings.HasPrefix(got, "RELOADING=1\n") {
			t.Errorf("got %q", got)
		}
		outcome <- step.err
		if got := m.hear(); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if done, refused := r.Counts(); done != 1 || refused != 1 {
		t.Errorf("%d done, %d refused", done, refused)
	}
}

// TestHangup: the signal itself arrives.
func TestHangup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reloaded := make(chan struct{}, 1)
	r := &Reloader{Log: quiet, Reload: func(context.Context) error { cancel(); reloaded <- struct{}{}; return nil }}
	guard := make(chan os.Signal, 1) // so that a signal before Run listens is no end
	notifyHangup(t, guard)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case <-reloaded:
			tick.Stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return
		case <-tick.C:
		}
	}
}
