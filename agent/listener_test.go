package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketha/agent/config"
	"socketha/agent/status"
)

// failing runs until it fails or is told to end.
type failing chan error

func (f failing) Run(ctx context.Context) error {
	select {
	case err := <-f:
		return err
	case <-ctx.Done():
		return nil
	}
}

// A listener that cannot be opened is told of once and tried again; the agent
// does not end for it.
func TestListenerIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var opened []time.Duration
		began, server := time.Now(), make(failing)
		l := &listening{
			log: slog.New(slog.NewTextHandler(&log, nil)),
			open: func(context.Context) (runner, error) {
				opened = append(opened, time.Since(began))
				if len(opened) < 4 {
					return nil, errors.New("the address is taken")
				}
				return server, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.run(ctx) }()
		time.Sleep(4 * listenAgain) // the clock of the bubble
		server <- errors.New("the address is taken")
		time.Sleep(listenAgain + 1)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(opened) != 5 || opened[3] != 3*listenAgain {
			t.Errorf("opened at %v", opened)
		}
		if told := strings.Count(log.String(), "is taken"); told != 2 {
			t.Errorf("told %d times, want once at first and once after it had worked:\n%s", told, log.String())
		}
	})
}

// The own listener of a running agent shows what the socket shows, to who asks for
// it by its name, and takes nothing.
func TestOwnListenerOfARunningAgent(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	boxes[0].cfg.Web.Address = address
	_ = l.Close() // for the agent to take
	pairUp(t, boxes)
	boxes[0].until(t, "incompatible", func(d status.Document) bool { return d.Remedy != nil })
	ask := func(method, path, host string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	defer http.DefaultClient.CloseIdleConnections()
	for path, word := range map[string]string{"/v1/about": "Upgrade the peer", "/v1/status": `"readiness":"not_ready"`} {
		if code, body := ask(http.MethodGet, path, ""); code != http.StatusOK || !strings.Contains(strings.ReplaceAll(body, ": ", ":"), word) {
			t.Errorf("%s: %d without %q in\n%s", path, code, word, body)
		}
	}
	if code, _ := ask(http.MethodGet, "/v1/about", "evil.example"); code != http.StatusMisdirectedRequest {
		t.Errorf("by a name not its own: %d", code)
	}
	if code, _ := ask(http.MethodPost, "/v1/upgrade", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("a declaration: %d", code)
	}
}

func TestNoOwnListenerByDefault(t *testing.T) {
	a := &Agent{cfg: config.Default()}
	if tasks := a.faceTasks(); len(tasks) != 0 {
		t.Errorf("tasks %v", tasks)
	}
}
