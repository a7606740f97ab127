package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func notifyHangup(t *testing.T, c chan os.Signal) {
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
}

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

func TestHealthz(t *testing.T) {
	l, path := listen(t)
	healthy := true
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !healthy {
			http.Error(w, "the loop stands still", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()

	check := Healthz(path)
	if err := check(t.Context()); err != nil {
		t.Error(err)
	}
	healthy = false
	if err := check(t.Context()); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "stands still") {
		t.Error(err)
	}
	if err := Healthz(path + "x")(t.Context()); err == nil {
		t.Error("an agent that is not there is healthy")
	}
}

// TestHealthzSilent: one that accepts and says nothing is not waited for.
func TestHealthzSilent(t *testing.T) {
	l, path := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1)) // it has asked
		cancel()
	}()
	if err := Healthz(path)(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
