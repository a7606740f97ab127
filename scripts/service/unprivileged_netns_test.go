package service

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"socketha/agent/local/client"
	"socketha/agent/status"
	"socketha/scripts/needs"
	"socketha/scripts/nstest"
)

// nobody is the user that the agents of these tests run as.
const nobody = 65534

const haInterface = "ha0"

// socket is one side: a namespace, and an agent that may do nothing special.
type socket struct {
	t      *testing.T
	ns     *nstest.NS
	dir    string
	client *client.Client
	log    strings.Builder
}

// TestNoCapabilities: two agents without root, without any capability and with no
// way to one meet, and meet again on an interface made anew, for which every
// socket has to be opened and bound once more. It is what the unit relies on.
func TestNoCapabilities(t *testing.T) {
	needs.Root(t)
	setpriv := needs.Command(t, "setpriv", "util-linux")
	var pair [2]*socket
	for i := range pair {
		pair[i] = newSocket(t, i)
	}
	join(t, pair)
	for i, s := range pair {
		s.socketha("identity", "trust", strings.TrimSpace(pair[1-i].socketha("identity", "show", "--fingerprint")))
		s.give()
	}
	for _, s := range pair {
		s.start(setpriv)
	}
	ready := func(d status.Document) bool { return d.Readiness == "ready" }
	for _, s := range pair {
		s.until("ready", ready)
	}
	pair[0].ns.Delete(t, haInterface)
	for _, s := range pair {
		s.until("not ready without the cable", func(d status.Document) bool { return !ready(d) })
	}
	join(t, pair)
	for _, s := range pair {
		s.until("ready on the new interface", ready)
	}
}

func newSocket(t *testing.T, i int) *socket {
	t.Helper()
	dir, err := os.MkdirTemp(folder, "socket") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	s := &socket{t: t, ns: nstest.New(t), dir: dir, client: client.New(filepath.Join(dir, "s.sock"))}
	role := [2]string{"primary", "secondary"}[i]
	for name, text := range map[string]string{
		"etc/socketha/serial": fmt.Sprintf("SN-%d", i+1), "etc/socketha/version": "18.3.3", "etc/socketha/model": "X1700B",
		"socketha.toml": fmt.Sprintf(`
link = {interface = %q, interval = "100ms"}
pair = {role = %q}
identity = {key = "%[3]s/key.pem", certificate = "%[3]s/certificate.pem", pins_file = "%[3]s/pins"}
state = {directory = "%[3]s/state"}
appliance = {root = %[3]q}
local = {socket = "%[3]s/s.sock"}
`, haInterface, role, dir),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.socketha("identity", "init")
	return s
}

// join makes a cable between the two; the kernel gives its ends their addresses.
func join(t *testing.T, pair [2]*socket) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = haInterface
	pair[0].ns.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: haInterface, PeerNamespace: netlink.NsFd(pair[1].ns.FD())})
	for _, s := range pair {
		s.ns.Up(t, haInterface)
	}
}

// give makes the folder the unprivileged user's.
func (s *socket) give() {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// socketha runs a command as root, before the folder is given away.
func (s *socket) socketha(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(built(s.t), append(args, "--config", filepath.Join(s.dir, "socketha.toml"))...).Output()
	if err != nil {
		s.t.Fatalf("socketha %v: %v", args, err)
	}
	return string(out)
}

func (s *socket) start(setpriv string) {
	s.t.Helper()
	user := fmt.Sprint(nobody)
	cmd := exec.Command(setpriv, "--reuid="+user, "--regid="+user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
		built(s.t), "agent", "--config", filepath.Join(s.dir, "socketha.toml"))
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := s.ns.Do(cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", s.dir, s.log.String())
		}
	})
}

// until follows the status until cond holds.
func (s *socket) until(what string, cond func(status.Document) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	var last status.Document
	for ctx.Err() == nil {
		for doc, err := range s.client.Events(ctx) {
			if err != nil {
				break // not up yet
			}
			if last = doc; cond(doc) {
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatalf("waited in vain for: %s; last %s, %v", what, last.Readiness, last.Reasons)
}
