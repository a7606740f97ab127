package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketha/agent/status"
)

// manager is a service manager's end of sd_notify(3).
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, socket string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn}
}

// await reads what the agent tells until a message has that line, and returns it.
func (m *manager) await(line string) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("waited in vain for %q: %v", line, err)
		}
		if text := string(buf[:n]); strings.Contains("\n"+text+"\n", "\n"+line+"\n") {
			return text
		}
	}
}

// What started the agent hears when it is ready, that it lives, and how a reload
// went; a reload costs no session, and a bad configuration nothing at all.
func TestServiceManagerAndReload(t *testing.T) {
	boxes := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	m := newManager(t, filepath.Join(boxes[0].dir, "notify"))
	boxes[0].startBy("env", "NOTIFY_SOCKET="+filepath.Join(boxes[0].dir, "notify"), "WATCHDOG_USEC=300000")
	boxes[1].start()
	m.await("READY=1")
	m.await("WATCHDOG=1")
	before := boxes[0].until("ready", ready)
	boxes[0].until("some heartbeats", func(d status.Document) bool { return d.Readiness == "ready" })

	file := filepath.Join(boxes[0].dir, "socketha.toml")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(string(good), `role = "primary"`, `role = "neither"`, 1))
	boxes[0].signal(syscall.SIGHUP)
	m.await("RELOADING=1")
	if said := m.await("READY=1"); !strings.Contains(said, "refused") || !strings.Contains(said, "socketha.toml:") {
		t.Errorf("of a bad configuration the service manager hears %q", said)
	}
	write(strings.Replace(string(good), `role = "primary"`, `role = "secondary"`, 1))
	boxes[0].signal(syscall.SIGHUP)
	m.await("RELOADING=1")
	m.await("READY=1")
	after := boxes[0].until("the new role", func(d status.Document) bool { return has(d, status.CodeRoleConflict) })
	if !after.Link.Since.Equal(before.Link.Since.Time) || after.Link.Session != "up" {
		t.Errorf("session %s since %v, before %v", after.Link.Session, after.Link.Since, before.Link.Since)
	}
	boxes[0].signal(syscall.SIGTERM)
	m.await("STOPPING=1")
}

// A heartbeat loop that does not run is not vouched for: a process that is stopped
// says nothing, and one whose API hangs does not feed the watchdog.
func TestWatchdogIsNotFedByAStoppedAgent(t *testing.T) {
	boxes := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	m := newManager(t, filepath.Join(boxes[0].dir, "notify"))
	boxes[0].startBy("env", "NOTIFY_SOCKET="+filepath.Join(boxes[0].dir, "notify"), "WATCHDOG_USEC=300000")
	m.await("WATCHDOG=1")
	boxes[0].signal(syscall.SIGSTOP)
	if err := m.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	buf, fed := make([]byte, 4096), 0
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			break
		}
		if strings.Contains(string(buf[:n]), "WATCHDOG=1") {
			fed++
		}
	}
	if fed > 1 { // one may have been on its way
		t.Error(fmt.Sprint("fed ", fed, " times while stopped"))
	}
	boxes[0].signal(syscall.SIGCONT)
	m.await("WATCHDOG=1")
}
