package service

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

// confinedHelper names the folder of the process that TestConfine starts.
const confinedHelper = "SOCKETHA_CONFINED_HELPER"

// TestConfine starts a process that confines itself, without cgo like the real
// binary, and lets it try what it may and may not do.
func TestConfine(t *testing.T) {
	needs.Root(t) // so that there is something to drop
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // another user runs from here
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "helper.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, sub := range []string{"read", "write", "other"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, sub, "file"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	abstract, err := net.Listen("unix", "@"+dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = abstract.Close() }()

	helper := []string{binary, "-test.run=^TestConfinedHelper$", "-test.v"}
	// Under a service manager there is nothing left to drop, and its system call
	// filter may refuse what drops.
	filtered := []string{
		needs.Command(t, "setpriv", "util-linux"), "--inh-caps=-all", "--bounding-set=-all", "--reuid=65534", "--clear-groups",
		needs.Command(t, "strace", "strace"), "-f", "-qq", "-o", os.DevNull, "-e", "inject=capset,landlock_create_ruleset:error=EPERM",
	}
	for _, test := range []struct {
		env     string
		command []string
	}{
		{"KEEP=", helper},
		{"KEEP=net_raw", helper},
		{"FILTERED=yes", append(filtered, helper...)},
	} {
		cmd := exec.Command(test.command[0], test.command[1:]...)
		cmd.Env = append(os.Environ(), confinedHelper+"="+dir, test.env)
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestConfinedHelper")) {
			t.Errorf("%s: %v\n%s", test.env, err, out)
		}
	}
}

// TestConfinedHelper is the process of TestConfine; by itself it does nothing.
func TestConfinedHelper(t *testing.T) {
	dir := os.Getenv(confinedHelper)
	if dir == "" {
		return
	}
	path := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	stop := threads(8)
	defer stop()
	keep := os.Getenv("KEEP") != ""
	done, err := Confine(Confinement{
		Read:  []string{path("read"), "/proc/self", path("no such file")},
		Write: []string{path("write")},
		Run:   []string{"/usr/bin/true"}, KeepNetRaw: keep,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !done.NoNewPrivileges || !done.Capabilities || done.Landlock == 0 && done.Missing == "" {
		t.Errorf("%+v", done)
	}
	want := "0000000000000000"
	if keep {
		want = "0000000000002000"
	}
	checkThreads(t, want)
	if os.Getenv("FILTERED") != "" {
		if done.Landlock != 0 || done.Missing == "" {
			t.Errorf("%+v", done)
		}
		return
	}
	for _, try := range attempts(path) {
		if err := try.do(); !errors.Is(err, try.want) {
			t.Errorf("%s: %v, want %v", try.what, err, try.want)
		}
	}
	if done.Landlock > 0 {
		for _, try := range forbidden(path, dir, done.Landlock) {
			if err := try.do(); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: %v, want it refused", try.what, err)
			}
		}
	}
	runtime.GC() // the runtime's own threads go on
}

type attempt struct {
	what string
	do   func() error
	want error
}

// attempts are what the agent does at run time.
func attempts(path func(...string) string) []attempt {
	return []attempt{
		{"read a file", func() error { _, err := os.ReadFile(path("read", "file")); return err }, nil},
		{"read what is not there", func() error { _, err := os.ReadFile(path("read", "x")); return err }, fs.ErrNotExist},
		{"write, sync, rename", func() error {
			if err := os.WriteFile(path("write", "new"), []byte("x"), 0o600); err != nil {
				return err
			}
			return os.Rename(path("write", "new"), path("write", "file"))
		}, nil},
		{"a socket on an interface, with a packet filter", bindAndFilter, nil},
		{"a unix socket", func() error {
			l, err := net.Listen("unix", path("write", "s"))
			if err != nil {
				return err
			}
			return l.Close()
		}, nil},
		{"netlink", func() error { _, err := net.Interfaces(); return err }, nil},
	}
}

// forbidden is what somebody who took the agent over would try.
func forbidden(path func(...string) string, abstract string, version int) []attempt {
	all := []attempt{
		{what: "read another file", do: func() error { _, err := os.ReadFile(path("other", "file")); return err }},
		{what: "read /etc/shadow", do: func() error { _, err := os.ReadFile("/etc/shadow"); return err }},
		{what: "write to a file to read", do: func() error { return os.WriteFile(path("read", "file"), nil, 0o600) }},
		{what: "move out", do: func() error { return os.Rename(path("write", "file"), path("other", "file")) }},
		{what: "run a program", do: func() error { return exec.Command("/usr/bin/id").Run() }},
	}
	if version >= 6 {
		all = append(all, attempt{what: "reach an abstract socket", do: func() error { _, err := net.Dial("unix", "@"+abstract); return err }})
	}
	return append(all,
		attempt{what: "a raw packet socket", do: func() error {
			_, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
			return permissionUnlessKept(err)
		}},
		attempt{what: "change the owner", do: func() error { return os.Chown(path("write", "file"), 1, 1) }},
	)
}

// permissionUnlessKept leaves the raw socket to the one that kept the capability.
func permissionUnlessKept(err error) error {
	if os.Getenv("KEEP") != "" && err == nil {
		return fs.ErrPermission
	}
	return err
}

func bindAndFilter() error {
	if err := bindToLoopback(); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	pass := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff}}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &pass[0]})
}

// threads occupies n threads until stop.
func threads(n int) (stop func()) {
	var started sync.WaitGroup
	end := make(chan struct{})
	for range n {
		started.Add(1)
		go func() {
			runtime.LockOSThread()
			started.Done()
			<-end
		}()
	}
	started.Wait()
	return func() { close(end) }
}

// checkThreads looks at every thread of the process.
func checkThreads(t *testing.T, caps string) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(tasks) < 9 {
		t.Fatalf("%d threads (%v)", len(tasks), err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"CapEff:\t" + caps, "CapPrm:\t" + caps, "CapBnd:\t" + caps, "CapInh:\t" + fmt.Sprintf("%016x", 0), "CapAmb:\t" + fmt.Sprintf("%016x", 0), "NoNewPrivs:\t1"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q:\n%s", task, want, text)
			}
		}
	}
}

// TestBindNeedsCapability must agree with what really happens, and cost this
// process nothing.
func TestBindNeedsCapability(t *testing.T) {
	before, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Fatal(err)
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(uts.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	if got, want := BindNeedsCapability(), major < 5 || major == 5 && minor < 7; got != want {
		t.Errorf("on Linux %d.%d: %v", major, minor, got)
	}
	after, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := capEff(before), capEff(after); a != b || a == "" {
		t.Errorf("capabilities were %s, are %s", a, b)
	}
}

func capEff(status []byte) string {
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "CapEff:") {
			return line
		}
	}
	return ""
}
