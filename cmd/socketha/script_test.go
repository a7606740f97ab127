package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"socketha/agent/status"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"socketha": main})
}

// TestScripts runs testdata/*.txt: the command as a user types it, against the
// files and the agent that each script brings along.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LANG", "C.UTF-8")
			env.Setenv("LC_ALL", "")
			env.Setenv("LC_CTYPE", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":   serve,
			"publish": publish,

			"declared.by": declaredBy,
			"denied.by":   deniedBy,

			"start":     start,
			"expect":    expect,
			"interrupt": interrupt,
			"exits":     exits,
			"expand":    expand,
			"private":   private,
			"stale":     stale,
		},
	})
}

// exits runs a command that must end with the exit code named first. An
// argument @FILE stands for the text in that file.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	for i, arg := range args {
		if file, ok := strings.CutPrefix(arg, "@"); ok {
			args[i] = strings.TrimSpace(ts.ReadFile(file))
		}
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// expand replaces $WORK in files: paths in a configuration are absolute.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		text := strings.ReplaceAll(ts.ReadFile(file), "$WORK", ts.MkAbs("."))
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// private checks that nobody but the owner can read a file.
func private(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if info.Mode().Perm() != 0o600 {
		ts.Fatalf("%s has mode %v", args[0], info.Mode())
	}
}

// stale leaves a socket behind that nobody listens at.
func stale(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("unix", ts.MkAbs(args[0]))
	ts.Check(err)
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	ts.Check(listener.Close())
}

// fakeAgent speaks the local interface with a document of the script's.
type fakeAgent struct {
	mu     sync.Mutex
	doc    []byte
	change chan struct{}
}

var (
	agentsMu sync.Mutex
	agents   = make(map[string]*fakeAgent) // by path of the socket
)

// serve listens at a socket and answers with a document; "hang" never answers.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: serve SOCKET DOCUMENT|hang")
	}
	a := &fakeAgent{change: make(chan struct{})}
	if args[1] != "hang" {
		a.doc = []byte(ts.ReadFile(args[1]))
	}
	path := ts.MkAbs(args[0])
	listener, err := net.Listen("unix", path)
	ts.Check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", a.status)
	mux.HandleFunc("GET /v1/events", a.events)
	mux.HandleFunc("GET /v1/support-request", a.supportRequest)
	ctx, stop := context.WithCancel(context.Background())
	var handler http.Handler = mux
	if a.doc == nil {
		handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}
	server := &http.Server{Handler: handler, BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	agentsMu.Lock()
	agents[path] = a
	agentsMu.Unlock()
	ts.Defer(func() { stop(); _ = server.Close(); <-done })
}

func (a *fakeAgent) now() ([]byte, chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.doc, a.change
}

func (a *fakeAgent) status(w http.ResponseWriter, r *http.Request) {
	doc, _ := a.now()
	if doc == nil {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(doc)
}

func (a *fakeAgent) supportRequest(w http.ResponseWriter, _ *http.Request) {
	doc, _ := a.now()
	var d status.Document
	if err := json.Unmarshal(doc, &d); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, status.SupportRequest(&d))
}

func (a *fakeAgent) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for n := 1; ; n++ {
		doc, change := a.now()
		if doc == nil {
			<-r.Context().Done()
			return
		}
		_, _ = fmt.Fprintf(w, "id: %d\nevent: status\ndata: %s\n\n", n, strings.ReplaceAll(string(doc), "\n", ""))
		w.(http.Flusher).Flush()
		select {
		case <-change:
		case <-r.Context().Done():
			return
		}
	}
}

// publish gives the agent at a socket another document.
func publish(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: publish SOCKET DOCUMENT")
	}
	agentsMu.Lock()
	a := agents[ts.MkAbs(args[0])]
	agentsMu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doc = []byte(ts.ReadFile(args[1]))
	close(a.change)
	a.change = make(chan struct{})
}

// started is the command that a script started, with what it writes.
type started struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

var (
	startedMu sync.Mutex
	running   = make(map[*testscript.TestScript]*started)
)

// start runs a command beside the script; expect reads what it writes.
func start(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath(args[0])
	if found := filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[0]); err != nil {
		path = found
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "LANG", "SOCKETHA_SOCKET"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	read, write, err := os.Pipe()
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = write, write
	ts.Check(cmd.Start())
	_ = write.Close()
	startedMu.Lock()
	running[ts] = &started{cmd, bufio.NewReader(read)}
	startedMu.Unlock()
	ts.Defer(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = read.Close() })
}

func startedBy(ts *testscript.TestScript) *started {
	startedMu.Lock()
	defer startedMu.Unlock()
	return running[ts]
}

// expect reads lines of what was started until one matches.
func expect(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	for s := startedBy(ts); ; {
		line, err := s.out.ReadString('\n')
		ts.Logf("%s", line)
		if pattern.MatchString(strings.TrimSuffix(line, "\n")) {
			return
		}
		if err != nil {
			ts.Fatalf("no line matches %s: %v", args[0], err)
		}
	}
}

// interrupt ends what was started as Ctrl-C does, and checks its exit code.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	s := startedBy(ts)
	ts.Check(s.cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(s.out)
	ts.Check(err)
	ts.Logf("%s", rest)
	_ = s.cmd.Wait()
	if code := s.cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
