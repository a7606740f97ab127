package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"socketha/agent/local/client"
	"socketha/scripts/nstest"
)

const haInterface = "ha0"

// realBinary builds the command once for all tests that need it as a file.
var realBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "socketha-pair-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "socketha")
	build := exec.Command("go", "build", "-o", binary, "socketha/cmd/socketha")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

// box is one Socket in a namespace of its own, with an identity and no pin.
type box struct {
	t      *testing.T
	ns     *nstest.NS
	binary string
	dir    string
	serial string
}

// hub makes Sockets whose HA interfaces are joined by one switch.
func hub(t *testing.T, serials ...string) []*box {
	t.Helper()
	binary, err := realBinary()
	if err != nil {
		t.Fatal(err)
	}
	middle := nstest.New(t)
	middle.Bridge(t, "br0")
	middle.Up(t, "br0")
	var boxes []*box
	for i, serial := range serials {
		b := &box{t: t, ns: nstest.New(t), binary: binary, dir: t.TempDir(), serial: serial}
		boxes = append(boxes, b)
		for name, text := range map[string]string{"serial": serial, "model": "X1700B", "version": "18.3.3", "site": "s1"} {
			path := filepath.Join(b.dir, "etc/socketha", name)
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
		}
		must(t, os.WriteFile(b.config(), fmt.Appendf(nil, `
[link]
interface = %q
interval = "100ms"
[pair]
role = %q
[identity]
key = "%[3]s/key.pem"
certificate = "%[3]s/certificate.pem"
pins_file = "%[3]s/pins"
[state]
directory = "%[3]s/state"
[appliance]
root = %[3]q
[local]
socket = "%[3]s/s.sock"
`, haInterface, []string{"primary", "secondary"}[i%2], b.dir), 0o600))
		b.run("identity", "init")
		plug(t, middle, b, fmt.Sprintf("port%d", i))
	}
	return boxes
}

func plug(t *testing.T, middle *nstest.NS, b *box, port string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = port
	middle.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: haInterface, PeerNamespace: netlink.NsFd(b.ns.FD())})
	must(t, middle.Netlink.LinkSetMaster(middle.Link(t, port), middle.Link(t, "br0")))
	middle.Up(t, port)
	b.ns.Up(t, haInterface)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *box) config() string { return filepath.Join(b.dir, "socketha.toml") }

func (b *box) run(args ...string) string {
	b.t.Helper()
	out, err := exec.Command(b.binary, append(args, "--config", b.config())...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("socketha %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (b *box) fingerprint() string { return b.run("identity", "show", "--fingerprint") }

// pinned returns the pins file, empty if there is none.
func (b *box) pinned() string {
	data, err := os.ReadFile(filepath.Join(b.dir, "pins"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	return string(data)
}

// session is a command with somebody at it.
type session struct {
	box   *box
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *output
}

// output keeps what was written, and lets one wait for more.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (b *box) start(args ...string) *session {
	b.t.Helper()
	s := &session{box: b, cmd: exec.Command(b.binary, append(args, "--config", b.config())...), out: &output{more: make(chan struct{}, 1)}}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.Env = append(os.Environ(), "LANG=C.UTF-8")
	var err error
	s.stdin, err = s.cmd.StdinPipe()
	must(b.t, err)
	must(b.t, b.ns.Do(s.cmd.Start))
	b.t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
		if b.t.Failed() {
			b.t.Logf("%s, socketha %s:\n%s", b.serial, strings.Join(args, " "), s.out)
		}
	})
	return s
}

// sees waits until a pattern has been written.
func (s *session) sees(pattern string) {
	s.box.t.Helper()
	want := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(s.box.t.Context(), 30*time.Second)
	defer cancel()
	for !want.MatchString(s.out.String()) {
		select {
		case <-s.out.more:
		case <-ctx.Done():
			s.box.t.Fatalf("%s: %q has not come", s.box.serial, pattern)
		}
	}
}

func (s *session) types(line string) {
	s.box.t.Helper()
	_, err := io.WriteString(s.stdin, line+"\n")
	must(s.box.t, err)
}

// ends waits for the end and checks the exit code.
func (s *session) ends(code int) {
	s.box.t.Helper()
	_ = s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.box.t.Errorf("%s: exit code %d, want %d\n%s", s.box.serial, got, code, s.out)
	}
}

const prompt = `Type yes, or the last 6 groups`

// ready waits until the agent says so.
func (b *box) ready() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	last := ""
	for doc, err := range client.New(filepath.Join(b.dir, "s.sock")).Events(ctx) {
		if err != nil {
			continue
		}
		if doc.Readiness == "ready" {
			return
		}
		last = fmt.Sprint(doc.Reasons)
	}
	b.t.Fatalf("%s is not ready: %s", b.serial, last)
}

// Two Sockets with running agents that trust nobody are paired by hand, one by
// yes and one by its digits, and both become Ready without a restart.
func TestPairByHand(t *testing.T) {
	boxes := hub(t, "SN-1", "SN-2")
	one, two := boxes[0], boxes[1]
	for _, b := range boxes {
		b.start("agent")
	}
	first, second := one.start("identity", "pair"), two.start("identity", "pair")
	first.sees(prompt)
	second.sees(prompt)
	first.sees(`S/N +SN-1 +SN-2\n.*Model +X1700B +X1700B\n`)
	second.sees(`S/N +SN-2 +SN-1\n.*Model +X1700B +X1700B\n`)
	if one.pinned()+two.pinned() != "" {
		t.Fatal("pinned before anybody confirmed")
	}
	first.types("yes")
	first.ends(0)
	if !strings.Contains(one.pinned(), two.fingerprint()+"  # S/N SN-2") || two.pinned() != "" {
		t.Fatalf("pins after the first confirmation: %q and %q", one.pinned(), two.pinned())
	}
	digits := one.fingerprint()
	digits = digits[len(digits)-24:]
	second.types(digits[:4] + " " + digits[4:8] + " " + digits[8:])
	second.ends(0)
	one.ready()
	two.ready()

	again := one.start("identity", "pair")
	again.ends(1)
	again.sees("trusts 1 key already")
}

// What is not confirmed is not pinned, and the other Socket may still confirm.
func TestPairPinsNothingUnconfirmed(t *testing.T) {
	boxes := hub(t, "SN-1", "SN-2")
	one, two := boxes[0], boxes[1]
	other := two.start("identity", "pair")
	for _, answer := range []string{"no", "", "y", "YES!", one.fingerprint(), strings.Repeat("0", 24), two.fingerprint()[len(two.fingerprint())-20:]} {
		s := one.start("identity", "pair")
		s.sees(prompt)
		s.types(answer)
		s.ends(1)
		s.sees("not confirmed; nothing was pinned")
		if one.pinned() != "" {
			t.Fatalf("the answer %q pinned %q", answer, one.pinned())
		}
	}

	silent := one.start("identity", "pair")
	silent.sees(prompt)
	must(t, silent.stdin.Close())
	silent.ends(1)

	wrong := one.start("identity", "pair", "--yes", one.fingerprint())
	wrong.ends(1)
	wrong.sees("not the one confirmed by --yes; nothing was pinned")

	stopped := one.start("identity", "pair")
	stopped.sees(prompt)
	must(t, stopped.cmd.Process.Signal(os.Interrupt))
	stopped.ends(1)
	stopped.sees("interrupted; nothing was pinned")
	if one.pinned() != "" {
		t.Fatalf("pinned %q", one.pinned())
	}

	// The other one has waited at its prompt all the while.
	right := one.start("identity", "pair", "--yes", two.fingerprint())
	right.ends(0)
	other.sees(prompt)
	other.types("yes")
	other.ends(0)
	if !strings.Contains(one.pinned(), two.fingerprint()) || !strings.Contains(two.pinned(), one.fingerprint()) {
		t.Errorf("pins %q and %q", one.pinned(), two.pinned())
	}
}

// With a third Socket on the link nobody can tell who the peer is, whether it was
// there from the start or comes while a person compares.
func TestPairRefusesAThird(t *testing.T) {
	boxes := hub(t, "SN-1", "SN-2", "SN-3")
	one, two := boxes[0].start("identity", "pair"), boxes[1].start("identity", "pair")
	one.sees(prompt)
	two.sees(prompt)
	three := boxes[2].start("identity", "pair")
	for _, s := range []*session{one, two, three} {
		s.ends(1)
		s.sees("2 Sockets are on the HA link beside this one")
		s.sees("nothing was pinned")
		if s.box.pinned() != "" {
			t.Errorf("%s pinned %q", s.box.serial, s.box.pinned())
		}
	}
	three.sees(boxes[0].fingerprint())
	three.sees(boxes[1].fingerprint())
}

// A copied Socket, with the S/N of the other alone, or with its key.
func TestPairRefusesACopy(t *testing.T) {
	boxes := hub(t, "SN-1", "SN-1")
	one, two := boxes[0].start("identity", "pair", "--wait", "6s"), boxes[1].start("identity", "pair", "--wait", "6s")
	one.ends(1)
	two.ends(1)
	// Whoever dials sees the other's certificate first, and refuses it.
	const own = "has the identity of this Socket"
	if !strings.Contains(one.out.String()+two.out.String(), own) {
		t.Error("nobody said that the S/N is there twice")
	}
	for _, s := range []*session{one, two} {
		s.sees(own + "|refuses this one; see there why")
	}
	for _, file := range []string{"key.pem", "certificate.pem"} {
		data, err := os.ReadFile(filepath.Join(boxes[0].dir, file))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(boxes[1].dir, file), data, 0o600))
	}
	same, copied := boxes[0].start("identity", "pair", "--wait", "6s"), boxes[1].start("identity", "pair", "--wait", "6s")
	same.ends(1)
	copied.ends(1)
	same.sees(own)
	copied.sees(own)
	for _, s := range []*session{one, two, same, copied} {
		if s.box.pinned() != "" {
			t.Errorf("pinned %q", s.box.pinned())
		}
	}
}

// Nobody there, no cable, no interface, and a person who gives up.
func TestPairGivesUp(t *testing.T) {
	b := hub(t, "SN-1")[0]
	late := b.start("identity", "pair", "--wait", "4s")
	late.ends(1)
	late.sees(`no peer was met: nobody was heard on ha0.*; nothing was pinned`)

	stopped := b.start("identity", "pair")
	stopped.sees("Waiting at most 2 min for the other Socket on ha0")
	must(t, stopped.cmd.Process.Signal(syscall.SIGTERM))
	stopped.ends(1)
	stopped.sees("interrupted; nothing was pinned")

	must(t, b.ns.Netlink.LinkSetDown(b.ns.Link(t, haInterface)))
	down := b.start("identity", "pair", "--wait", "1s")
	down.ends(1)
	down.sees("ha0 is not up")
	must(t, b.ns.Netlink.LinkDel(b.ns.Link(t, haInterface)))
	none := b.start("identity", "pair", "--wait", "1s")
	none.ends(1)
	none.sees(`no interface "ha0"`)
}
