package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

// virtual is the address that the two Sockets share on the LAN.
const virtual = "203.0.113.1"

// vrrp is real failover software in both boxes, on a LAN segment of their own.
type vrrp interface {
	// source is what the status calls it.
	source() string
	// role is the section of the configuration that reads it.
	role(b *box) string
	// start runs it; the first box has the higher priority and becomes active.
	start(b *box)
	// stop ends it in good order, kill as kill -9 does, which leaves the address.
	stop(b *box)
	kill(b *box)
}

// lan joins the two boxes by a second cable.
func lan(t *testing.T, pair [2]*box) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "lan0"
	pair[0].ns.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: "lan0", PeerNamespace: netlink.NsFd(pair[1].ns.FD())})
	for _, b := range pair {
		b.ns.Addr(t, "lan0", "192.0.2."+strconv.Itoa(b.n())+"/24", 0)
		b.ns.Up(t, "lan0")
	}
}

// hasVirtual reports whether a box has the shared address on an interface that works.
func (b *box) hasVirtual() bool {
	b.t.Helper()
	all, err := b.ns.Netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range all {
		if l, err := b.ns.Netlink.LinkByIndex(a.LinkIndex); err == nil && a.IP.String() == virtual && l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 {
			return true
		}
	}
	return false
}

// dropVirtual takes the shared address from a box.
func (b *box) dropVirtual() {
	b.t.Helper()
	all, err := b.ns.Netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range all {
		if a.IP.String() != virtual {
			continue
		}
		l, err := b.ns.Netlink.LinkByIndex(a.LinkIndex)
		if err == nil {
			err = b.ns.Netlink.AddrDel(l, &a)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// n is 1 or 2.
func (b *box) n() int { return int(b.serial[len(b.serial)-1] - '0') }

func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

// process is a daemon in a box.
type process struct {
	cmd *exec.Cmd
	end func() // waits for it
}

// run starts a daemon in the box; the test's end ends it.
func (b *box) run(log string, argv ...string) *process {
	b.t.Helper()
	out, err := os.OpenFile(b.path(log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := b.ns.Do(cmd.Start); err != nil {
		b.t.Fatal(err)
	}
	p := &process{cmd: cmd, end: sync.OnceFunc(func() { _ = cmd.Wait() })}
	b.t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		p.end()
		if b.t.Failed() {
			text, _ := os.ReadFile(out.Name())
			b.t.Logf("%s of %s:\n%s", log, b.serial, text)
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

// poll asks again and again, which is for what tells nobody: a file that another
// process writes.
func (b *box) poll(what string, done func() bool) {
	b.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-timeout.C:
			b.t.Fatalf("%s: waited in vain for: %s", b.serial, what)
		}
	}
}

// pid waits for a pid file and returns what it holds.
func (b *box) pid(name string) (pid int) {
	b.t.Helper()
	b.poll(name, func() bool {
		data, err := os.ReadFile(b.path(name))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		return err == nil && pid > 1
	})
	return pid
}

// keepalived is the keepalived of Debian, read by its notify FIFO, and by the
// address once it is silent.
type keepalived struct{ of map[*box]*process }

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

func (k keepalived) source() string { return "keepalived" }

func (k keepalived) role(b *box) string {
	return fmt.Sprintf("[role]\nsource = \"auto\"\nvirtual_addresses = [%q]\n\n[role.keepalived]\nfifo = %q\npid_file = %q\n",
		virtual, b.path("fifo"), b.path("vrrp.pid"))
}

func (k keepalived) start(b *box) {
	b.t.Helper()
	command := needs.Command(b.t, "keepalived", "keepalived")
	for _, name := range []string{"main.pid", "vrrp.pid"} { // which a kill leaves
		_ = os.Remove(b.path(name))
	}
	b.file("keepalived.conf", fmt.Sprintf(keepalivedConf, b.n(), b.path("fifo"), 200-50*b.n(), virtual))
	k.of[b] = b.run("keepalived.log", command, "--dont-fork", "--log-console", "--no-syslog", "--vrrp",
		"--use-file="+b.path("keepalived.conf"), "--pid="+b.path("main.pid"), "--vrrp_pid="+b.path("vrrp.pid"))
}

func (k keepalived) stop(b *box) {
	b.t.Helper()
	k.of[b].signal(b.t, unix.SIGTERM)
	k.of[b].end()
}

// kill stops both processes first: the one that survives the other would end in
// good order.
func (k keepalived) kill(b *box) {
	b.t.Helper()
	child := b.pid("vrrp.pid")
	k.of[b].signal(b.t, unix.SIGSTOP)
	for _, s := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
		if err := unix.Kill(child, s); err != nil {
			b.t.Fatal(err)
		}
	}
	k.of[b].signal(b.t, unix.SIGKILL)
	k.of[b].end()
}

// frr is zebra and vrrpd of FRR, read over vrrpd's vty socket, and by the address
// once it is silent.
type frr struct{ of map[*box]*process }

const vrrpdConf = `interface lan0
 vrrp 5 version 3
 vrrp 5 priority %d
 vrrp 5 advertisement-interval 100
 vrrp 5 ip %s
`

func (f frr) source() string { return "frr" }

func (f frr) role(b *box) string {
	return fmt.Sprintf("[role]\nsource = \"auto\"\nvirtual_addresses = [%q]\n\n[role.frr]\nsocket = %q\ninterface = \"lan0\"\nvrid = 5\n",
		virtual, b.path("frr/vrrpd.vty"))
}

func (f frr) start(b *box) {
	b.t.Helper()
	if f.of[b] == nil {
		f.prepare(b)
	}
	b.ns.Up(b.t, "vrrp4-5")
	f.of[b] = f.daemon(b, "vrrpd")
}

// prepare makes what vrrpd needs: a folder of FRR's user, zebra, and the address on a
// macvlan with the virtual router's MAC address (RFC 5798 section 7.3), which vrrpd
// sets protodown where it is standby.
func (f frr) prepare(b *box) {
	b.t.Helper()
	needs.Command(b.t, "vtysh", "frr")
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = "vrrp4-5", b.ns.Link(b.t, "lan0").Attrs().Index
	attrs.HardwareAddr = net.HardwareAddr{0, 0, 0x5e, 0, 1, 5}
	b.ns.Add(b.t, &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE})
	b.ns.Addr(b.t, "vrrp4-5", virtual+"/24", 0)

	b.file("frr/zebra.conf", "")
	b.file("frr/vrrpd.conf", fmt.Sprintf(vrrpdConf, 200-50*b.n(), virtual))
	u, err := user.Lookup("frr")
	if err != nil {
		b.t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, name := range []string{"frr", "frr/zebra.conf", "frr/vrrpd.conf"} {
		if err := os.Chown(b.path(name), uid, gid); err != nil {
			b.t.Fatal(err)
		}
	}
	// The folders above are those of the test, made for its user only.
	for dir := b.dir; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	f.daemon(b, "zebra")
	b.poll("zebra's socket", func() bool { _, err := os.Stat(b.path("frr/zserv.api")); return err == nil })
}

// daemon runs one of FRR's daemons, which are on nobody's PATH.
func (f frr) daemon(b *box, name string) *process {
	b.t.Helper()
	return b.run(name+".log", "/usr/lib/frr/"+name, "--config_file", b.path("frr/"+name+".conf"), "--pid_file", b.path("frr/"+name+".pid"),
		"--socket", b.path("frr/zserv.api"), "--vty_socket", b.path("frr"), "--vty_port", "0", "--log", "stdout")
}

// stop sets the interface down too. vrrpd asks zebra for that when it ends, and does not
// wait: on a busy machine the address sometimes stays, as after kill -9.
func (f frr) stop(b *box) {
	b.t.Helper()
	f.of[b].signal(b.t, unix.SIGTERM)
	f.of[b].end()
	b.ns.Down(b.t, "vrrp4-5")
}

func (f frr) kill(b *box) {
	b.t.Helper()
	f.of[b].signal(b.t, unix.SIGKILL)
	f.of[b].end()
}
