package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketha/scripts/needs"
)

// box is a throw-away root: BusyBox, a package database, nothing else.
type box struct {
	t    *testing.T
	root string
}

func newBox(t *testing.T) *box {
	t.Helper()
	needs.Root(t) // chroot, and files of several owners
	busybox := needs.Command(t, "busybox", "busybox-static")
	b := &box{t, t.TempDir()}
	if err := os.Chmod(filepath.Dir(b.root), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"bin", "usr/bin", "dev", "proc", "tmp", "run", "etc", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lock"} {
		b.do(os.MkdirAll(b.path(dir), 0o755))
	}
	b.do(os.Chmod(b.root, 0o755))
	data, err := os.ReadFile(busybox)
	b.do(err)
	b.do(os.WriteFile(b.path("bin/busybox"), data, 0o755))
	for applet := range strings.FieldsSeq("sh grep mkdir chown chmod cat rm cut echo true") {
		b.do(os.Symlink("busybox", b.path("bin/"+applet)))
	}
	b.do(os.WriteFile(b.path("etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644))
	b.do(os.WriteFile(b.path("etc/group"), []byte("root:x:0:\n"), 0o644))
	b.do(os.WriteFile(b.path("etc/shadow"), nil, 0o600))
	b.do(os.WriteFile(b.path("var/lib/dpkg/status"), nil, 0o644))
	b.do(syscall.Mount("proc", b.path("proc"), "proc", 0, ""))
	t.Cleanup(func() { _ = syscall.Unmount(b.path("proc"), syscall.MNT_DETACH) })
	return b
}

func (b *box) do(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) path(name string) string { return filepath.Join(b.root, name) }

func (b *box) exists(name string) bool {
	_, err := os.Lstat(b.path(name))
	return err == nil
}

// dpkg runs dpkg on the root; dependencies are none of ours.
func (b *box) dpkg(args ...string) string {
	b.t.Helper()
	out, err := exec.Command("dpkg", append([]string{"--root=" + b.root, "--log=/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("dpkg %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// inside prepares a command within the root, as the user of that number.
func (b *box) inside(uid uint32, command ...string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Path, cmd.Err = command[0], nil // found inside
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: b.root, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

func (b *box) run(uid uint32, command ...string) (string, int) {
	b.t.Helper()
	cmd := b.inside(uid, command...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		b.t.Fatalf("%v: %v", command, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// account returns the number of the user socketha, who must be there once.
func (b *box) account() uint32 {
	b.t.Helper()
	data, err := os.ReadFile(b.path("etc/passwd"))
	b.do(err)
	var uid, gid uint32
	lines := 0
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, ":"); f[0] == "socketha" {
			lines++
			_, err = fmt.Sscan(f[2]+" "+f[3], &uid, &gid)
			b.do(err)
		}
	}
	if lines != 1 || uid == 0 || gid == 0 {
		b.t.Fatalf("the user socketha is there %d times:\n%s", lines, data)
	}
	return uid
}

// configure writes a configuration for the loopback interface and makes an identity.
func (b *box) configure(uid uint32, config, state string) {
	b.t.Helper()
	b.do(os.WriteFile(b.path(config), fmt.Appendf(nil, `# kept as it is
link = {interface = "lo"}
pair = {role = "primary"}
identity = {key = "/%[1]s/key.pem", certificate = "/%[1]s/certificate.pem", pins_file = "/%[1]s/pins"}
state = {directory = "/%[1]s/state"}
local = {socket = "/run/socketha/socketha.sock"}
`, state), 0o644))
	b.do(os.WriteFile(b.path("etc/socketha/serial"), []byte("SN-1\n"), 0o644))
	b.do(os.WriteFile(b.path("etc/socketha/version"), []byte("18.3.3\n"), 0o644))
	b.do(os.MkdirAll(b.path("run/socketha"), 0o750))
	b.do(os.Chown(b.path("run/socketha"), int(uid), int(uid)))
	for _, args := range [][]string{{"init"}, {"trust", "sha256:" + strings.Repeat("0a", 32)}} {
		command := append(append([]string{"/usr/bin/socketha", "identity"}, args...), "--config", "/"+config)
		if out, code := b.run(uid, command...); code != 0 {
			b.t.Fatalf("identity %v: exit code %d\n%s", args, code, out)
		}
	}
}

// startAndStop runs the agent until it has answered once, and ends it as a service
// manager does. The peer is not there, so the answer is "unknown" or "not ready".
func (b *box) startAndStop(uid uint32, config string) {
	b.t.Helper()
	var log bytes.Buffer
	agent := b.inside(uid, "/usr/bin/socketha", "agent", "--config", "/"+config)
	agent.Stdout, agent.Stderr = &log, &log
	b.do(agent.Start())
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	var out string
	code := 5 // not running yet
	for tick := time.NewTicker(50 * time.Millisecond); code == 5 || code == 1; {
		select {
		case err := <-ended:
			b.t.Fatalf("the agent ended: %v\n%s", err, log.String())
		case <-tick.C:
			out, code = b.run(uid, "/usr/bin/socketha", "status", "--config", "/"+config)
		}
	}
	if code != 3 && code != 4 {
		b.t.Errorf("status: exit code %d\n%s", code, out)
	}
	b.do(agent.Process.Signal(syscall.SIGTERM))
	if err := <-ended; err != nil {
		b.t.Errorf("the agent ended with %v\n%s", err, log.String())
	}
}

// kept returns what an upgrade has to leave as it is, but for what a running
// agent writes.
func (b *box) kept(folders ...string) map[string]string {
	b.t.Helper()
	all := make(map[string]string)
	for _, folder := range folders {
		b.do(filepath.WalkDir(b.path(folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			stat := info.Sys().(*syscall.Stat_t)
			text := fmt.Sprint(info.Mode(), stat.Uid, stat.Gid)
			if info.Mode().IsRegular() {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text += string(data)
			}
			all[path] = text
			return nil
		}))
	}
	return all
}

func (b *box) same(what string, before, after map[string]string) {
	b.t.Helper()
	for path, text := range before {
		if after[path] != text {
			b.t.Errorf("%s changed %s", what, path)
		}
	}
}

// TestDebianPackage: installed, started, upgraded, removed and purged, in a root
// of its own. An upgrade keeps configuration, identity and journal.
func TestDebianPackage(t *testing.T) {
	b := newBox(t)
	debs := [2]string{}
	for i, version := range []string{"0.1.0", "0.2.0"} {
		debs[i] = made(t, version).file(host(t).deb) + ".deb"
	}
	if out := b.dpkg("--install", debs[0]); !strings.Contains(out, "socketha is installed. To start it:") {
		t.Errorf("the first installation says\n%s", out)
	}
	uid := b.account()
	for _, file := range []string{
		"usr/bin/socketha", "usr/lib/systemd/system/socketha.service", "usr/lib/sysusers.d/socketha.conf", "usr/share/doc/socketha/socketha.toml", "var/lib/socketha",
		"usr/share/man/man1/socketha.1.gz", "usr/share/man/man1/socketha-status.1.gz", "usr/share/man/man5/socketha.toml.5.gz",
		"usr/share/bash-completion/completions/socketha", "usr/share/zsh/vendor-completions/_socketha", "usr/share/fish/vendor_completions.d/socketha.fish",
	} {
		if !b.exists(file) {
			t.Errorf("%s is not there", file)
		}
	}
	b.configure(uid, "etc/socketha/socketha.toml", "var/lib/socketha")
	b.startAndStop(uid, "etc/socketha/socketha.toml")
	before := b.kept("etc/socketha", "var/lib/socketha")
	if len(before) < 8 { // folders, configuration, serial, version, key, certificate, pins, state
		t.Errorf("there is little to keep: %d files", len(before))
	}

	if out := b.dpkg("--install", debs[1]); strings.Contains(out, "To start it") {
		t.Errorf("an upgrade says\n%s", out)
	}
	b.account()
	b.same("the upgrade", before, b.kept("etc/socketha", "var/lib/socketha"))
	if out, _ := b.run(uid, "/usr/bin/socketha", "version"); !strings.Contains(out, "0.2.0") {
		t.Errorf("after the upgrade there is %s", out)
	}
	b.startAndStop(uid, "etc/socketha/socketha.toml")

	before = b.kept("etc/socketha", "var/lib/socketha")
	b.dpkg("--remove", "socketha")
	if b.exists("usr/bin/socketha") || b.exists("usr/lib/systemd/system/socketha.service") {
		t.Error("something stays after the removal")
	}
	b.same("the removal", before, b.kept("etc/socketha", "var/lib/socketha"))
	b.dpkg("--purge", "socketha")
	if b.exists("etc/socketha") || b.exists("var/lib/socketha") {
		t.Error("something stays after the purge")
	}
}
