package lab

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Process is a program that a test talks to over its standard streams. It is
// killed when the test ends.
type Process struct {
	t     testing.TB
	stdin io.WriteCloser

	mu     sync.Mutex
	output strings.Builder
	grown  chan struct{} // one token
	ended  chan struct{}
}

// Start runs a program.
func Start(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // tests say what to run
	p := &Process{t: t, grown: make(chan struct{}, 1), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // killed, mostly
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
		if t.Failed() {
			t.Logf("%s %s:\n%s", path, strings.Join(args, " "), p.Output())
		}
	})
	return p
}

// Write collects output; it is called by package exec.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.output.Write(b)
	p.mu.Unlock()
	select {
	case p.grown <- struct{}{}:
	default:
	}
	return len(b), nil
}

// Output returns what the program has written so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// Say writes a line to the program.
func (p *Process) Say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// Expect waits until the program has written text.
func (p *Process) Expect(ctx context.Context, text string) {
	p.t.Helper()
	for !strings.Contains(p.Output(), text) {
		select {
		case <-p.grown:
		case <-p.ended:
			if !strings.Contains(p.Output(), text) {
				p.t.Fatalf("it ended without saying %q", text)
			}
		case <-ctx.Done():
			p.t.Fatalf("it did not say %q", text)
		}
	}
}
