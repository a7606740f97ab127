package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"socketha/agent/local/client"
	"socketha/agent/status"
	"socketha/scripts/nstest"
)

// patience ends a test that waits for something that does not come.
const patience = 30 * time.Second

const haInterface = "ha0"

var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "socketha-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "socketha")
	build := exec.Command("go", "build", "-o", binary, "socketha/cmd/socketha")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// box is one Socket: a namespace, a file system root, an agent.
type box struct {
	t      *testing.T
	ns     *nstest.NS
	dir    string
	serial string
	client *client.Client
	agent  *exec.Cmd
	log    *os.File
}

// options of a pair; zero values are the usual.
type options struct {
	versions [2]string
	roles    [2]string
	interval string
	patient  int  // intervals of silence that make a peer lost, 3 if not set
	family   int  // 4 (default) or 6
	discover bool // configure no addresses: the interface has its own, the beacon finds the peer's

	manifests [2]string           // of capabilities; an empty one is none
	more      func(b *box) string // what else belongs into the configuration
}

// newPair makes two Sockets with pinned keys on one cable. No agent runs yet.
func newPair(t *testing.T, o options) [2]*box {
	t.Helper()
	addrs := [2]string{"169.254.77.1", "169.254.77.2"}
	if o.family == 6 {
		addrs = [2]string{"fe80::77:1", "fe80::77:2"}
	}
	if o.roles == [2]string{} {
		o.roles = [2]string{"primary", "secondary"}
	}
	if o.interval == "" {
		o.interval = "100ms"
	}
	if o.patient == 0 {
		o.patient = 3
	}
	var boxes [2]*box
	for i := range boxes {
		b := &box{t: t, ns: nstest.New(t), dir: t.TempDir(), serial: fmt.Sprintf("SN-%d", i+1)}
		boxes[i] = b
		b.file("etc/socketha/serial", b.serial)
		b.file("etc/socketha/model", "X1700B")
		b.file("etc/socketha/site", "site-4711")
		b.file("etc/socketha/version", o.versions[i])
		if o.manifests[i] != "" {
			b.file("etc/socketha/capabilities", o.manifests[i])
		}
		more := ""
		if o.more != nil {
			more = o.more(b)
		}
		static := fmt.Sprintf("local_address = %q\npeer_address = %q", addrs[i], addrs[1-i])
		if o.discover {
			static = ""
		}
		b.file("socketha.toml", fmt.Sprintf(`
[link]
interface = %q
interval = %q
detect_multiplier = %[7]d
%[3]s

[pair]
role = %[4]q

[identity]
key = "%[5]s/key.pem"
certificate = "%[5]s/certificate.pem"
pins_file = "%[5]s/pins"

[state]
directory = "%[5]s/state"

[appliance]
root = %[5]q

[local]
socket = "%[5]s/s.sock"

%[6]s`, haInterface, o.interval, static, o.roles[i], b.dir, more, o.patient))
		b.client = client.New(filepath.Join(b.dir, "s.sock"))
		b.socketha("identity", "init")
	}
	cable(t, boxes, addrs)
	for i, b := range boxes {
		b.socketha("identity", "trust", strings.TrimSpace(boxes[1-i].socketha("identity", "show", "--fingerprint")))
	}
	return boxes
}

// cable joins the two namespaces.
func cable(t *testing.T, boxes [2]*box, addrs [2]string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = haInterface
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: haInterface, PeerNamespace: netlink.NsFd(boxes[1].ns.FD())}
	if err := boxes[0].ns.Netlink.LinkAdd(veth); err != nil {
		t.Fatalf("make the cable: %v", err)
	}
	for i, b := range boxes {
		bits := "/30"
		if strings.Contains(addrs[i], ":") {
			bits = "/64"
		}
		l, err := b.ns.Netlink.LinkByName(haInterface)
		if err != nil {
			t.Fatalf("find the cable's end: %v", err)
		}
		addr, err := netlink.ParseAddr(addrs[i] + bits)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.ns.Netlink.AddrAdd(l, addr); err != nil {
			t.Fatalf("address of box %d: %v", i, err)
		}
		if err := b.ns.Netlink.LinkSetUp(l); err != nil {
			t.Fatalf("switch the cable on: %v", err)
		}
	}
}

func (b *box) file(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		b.t.Fatal(err)
	}
}

// socketha runs a command that must succeed and returns what it printed.
func (b *box) socketha(args ...string) string {
	b.t.Helper()
	out, code := b.try(args...)
	if code != 0 {
		b.t.Fatalf("socketha %s: exit code %d", strings.Join(args, " "), code)
	}
	return out
}

// try runs a command and returns what it printed and its exit code.
func (b *box) try(args ...string) (string, int) {
	b.t.Helper()
	cmd := exec.Command(binary, append(args, "--config", filepath.Join(b.dir, "socketha.toml"))...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		b.t.Fatalf("socketha %s: %v", strings.Join(args, " "), err)
	}
	if errs.Len() > 0 {
		b.t.Logf("socketha %s: %s", strings.Join(args, " "), errs.String())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// start runs the agent in the box's namespace; the test's end kills it.
func (b *box) start() {
	b.t.Helper()
	b.startBy()
}

// startBy runs the agent by another command, which becomes it.
func (b *box) startBy(command ...string) {
	b.t.Helper()
	var err error
	if b.log == nil {
		if b.log, err = os.Create(filepath.Join(b.dir, "agent.log")); err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(b.end)
	}
	command = append(command, binary, "agent", "--config", filepath.Join(b.dir, "socketha.toml"))
	b.agent = exec.Command(command[0], command[1:]...)
	b.agent.Stdout, b.agent.Stderr = b.log, b.log
	if err := b.ns.Do(b.agent.Start); err != nil {
		b.t.Fatalf("start the agent: %v", err)
	}
}

// signal sends sig to the agent, and waits for its end if that is what it means.
func (b *box) signal(sig syscall.Signal) {
	b.t.Helper()
	if err := b.agent.Process.Signal(sig); err != nil {
		b.t.Fatalf("signal %v: %v", sig, err)
	}
	if sig == syscall.SIGKILL || sig == syscall.SIGTERM {
		_ = b.agent.Wait()
		b.agent = nil
	}
}

func (b *box) end() {
	if b.agent != nil {
		_ = b.agent.Process.Kill()
		_ = b.agent.Wait()
	}
	if b.t.Failed() {
		b.t.Logf("log of %s:\n%s", b.serial, b.logged())
	}
	_ = b.log.Close()
}

// logged is what the agent has logged so far.
func (b *box) logged() string {
	b.t.Helper()
	text, err := os.ReadFile(b.log.Name())
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// told waits until the log holds words, and returns it: alarms are told once they
// are saved, which is after the status shows them.
func (b *box) told(words string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	for {
		log := b.logged()
		if strings.Contains(log, words) {
			return log
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%s: waited in vain for the log to tell: %s", b.serial, words)
		case <-time.After(10 * time.Millisecond): // a file tells nobody that it grows
		}
	}
}

// until follows the status until cond holds and returns that document.
func (b *box) until(what string, cond func(status.Document) bool) status.Document {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	var last status.Document
	for ctx.Err() == nil {
		for doc, err := range b.client.Events(ctx) {
			if err != nil {
				break // not up yet, or gone: ask again
			}
			if last = doc; cond(doc) {
				return doc
			}
		}
		// The agent may not have made its socket yet: there is nothing to wait on.
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	b.t.Fatalf("%s: waited in vain for: %s\nreadiness %s, compatibility %s, reasons %v", b.serial, what, last.Readiness, last.Compatibility, codes(last))
	return last
}

func codes(d status.Document) []status.Code {
	var all []status.Code
	for _, r := range d.Reasons {
		all = append(all, r.Code)
	}
	return all
}

func has(d status.Document, code status.Code) bool {
	for _, r := range d.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}
