package beacon

import (
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/scripts/nstest"
)

// iface is the name of the HA interface in every namespace.
const iface = "ha0"

// nsNetwork opens the kernel's sockets inside a network namespace.
type nsNetwork struct {
	ns *nstest.NS
	kernel
}

func (n nsNetwork) open(local netip.Addr) (p port, err error) {
	err = n.ns.Do(func() (err error) {
		p, err = n.kernel.open(local)
		return err
	})
	return p, err
}

// newNS makes a namespace whose interfaces to come have their address at once,
// without duplicate address detection.
func newNS(t testing.TB) *nstest.NS {
	t.Helper()
	ns := nstest.New(t)
	sysctl(t, ns, "default/accept_dad", "0")
	return ns
}

// sysctl sets a value below net.ipv6.conf.
func sysctl(t testing.TB, ns *nstest.NS, name, value string) {
	t.Helper()
	if err := ns.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/"+name, []byte(value), 0)
	}); err != nil {
		t.Fatal(err)
	}
}

// cable joins an interface of one namespace to the HA interface of another; both
// are up.
func cable(t testing.TB, a *nstest.NS, name string, b *nstest.NS) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	a.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: iface, PeerNamespace: netlink.NsFd(b.FD())})
	a.Up(t, name)
	b.Up(t, iface)
}

// linkLocalOf returns the link-local address that a namespace's HA interface
// has.
func linkLocalOf(t testing.TB, ns *nstest.NS) netip.Addr {
	t.Helper()
	list, err := ns.Netlink.AddrList(ns.Link(t, iface), netlink.FAMILY_V6)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok && linkLocal(addr) {
			return addr.WithZone(iface)
		}
	}
	t.Fatalf("no link-local address in %v", list)
	return netip.Addr{}
}

// usableLinkLocalOf waits until that address may be used: even without duplicate
// address detection it is tentative for a moment.
func usableLinkLocalOf(t testing.TB, ns *nstest.NS) netip.Addr {
	t.Helper()
	link := ns.Link(t, iface)
	for t.Context().Err() == nil {
		list, err := ns.Netlink.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 && list[0].Flags&unix.IFA_F_TENTATIVE == 0 {
			break
		}
		runtime.Gosched()
	}
	return linkLocalOf(t, ns)
}

// newKernelNode makes a Beacon in a namespace.
func newKernelNode(t testing.TB, ns *nstest.NS, own byte, wanted func([32]byte) bool) *Beacon {
	t.Helper()
	b, err := New(Config{Interface: iface, Fingerprint: key(own), Wanted: wanted})
	if err != nil {
		t.Fatal(err)
	}
	b.net = nsNetwork{ns, kernel{iface}}
	return b
}

// await blocks until something holds. If it never does, the time limit of the
// whole test run tells where.
func await(b *Beacon, ok func() bool) {
	for !ok() {
		<-b.Changed()
	}
}

// forger sends UDP datagrams over IPv6 with any source and hop limit.
type forger struct {
	t     testing.TB
	fd    int
	index uint32
}

func newForger(t testing.TB, ns *nstest.NS, name string) *forger {
	t.Helper()
	f := &forger{t: t, index: uint32(ns.Link(t, name).Attrs().Index)}
	if err := ns.Do(func() (err error) {
		f.fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(f.fd) })
	return f
}

// send sends a datagram to the group.
func (f *forger) send(from netip.AddrPort, hopLimit byte, b []byte) {
	f.t.Helper()
	packet := packet6(from, netip.AddrPortFrom(Group, Port), hopLimit, b)
	to := &unix.SockaddrInet6{Addr: Group.As16(), ZoneId: f.index}
	if err := unix.Sendto(f.fd, packet, 0, to); err != nil {
		f.t.Errorf("forge: %v", err)
	}
}

// packet6 builds an IPv6 packet (RFC 8200 section 3) with a UDP datagram.
func packet6(from, to netip.AddrPort, hopLimit byte, payload []byte) []byte {
	const ip, udp = 40, 8
	p := make([]byte, ip+udp, ip+udp+len(payload))
	n := uint16(udp + len(payload))
	p[0] = 0x60
	binary.BigEndian.PutUint16(p[4:], n)
	p[6], p[7] = unix.IPPROTO_UDP, hopLimit
	source, target := from.Addr().As16(), to.Addr().As16()
	copy(p[8:], source[:])
	copy(p[24:], target[:])
	binary.BigEndian.PutUint16(p[40:], from.Port())
	binary.BigEndian.PutUint16(p[42:], to.Port())
	binary.BigEndian.PutUint16(p[44:], n)
	p = append(p, payload...)
	binary.BigEndian.PutUint16(p[46:], checksum(p[8:], unix.IPPROTO_UDP+uint32(n)))
	return p
}

// checksum sums addresses and datagram with the rest of the pseudo-header (RFC
// 8200 section 8.1).
func checksum(b []byte, sum uint32) uint16 {
	for i, v := range b {
		if i%2 == 0 {
			sum += uint32(v) << 8
		} else {
			sum += uint32(v)
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum == 0xffff {
		return 0xffff // a sum of 0 is sent as this (RFC 768)
	}
	return ^uint16(sum)
}
