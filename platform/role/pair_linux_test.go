package role

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/scripts/nstest"
)

// box is one Socket of a pair: a namespace with the interface lan0, a folder, and the
// failover software that runs in it.
type box struct {
	t   *testing.T
	ns  *nstest.NS
	dir string
	n   int // 1 or 2: the last part of its address
}

var virtual = netip.MustParseAddr("203.0.113.1")

// newBoxes joins two by a veth pair.
func newBoxes(t *testing.T) [2]*box {
	t.Helper()
	var boxes [2]*box
	for i := range boxes {
		boxes[i] = &box{t: t, ns: nstest.New(t), dir: t.TempDir(), n: i + 1}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "lan0"
	boxes[0].ns.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: "lan0", PeerNamespace: netlink.NsFd(boxes[1].ns.FD())})
	for _, b := range boxes {
		b.ns.Addr(t, "lan0", "192.0.2."+strconv.Itoa(b.n)+"/24", 0)
		b.ns.Up(t, "lan0")
	}
	return boxes
}

func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

func (b *box) write(name, text string) string {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return b.path(name)
}

// until asks again and again, which is for what tells nobody: a file that another
// process writes. If it never happens, the time limit of the whole test run tells where.
func until(done func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		<-tick.C
	}
}

// pid waits for a pid file and returns what it holds.
func (b *box) pid(name string) (pid int) {
	b.t.Helper()
	until(func() bool {
		data, err := os.ReadFile(b.path(name))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		return err == nil && pid > 1
	})
	return pid
}

// process is a daemon in a box.
type process struct {
	cmd *exec.Cmd
	log string
	end func()
}

// start runs a daemon inside until it ends or the test does.
func (b *box) start(log string, argv ...string) *process {
	b.t.Helper()
	out, err := os.Create(b.path(log))
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // ended by its pid below
	cmd.Stdout, cmd.Stderr = out, out
	if err := b.ns.Do(cmd.Start); err != nil {
		b.t.Fatal(err)
	}
	p := &process{cmd: cmd, log: b.path(log)}
	p.end = sync.OnceFunc(func() { _ = cmd.Wait() })
	b.t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		p.end()
		if b.t.Failed() {
			text, _ := os.ReadFile(p.log)
			b.t.Logf("%s of box %d:\n%s", log, b.n, text)
		}
	})
	return p
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// observed is a watcher with what it has shown.
type observed struct {
	*Watcher
	stop func()

	mu    sync.Mutex
	steps []string
}

func (o *observed) Enabled(context.Context, slog.Level) bool { return true }
func (o *observed) WithAttrs([]slog.Attr) slog.Handler       { return o }
func (o *observed) WithGroup(string) slog.Handler            { return o }

// Handle notes the states as the log tells them.
func (o *observed) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "HA state changed" && a.Key == "to" {
			o.mu.Lock()
			defer o.mu.Unlock()
			if n := len(o.steps); n == 0 || o.steps[n-1] != a.Value.String() {
				o.steps = append(o.steps, a.Value.String())
			}
		}
		return true
	})
	return nil
}

func (o *observed) seen() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.steps, " ")
}

// watch runs a watcher that sees the interfaces of the box.
func (b *box) watch(cfg Config) *observed {
	b.t.Helper()
	o := &observed{}
	cfg.Log = slog.New(o)
	w, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	o.Watcher = w
	for _, s := range w.sources {
		if v, ok := s.(*vip); ok {
			v.open = func() (p places, err error) {
				err = b.ns.Do(func() error {
					p, err = openPlaces()
					return err
				})
				return p, err
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run = %v after its context was cancelled, want nil", err)
		}
	})
	b.t.Cleanup(o.stop)
	return o
}

// await blocks until the state is as wanted. If it never is, the time limit of
// the whole test run tells where.
func (o *observed) await(ha HA, source Kind) State {
	for {
		if s := o.State(); s.HA == ha && s.Source == string(source) && s.Detail != "has not answered yet" {
			return s
		}
		<-o.Changed()
	}
}

// descriptors lists what this process has open.
func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(target, "/proc/") {
			open = append(open, target)
		}
	}
	slices.Sort(open)
	return open
}
