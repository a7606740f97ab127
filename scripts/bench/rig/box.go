package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"socketha/agent/local/client"
	"socketha/agent/status"
	"socketha/scripts/nstest"
)

// askAgain is how long to wait before a socket that does not answer yet is
// tried again. It bounds how much later than the agent a follower can be.
const askAgain = 250 * time.Microsecond

// Box is one Socket: a namespace, a file system root, an agent.
type Box struct {
	Serial string
	Dir    string
	Log    *Record[Line]  // of all its agents so far
	Status *Record[Event] // likewise

	pair   *Pair
	ns     *nstest.NS
	inside *thread
	pipe   *logPipe
	client *client.Client
	agent  *agent
}

// Event is a status document, and when a follower had it.
type Event struct {
	Seen time.Time
	Doc  status.Document
}

// Ready matches a document of a ready pair.
func Ready(e Event) bool { return e.Doc.Readiness == "ready" }

// Compatible matches a document that says that the versions go together.
func Compatible(e Event) bool { return e.Doc.Compatibility == "compatible" }

// HasReason matches documents that give that reason.
func HasReason(code status.Code) func(Event) bool {
	return func(e Event) bool {
		for _, r := range e.Doc.Reasons {
			if r.Code == code {
				return true
			}
		}
		return false
	}
}

// agent is a running process.
type agent struct {
	cmd    *exec.Cmd
	exited chan struct{}
	stop   context.CancelFunc // of its follower
	gone   chan struct{}      // the follower has ended
}

// Start runs the agent in the box's namespace and follows its status. It returns
// the times just before and just after the process was made: exec was between.
func (b *Box) Start() (begun, done time.Time, err error) {
	if b.agent != nil {
		return begun, done, fmt.Errorf("%s: the agent runs already", b.Serial)
	}
	cmd := exec.Command(b.pair.binary, "agent", "--config", b.config())
	cmd.Stdout, cmd.Stderr = b.pipe.write, b.pipe.write
	cmd.Env = append(os.Environ(), b.pair.opts.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = b.inside.do(func() error {
		begun = time.Now()
		err := cmd.Start()
		done = time.Now()
		return err
	})
	if err != nil {
		return begun, done, fmt.Errorf("start the agent of %s: %w", b.Serial, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.agent = &agent{cmd: cmd, exited: make(chan struct{}), stop: stop, gone: make(chan struct{})}
	go func(a *agent) {
		_ = cmd.Wait() // how it ended is in its log
		close(a.exited)
		a.stop()
	}(b.agent)
	go func(a *agent) {
		defer close(a.gone)
		b.follow(ctx)
	}(b.agent)
	return begun, done, nil
}

// follow records what the local interface sends until ctx ends.
func (b *Box) follow(ctx context.Context) {
	for ctx.Err() == nil {
		for doc, err := range b.client.Events(ctx) {
			if err != nil {
				break // not up yet, or gone: ask again
			}
			e := Event{time.Now(), doc}
			b.Status.add(e)
			if b.pair.opts.Quiet && Ready(e) {
				return
			}
		}
		time.Sleep(askAgain)
	}
}

// PID is the process id of the agent, 0 if none runs.
func (b *Box) PID() int {
	if b.agent == nil {
		return 0
	}
	return b.agent.cmd.Process.Pid
}

// Running reports whether the agent was started and has not ended by itself.
func (b *Box) Running() bool {
	if b.agent == nil {
		return false
	}
	select {
	case <-b.agent.exited:
		return false
	default:
		return true
	}
}

// Signal ends the agent with sig, which must be one that ends it, and returns
// the time just before it was sent. It waits for the end.
func (b *Box) Signal(sig syscall.Signal) (time.Time, error) {
	a := b.agent
	if a == nil {
		return time.Time{}, fmt.Errorf("%s: no agent runs", b.Serial)
	}
	at := time.Now()
	if err := a.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return at, fmt.Errorf("%s: signal %v: %w", b.Serial, sig, err)
	}
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-a.exited:
	case <-timer.C:
		_ = a.cmd.Process.Kill()
		<-a.exited
		b.agent = nil
		return at, fmt.Errorf("%s: the agent did not end within 10 s of signal %v", b.Serial, sig)
	}
	<-a.gone
	b.agent = nil
	return at, nil
}

// Ask returns the status document as it is now.
func (b *Box) Ask(ctx context.Context) (status.Document, error) { return b.client.Status(ctx) }

// Goroutines counts the goroutines of the agent by the function each was started
// with. It ends the agent: the count is taken from its last words after SIGQUIT.
func (b *Box) Goroutines() (map[string]int, error) {
	mark := b.Log.Mark()
	if _, err := b.Signal(syscall.SIGQUIT); err != nil {
		return nil, err
	}
	// The lines are read by another thread: once something new can be waited for
	// in vain, all are there.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	const last = "rflags" // on some machines; else the second is waited out
	_, _ = b.Log.Wait(ctx, mark, "", func(l Line) bool { return strings.HasPrefix(l.Text, last) })
	return countGoroutines(b.Log.Since(mark)), nil
}

// countGoroutines reads the dump of runtime/debug: a header for each goroutine,
// and at its end the function it was started with.
func countGoroutines(lines []Line) map[string]int {
	count := map[string]int{}
	function, within := "", false
	for _, l := range append(lines, Line{}) {
		switch text := l.Text; {
		case strings.HasPrefix(text, "goroutine "):
			function, within = "", true
		case within && text == "":
			count[function]++
			within = false
		case within && strings.HasPrefix(text, "created by "):
			function, _, _ = strings.Cut(strings.TrimPrefix(text, "created by "), " in goroutine")
		case within && function == "" && strings.HasPrefix(text, "main.main("):
			function = "main.main"
		}
	}
	// The runtime's own come as it needs them: workers of the collector.
	maps.DeleteFunc(count, func(f string, _ int) bool { return f == "" || strings.HasPrefix(f, "runtime.") })
	return count
}

func (b *Box) config() string { return filepath.Join(b.Dir, "socketha.toml") }

// command runs socketha for this box and returns what it printed.
func (b *Box) command(args ...string) (string, error) {
	cmd := exec.Command(b.pair.binary, append(args, "--config", b.config())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("socketha %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

func (b *Box) file(name, text string) error {
	path := filepath.Join(b.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("lay out %s: %w", b.Serial, err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		return fmt.Errorf("lay out %s: %w", b.Serial, err)
	}
	return nil
}

// close ends the agent, if it runs, and all that was held for it.
func (b *Box) close() {
	if b.agent != nil {
		_, _ = b.Signal(syscall.SIGKILL)
	}
	if b.pipe != nil {
		b.pipe.end()
		b.pipe = nil
	}
	if b.inside != nil {
		_ = b.inside.end()
		b.inside = nil
	}
}
