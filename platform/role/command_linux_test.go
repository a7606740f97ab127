package role

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRunCommand(t *testing.T) {
	t.Setenv("SECRET", "not for hooks")
	for _, c := range []struct {
		script string
		out    string
		code   int
		err    string
	}{
		{"echo active", "active\n", 0, ""},
		{"exit 3", "", 3, "exit code 3"},
		{"echo why >&2; echo more >&2; exit 2", "", 2, `exit code 2: "why"`},
		{`printf '\033[31m' >&2; exit 2`, "", 2, `exit code 2: "\x1b[31m"`},
		{"echo $SECRET", "\n", 0, ""},
		{"read x; echo $?", "1\n", 0, ""},
		{"head -c 100000 /dev/zero", "", 0, "it printed more than 64 bytes"},
		{"head -c 100000 /dev/zero >&2", "", 0, ""},
		{"kill -9 $$", "", 0, "signal: killed"},
	} {
		out, code, err := runCommand(t.Context(), []string{"/bin/sh", "-c", c.script}, 64)
		if err == nil {
			err = errors.New("")
		}
		if string(out) != c.out || code != c.code || err.Error() != c.err {
			t.Errorf("%s: %q, %d, %v; want %q, %d, %s", c.script, out, code, err, c.out, c.code, c.err)
		}
	}
	if _, _, err := runCommand(t.Context(), []string{"/nowhere"}, 64); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such command: %v", err)
	}
}

// A command that hangs is killed with what it started, also where that holds the
// output open.
func TestRunCommandHangs(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	if err := unix.Mkfifo(pids, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, _, err := runCommand(ctx, []string{"/bin/sh", "-c", "sleep 1000 & echo $$ $! >" + pids + "; wait"}, 64)
		done <- err
	}()
	data, err := os.ReadFile(pids) // waits for both to run
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	for word := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		for unix.Kill(pid, 0) == nil && !zombie(pid) {
		}
	}
}

// What leaves the process group and holds the output does not hold up the answer.
func TestRunCommandLeavesSomebody(t *testing.T) {
	left := filepath.Join(t.TempDir(), "pid")
	_, code, err := runCommand(t.Context(), []string{"/bin/sh", "-c", "setsid sleep 1000 & echo $! >" + left + "; exit 3"}, 64)
	if code != 3 || !errors.Is(err, errExit) {
		t.Errorf("exit code %d, %v; want 3", code, err)
	}
	data, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Error(err)
	}
}

// zombie reports whether a process has ended and nobody has taken note: where
// nothing adopts orphans it stays so.
func zombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(data), ") Z ")
}

// frrDaemon answers one connection after the other as lib/vty.c does.
func frrDaemon(t *testing.T, path string, answers chan string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			for serve(conn, answers) {
			}
			_ = conn.Close()
		}
	}()
	return l
}

// serve answers one command and reports whether the connection lives on.
func serve(conn net.Conn, answers chan string) bool {
	buf := make([]byte, 64)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != showVRRP+"\x00" {
		return false
	}
	answer := <-answers
	if answer == "" {
		return false
	}
	for rest := answer; len(rest) > 0; rest = rest[min(1000, len(rest)):] {
		if _, err := conn.Write([]byte(rest[:min(1000, len(rest))])); err != nil {
			return false
		}
	}
	return true
}

func TestVty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vrrpd.vty")
	answers := make(chan string, 8)
	v := &vty{path: path}
	defer func() { v.close() }()
	ask := func() (string, error) {
		out, err := v.query(t.Context(), showVRRP)
		return string(out), err
	}
	if _, err := ask(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
	l := frrDaemon(t, path, answers)
	list := string(recording(t, "frr-master.json"))
	for range 3 {
		answers <- list + "\x00\x00\x00\x00"
		if out, err := ask(); out != list || err != nil {
			t.Fatalf("%q, %v; want the list", out, err)
		}
	}
	answers <- "% Unknown command\n\x00\x00\x00\x02"
	if _, err := ask(); !errors.Is(err, errCommand) || !strings.Contains(err.Error(), "Unknown command") {
		t.Errorf("a command that failed: %v", err)
	}
	answers <- list + "\x00\x00\x00\x00"
	if out, err := ask(); out != list || err != nil {
		t.Errorf("afterwards: %q, %v", out, err)
	}
	answers <- ""                        // it closes the connection that was kept,
	answers <- list + "\x00\x00\x00\x00" // and answers on a new one
	if out, err := ask(); out != list || err != nil {
		t.Errorf("after a restart: %q, %v", out, err)
	}
	answers <- strings.Repeat("x", 2*maxAnswer)
	if _, err := ask(); !errors.Is(err, errTooLong) {
		t.Errorf("too long an answer: %v", err)
	}
	_ = l.Close()
	if _, err := ask(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("closed: %v", err)
	}
}

func TestVtyHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vrrpd.vty")
	answers := make(chan string)
	frrDaemon(t, path, answers)
	v := &vty{path: path}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := v.query(ctx, showVRRP)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if v.conn != nil {
		t.Error("the connection is kept though an answer may still come")
	}
	close(answers)
}

func TestHookFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	p, ok := newHook(Hook{File: path, MaxAge: DefaultMaxAge}).(*poller)
	if !ok {
		t.Fatal("not a poller")
	}
	if r := p.ask(t.Context()); r.standing != absent {
		t.Errorf("no file: %+v", r)
	}
	for text, want := range map[string]HA{"active": Active, "standby\n": Standby, "unknown": Unknown} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := p.ask(t.Context()); r.standing != answered || r.ha != want {
			t.Errorf("%q: %+v, want %v", text, r, want)
		}
	}
	for _, text := range []string{"", "master", "ACTIVE", "\x1b[31mactive"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := p.ask(t.Context()); r.standing != silent || strings.Contains(r.detail, "\x1b") {
			t.Errorf("%q: %+v, want silence", text, r)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if r := p.ask(t.Context()); r.standing != silent || !strings.Contains(r.detail, "everybody may write") {
		t.Errorf("a file of everybody: %+v", r)
	}
}
