//go:build linux

package role

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

const vrrpdConf = `interface lan0
 vrrp 5 version 3
 vrrp 5 priority %d
 vrrp 5 advertisement-interval 100
 vrrp 5 ip %s
`

// frrDir is where FRR's packages put the daemons, which is on nobody's PATH.
const frrDir = "/usr/lib/frr/"

// frr is zebra and vrrpd in a box, with all their paths in a folder of FRR's user.
type frr struct{ zebra, vrrpd *process }

// vrrpd starts both; the first box has the higher priority. FRR wants the virtual address on a
// macvlan with the virtual router's MAC address (RFC 5798 section 7.3), and sets that
// protodown where it is standby.
func (b *box) vrrpd() frr {
	b.t.Helper()
	needs.Command(b.t, "vtysh", "frr")
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = "vrrp4-5", b.ns.Link(b.t, "lan0").Attrs().Index
	attrs.HardwareAddr = net.HardwareAddr{0, 0, 0x5e, 0, 1, 5}
	b.ns.Add(b.t, &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE})
	b.ns.Addr(b.t, "vrrp4-5", virtual.String()+"/24", 0)
	b.ns.Up(b.t, "vrrp4-5")

	b.write("zebra.conf", "")
	b.write("vrrpd.conf", fmt.Sprintf(vrrpdConf, 200-50*b.n, virtual))
	b.own(".", "zebra.conf", "vrrpd.conf")
	run := func(daemon string) *process {
		return b.start(daemon+".log", frrDir+daemon, "--config_file", b.path(daemon+".conf"), "--pid_file", b.path(daemon+".pid"),
			"--socket", b.path("zserv.api"), "--vty_socket", b.dir, "--vty_port", "0", "--log", "stdout")
	}
	var f frr
	f.zebra = run("zebra")
	until(func() bool { _, err := os.Stat(b.path("zserv.api")); return err == nil })
	f.vrrpd = run("vrrpd")
	return f
}

// own gives paths in the folder to FRR's user, whom its daemons become.
func (b *box) own(names ...string) {
	b.t.Helper()
	u, err := user.Lookup("frr")
	if err != nil {
		b.t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, name := range names {
		if err := os.Chown(b.path(name), uid, gid); err != nil {
			b.t.Fatal(err)
		}
	}
	// The folders above are those of the test, made for its user only.
	for dir := b.dir; strings.HasPrefix(dir, os.TempDir()+"/"); dir = dir[:strings.LastIndexByte(dir, '/')] {
		if err := os.Chmod(dir, 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *box) socket() FRR { return FRR{Socket: b.path("vrrpd.vty"), Interface: "lan0", VRID: 5} }

func (b *box) vtysh() FRR {
	return FRR{Command: []string{"/usr/bin/vtysh", "--vty_socket", b.dir, "-d", "vrrpd", "-c", showVRRP}}
}

// Both ways to ask vrrpd, the address on the protodown interface of a standby,
// and the address that stays after kill -9.
func TestNetnsFRR(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	boxes := newBoxes(t)
	first := boxes[0].vrrpd()
	second := boxes[1].vrrpd()
	vips := []netip.Addr{virtual}
	auto := [2]*observed{
		boxes[0].watch(Config{FRR: boxes[0].socket(), VIPs: vips}),
		boxes[1].watch(Config{FRR: boxes[1].socket(), VIPs: vips}),
	}
	vtysh := [2]*observed{boxes[0].watch(Config{FRR: boxes[0].vtysh()}), boxes[1].watch(Config{FRR: boxes[1].vtysh()})}
	vip := [2]*observed{boxes[0].vip(), boxes[1].vip()}
	auto[0].await(Active, FromFRR)
	auto[1].await(Standby, FromFRR)
	vtysh[0].await(Active, FromFRR)
	vtysh[1].await(Standby, FromFRR)
	vip[0].await(Active, FromVIP)
	if s := vip[1].await(Standby, FromVIP); s.Detail != virtual.String()+" is on vrrp4-5, which is protodown" {
		t.Errorf("the standby's address: %q", s.Detail)
	}

	first.vrrpd.signal(t, unix.SIGKILL)
	first.vrrpd.end()
	auto[1].await(Active, FromFRR)
	vtysh[1].await(Active, FromFRR)
	vip[1].await(Active, FromVIP)
	auto[0].await(Active, FromVIP)
	vtysh[0].await(Unknown, FromFRR)

	second.vrrpd.signal(t, unix.SIGTERM)
	second.vrrpd.end()
	auto[1].await(Unknown, FromFRR)
	vip[1].await(Standby, FromVIP)
}
