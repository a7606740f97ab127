//go:build linux

package role

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

const keepalivedConf = `global_defs {
	router_id box%[1]d
	vrrp_notify_fifo %[2]s
}
vrrp_instance VI_1 {
	state BACKUP
	interface lan0
	virtual_router_id 51
	priority %[3]d
	advert_int 0.1
	version 3
	virtual_ipaddress { %[4]s/24 dev lan0 }
}
`

// keepalived starts a real keepalived; the first box has the higher priority.
func (b *box) keepalived() *process {
	b.t.Helper()
	command := needs.Command(b.t, "keepalived", "keepalived")
	conf := b.write("keepalived.conf", fmt.Sprintf(keepalivedConf, b.n, b.path("fifo"), 200-50*b.n, virtual))
	return b.start("keepalived.log", command, "--dont-fork", "--log-console", "--no-syslog", "--vrrp",
		"--use-file="+conf, "--pid="+b.path("main.pid"), "--vrrp_pid="+b.path("vrrp.pid"))
}

// kill ends keepalived as kill -9 does. Both processes are stopped first: the
// one that survived the other would end in good order.
func (b *box) kill(p *process) {
	b.t.Helper()
	child := b.pid("vrrp.pid")
	p.signal(b.t, unix.SIGSTOP)
	if err := unix.Kill(child, unix.SIGSTOP); err != nil {
		b.t.Fatal(err)
	}
	if err := unix.Kill(child, unix.SIGKILL); err != nil {
		b.t.Fatal(err)
	}
	p.signal(b.t, unix.SIGKILL)
	p.end()
}

// forget removes the pid files that a kill leaves: where nothing reaps orphans,
// keepalived takes the dead process for one that runs, and does not start.
func (b *box) forget() {
	for _, name := range []string{"main.pid", "vrrp.pid"} {
		_ = os.Remove(b.path(name))
	}
}

func (b *box) fromKeepalived() Keepalived {
	return Keepalived{FIFO: b.path("fifo"), PIDFiles: []string{b.path("vrrp.pid")}, Memory: b.path("memory")}
}

// auto is what an agent runs: the FIFO, which has one reader, and the addresses.
func (b *box) auto() *observed {
	b.t.Helper()
	return b.watch(Config{Keepalived: b.fromKeepalived(), VIPs: []netip.Addr{virtual}})
}

func (b *box) fifo() *observed {
	b.t.Helper()
	return b.watch(Config{Source: FromKeepalived, Keepalived: b.fromKeepalived(), VIPs: []netip.Addr{virtual}})
}

func (b *box) vip() *observed {
	b.t.Helper()
	return b.watch(Config{Source: FromVIP, VIPs: []netip.Addr{virtual}})
}

// The active one is stopped in good order and started again.
func TestNetnsKeepalivedStop(t *testing.T) {
	t.Parallel()
	boxes := newBoxes(t)
	first := boxes[0].keepalived()
	boxes[1].keepalived()
	fifo := [2]*observed{boxes[0].fifo(), boxes[1].fifo()}
	vip := [2]*observed{boxes[0].vip(), boxes[1].vip()}

	fifo[0].await(Active, FromKeepalived)
	vip[0].await(Active, FromVIP)
	fifo[1].await(Standby, FromKeepalived)
	vip[1].await(Standby, FromVIP)

	first.signal(t, unix.SIGTERM)
	fifo[1].await(Active, FromKeepalived)
	vip[1].await(Active, FromVIP)
	fifo[0].await(Unknown, FromKeepalived)
	vip[0].await(Standby, FromVIP)
	first.end()

	boxes[0].keepalived()
	fifo[0].await(Active, FromKeepalived)
	vip[0].await(Active, FromVIP)
	fifo[1].await(Standby, FromKeepalived)
	vip[1].await(Standby, FromVIP)
}

// After kill -9 the address stays: the one that was killed is active by its
// address, and unknown by keepalived, never standby; the survivor is active too.
func TestNetnsKeepalivedKilled(t *testing.T) {
	t.Parallel()
	boxes := newBoxes(t)
	first := boxes[0].keepalived()
	boxes[1].keepalived()
	survivor := boxes[1].auto()
	survivor.await(Standby, FromKeepalived)

	auto := boxes[0].auto()
	auto.await(Active, FromKeepalived)
	boxes[0].kill(first)
	survivor.await(Active, FromKeepalived)
	auto.await(Active, FromVIP)
	if steps := auto.seen(); strings.Contains(steps, "unknown") || !strings.HasSuffix(steps, "active") {
		t.Errorf("the killed one showed %q, want active all along", steps)
	}
	auto.stop()

	// An agent that starts now finds a FIFO that nobody writes to.
	fifo := boxes[0].fifo()
	fifo.await(Unknown, FromKeepalived)
	fifo.stop()
	auto = boxes[0].auto()
	auto.await(Active, FromVIP)

	// Without the address it is still not standby: it could not take over.
	addr, err := netlink.ParseAddr(virtual.String() + "/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := boxes[0].ns.Netlink.AddrDel(boxes[0].ns.Link(t, "lan0"), addr); err != nil {
		t.Fatal(err)
	}
	auto.await(Unknown, FromKeepalived)
}

// The source alone tells a death one hold later, and a standby's too.
func TestNetnsKeepalivedKilledStandby(t *testing.T) {
	t.Parallel()
	boxes := newBoxes(t)
	boxes[0].keepalived()
	second := boxes[1].keepalived()
	auto := boxes[1].auto()
	auto.await(Standby, FromKeepalived)
	boxes[1].kill(second)
	auto.await(Unknown, FromKeepalived)
	boxes[1].forget()
	boxes[1].keepalived()
	auto.await(Standby, FromKeepalived)
}

// A reload writes nothing to the FIFO, and an agent that restarts finds it
// empty.
func TestNetnsKeepalivedReload(t *testing.T) {
	boxes := newBoxes(t)
	first := boxes[0].keepalived()
	fifo := boxes[0].fifo()
	fifo.await(Active, FromKeepalived)
	memory := func() string {
		data, err := os.ReadFile(boxes[0].path("memory"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	told := memory()
	first.signal(t, unix.SIGHUP)
	until(func() bool { return memory() != told }) // it found the new FIFO
	fifo.stop()
	if s := fifo.State(); s.HA != Active {
		t.Errorf("after a reload %+v, want active", s)
	}

	before := descriptors(t)
	again := boxes[0].fifo()
	again.await(Active, FromKeepalived)
	again.stop()
	if diff := cmp.Diff(before, descriptors(t)); diff != "" {
		t.Errorf("open after the watcher ended (-before +after):\n%s", diff)
	}

	// The next run does not inherit what the last one told.
	first.signal(t, unix.SIGTERM)
	first.end()
	if _, err := os.Stat(boxes[0].path("memory")); err != nil {
		t.Errorf("the memory is gone, so this test shows nothing: %v", err)
	}
	last := boxes[0].fifo()
	last.await(Unknown, FromKeepalived)
	boxes[0].ns.Down(t, "lan0")
	boxes[0].keepalived()
	for last.State().Detail != "VI_1 is FAULT" {
		<-last.Changed()
	}
	if s := last.State(); s.HA != Unknown {
		t.Errorf("FAULT is %+v, want unknown", s)
	}
}
