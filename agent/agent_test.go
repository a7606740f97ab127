package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"socketha/agent/config"
	"socketha/agent/local/client"
	"socketha/agent/status"
	"socketha/peer/transport"
	"socketha/platform/unixsock"
)

// patience ends a test that waits for what does not come.
const patience = 30 * time.Second

// box is one Socket on a loopback address, without root.
type box struct {
	dir string
	cfg *config.Config
	id  *transport.Identity

	agent *Agent // as last started
}

// newBoxes lays out two Sockets that do not trust each other yet.
func newBoxes(t *testing.T, versions [2]string) [2]*box {
	t.Helper()
	var boxes [2]*box
	for i := range boxes {
		b := &box{dir: t.TempDir()}
		b.write(t, "serial", fmt.Sprintf("SN-%d", i+1))
		b.write(t, "model", "X1700B")
		b.write(t, "version", versions[i])
		b.write(t, "site", "site-4711")
		text := fmt.Sprintf(`
[link]
interface = "lo"
port = %d
local_address = "127.0.81.%d"
peer_address = "127.0.81.%d"
interval = "50ms"
[pair]
role = %q
[identity]
key = "%[5]s/key.pem"
certificate = "%[5]s/certificate.pem"
pins_file = "%[5]s/pins"
[state]
directory = "%[5]s/state"
[appliance]
root = "%[5]s"
serial_file = "/serial"
model_file = "/model"
version_file = "/version"
site_file = "/site"
capabilities_file = "/capabilities"
upgrade_marker = "/upgrading"
[local]
socket = "%[5]s/s.sock"
`, 20000+os.Getpid()%10000, i+1, 2-i, []string{"primary", "secondary"}[i], b.dir)
		var err error
		if b.cfg, err = config.Parse("test.toml", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b.id, err = transport.NewIdentity(fmt.Sprintf("SN-%d", i+1), ""); err != nil {
			t.Fatal(err)
		}
		if err := b.id.Save(b.cfg.Identity.Key, b.cfg.Identity.Certificate); err != nil {
			t.Fatal(err)
		}
		boxes[i] = b
	}
	return boxes
}

func (b *box) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (b *box) trust(t *testing.T, other *box) {
	t.Helper()
	b.write(t, "pins", other.id.Fingerprint().String())
}

// start runs an agent until stop is called or the test ends; the end must come
// without an error.
func (b *box) start(t *testing.T) (stop func()) {
	t.Helper()
	a, err := New(b.cfg, Build{Version: "test", CommitTime: time.Now()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b.agent = a
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the agent ended with: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// pairUp starts both agents of a pair that trusts each other.
func pairUp(t *testing.T, boxes [2]*box) (stop [2]func()) {
	t.Helper()
	for i, b := range boxes {
		b.trust(t, boxes[1-i])
		stop[i] = b.start(t)
	}
	return stop
}

// until follows the status until cond holds.
func (b *box) until(t *testing.T, what string, cond func(status.Document) bool) status.Document {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for doc, err := range client.New(b.cfg.Local.Socket).Events(ctx) {
		if err == nil && cond(doc) {
			return doc
		}
	}
	t.Fatalf("waited in vain for: %s", what)
	return status.Document{}
}

func TestTwoAgentsAgree(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	pairUp(t, boxes)
	for _, b := range boxes {
		d := b.until(t, "incompatible", func(d status.Document) bool { return d.Remedy != nil })
		if *d.Remedy.UpgradeSerial != "SN-2" || d.Compatibility != "incompatible" {
			t.Errorf("%s: %s, upgrade %s", b.dir, d.Compatibility, *d.Remedy.UpgradeSerial)
		}
	}
	boxes[1].write(t, "version", "18.4.1")
	for _, b := range boxes {
		b.until(t, "ready", func(d status.Document) bool { return d.Readiness == "ready" })
	}
}

// An agent that trusts nobody yet runs, says so, and takes up the link when the
// pin is there.
func TestPinComesLater(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	boxes[1].trust(t, boxes[0])
	for _, b := range boxes {
		b.start(t)
	}
	d := boxes[0].until(t, "a status", func(status.Document) bool { return true })
	if d.Readiness != "not_ready" || d.Peer.Known {
		t.Errorf("without a pin: %s, peer known %v", d.Readiness, d.Peer.Known)
	}
	boxes[0].trust(t, boxes[1])
	boxes[0].until(t, "ready", func(d status.Document) bool { return d.Readiness == "ready" })
}

func TestNewSaysWhatToDo(t *testing.T) {
	b := newBoxes(t, [2]string{"18.3.3", "15.0.2"})[0]

	taken, err := unixsock.Listen(b.cfg.Local.Socket, unixsock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(b.cfg, Build{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second agent on one socket: %v", err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.cfg.Identity.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := New(b.cfg, Build{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "socketha identity init") {
		t.Errorf("no identity: %v", err)
	}
}
