package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"socketha/scripts/needs"
)

var agentBinary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	if os.Geteuid() != 0 {
		return m.Run() // what needs the binary needs root too
	}
	dir, err := os.MkdirTemp("", "socketha-rig-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	agentBinary = filepath.Join(dir, "socketha")
	build := exec.Command("go", "build", "-o", agentBinary, "socketha/cmd/socketha")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func running(t *testing.T, o Options) (*Pair, context.Context) {
	t.Helper()
	needs.Root(t)
	needs.Command(t, "nft", "nftables")
	o.Binary = agentBinary
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return p, ctx
}

// TestFaults: each fault does what it says, and the instruments see it.
func TestFaults(t *testing.T) {
	p, ctx := running(t, Options{Interval: 100 * time.Millisecond})
	near := p.Initiator()
	sniffer, err := near.Sniff()
	if err != nil {
		t.Fatal(err)
	}
	defer sniffer.Close()
	if err := p.WaitAlive(ctx); err != nil {
		t.Fatal(err)
	}

	mark := near.Log.Mark()
	cut, _, err := p.Drop(100)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := near.Log.Wait(ctx, mark, "silence noticed", SessionTimeout)
	if err != nil {
		t.Fatal(err)
	}
	last, ok := sniffer.LastBefore(lost.Seen)
	if early := Between(last, lost.Said) < p.Options().DetectTime(); !ok || early || lost.Seen.Before(cut) {
		t.Errorf("last frame %v, verdict %v, cut %v", last, lost.Said, cut)
	}
	if late := Between(lost.Said, lost.Seen); late < 0 {
		t.Errorf("a line was read %v before it was written", -late)
	}
	if _, _, err := p.Drop(0); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitAlive(ctx); err != nil {
		t.Fatal(err)
	}

	cable, err := p.Acceptor().Cable()
	if err != nil {
		t.Fatal(err)
	}
	mark = near.Status.Mark()
	if _, _, err := cable.Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Status.Wait(ctx, mark, "link down", HasReason("HA_NOT_READY_HA_LINK_DOWN")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cable.Plug(); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitAlive(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveCable(); err != nil {
		t.Fatal(err)
	}
	if err := p.MakeCable(); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitAlive(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsLeft: after Close no agent runs and no file is there; an agent also
// ends with the thread that started it, as it does when this process is killed.
func TestNothingIsLeft(t *testing.T) {
	p, _ := running(t, Options{})
	u, err := p.Initiator().Usage()
	if err != nil || u.CPU <= 0 || u.Threads < 1 || u.Descriptors < 3 || u.RSS < 1<<20 || u.PrivateDirty <= 0 || u.Switches == 0 {
		t.Errorf("usage %+v, %v", u, err)
	}
	pids := []int{p.Initiator().PID(), p.Acceptor().PID()}
	b := p.Initiator()
	exited := b.agent.exited
	if err := b.inside.end(); err != nil {
		t.Error(err)
	}
	b.inside = nil
	<-exited
	p.Close()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("process %d: %v", pid, err)
		}
	}
	if _, err := os.Stat(p.dir); !os.IsNotExist(err) {
		t.Errorf("the folder of the pair: %v", err)
	}
}

// TestGoroutines: an agent's last words are counted.
func TestGoroutines(t *testing.T) {
	p, _ := running(t, Options{})
	n, err := p.Acceptor().Goroutines()
	if err != nil || n["main.main"] != 1 || len(n) < 3 {
		t.Errorf("%v, %v", n, err)
	}
}

// TestFlood: hellos reach the agent and are refused.
func TestFlood(t *testing.T) {
	p, ctx := running(t, Options{})
	for _, from := range []Source{FromPeer, FromSpoofed} {
		pouring, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		sent, err := p.Flood(pouring, p.Acceptor(), from, 1000)
		stop()
		if err != nil || sent == 0 {
			t.Fatalf("from %s: %d sent, %v", from, sent, err)
		}
		d, err := p.Acceptor().Ask(ctx)
		if err != nil || len(d.Link.Rejected) == 0 {
			t.Errorf("from %s: rejected %v, %v", from, d.Link.Rejected, err)
		}
	}
}

// TestPinARP: the link addresses are known for good, on both ends.
func TestPinARP(t *testing.T) {
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			p, _ := running(t, Options{PinARP: true, IPv6: v6})
			for i, b := range p.Boxes {
				l, err := b.end()
				if err != nil {
					t.Fatal(err)
				}
				all, err := b.ns.Netlink.NeighList(l.Attrs().Index, netlink.FAMILY_ALL)
				if err != nil {
					t.Fatal(err)
				}
				pinned := slices.ContainsFunc(all, func(n netlink.Neigh) bool {
					return n.State == netlink.NUD_PERMANENT && n.IP.String() == p.addressOf(p.Boxes[1-i])
				})
				if !pinned {
					t.Errorf("%s: %v", b.Serial, all)
				}
			}
		})
	}
}

// TestPlugGivesTheAddressBack: an interface that was switched off has lost its
// link-local address.
func TestPlugGivesTheAddressBack(t *testing.T) {
	p, ctx := running(t, Options{IPv6: true, Interval: 100 * time.Millisecond})
	cable, err := p.Acceptor().Cable()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := cable.Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cable.Plug(); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitAlive(ctx); err != nil {
		t.Fatal(err)
	}
}
