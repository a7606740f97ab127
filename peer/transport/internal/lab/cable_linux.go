package lab

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/scripts/nstest"
)

// Interface is the name of the HA interface in every namespace.
const Interface = "ha0"

// Cable joins two namespaces by a pair of interfaces, both called [Interface],
// that are up and have no address yet.
func Cable(t testing.TB, a, b *nstest.NS) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = Interface
	a.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: Interface, PeerNamespace: netlink.NsFd(b.FD())})
	a.Up(t, Interface)
	b.Up(t, Interface)
}

// Address gives the HA interface an address, usable at once (no duplicate
// address detection).
func Address(t testing.TB, ns *nstest.NS, prefix string) {
	t.Helper()
	flags := 0
	if netip.MustParsePrefix(prefix).Addr().Is6() {
		flags = unix.IFA_F_NODAD
	}
	ns.Addr(t, Interface, prefix, flags)
}

// Forger sends UDP datagrams over IPv4 with any source and TTL.
type Forger struct {
	t  testing.TB
	fd int
}

// NewForger opens a raw socket inside a namespace.
func NewForger(t testing.TB, ns *nstest.NS) *Forger {
	t.Helper()
	f := &Forger{t: t}
	err := ns.Do(func() (err error) {
		f.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		t.Fatalf("open a raw socket: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(f.fd) })
	return f
}

// Send sends one datagram.
func (f *Forger) Send(from, to netip.AddrPort, ttl byte, payload []byte) {
	f.t.Helper()
	if err := unix.Sendto(f.fd, packet4(from, to, ttl, payload), 0, &unix.SockaddrInet4{Addr: to.Addr().As4()}); err != nil {
		f.t.Errorf("forge: %v", err)
	}
}

// packet4 builds an IPv4 packet; the kernel fills in length and checksum of the
// IP header (raw(7)), and a UDP checksum of 0 means none (RFC 768).
func packet4(from, to netip.AddrPort, ttl byte, payload []byte) []byte {
	const ip, udp = 20, 8
	p := make([]byte, ip+udp, ip+udp+len(payload))
	p[0] = 0x45
	p[8], p[9] = ttl, unix.IPPROTO_UDP
	source, target := from.Addr().As4(), to.Addr().As4()
	copy(p[12:], source[:])
	copy(p[16:], target[:])
	p[20], p[21] = byte(from.Port()>>8), byte(from.Port())
	p[22], p[23] = byte(to.Port()>>8), byte(to.Port())
	n := udp + len(payload)
	p[24], p[25] = byte(n>>8), byte(n)
	return append(p, payload...)
}
