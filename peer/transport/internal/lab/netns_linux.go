package lab

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

// Interface is the name of the HA interface in every namespace.
const Interface = "ha0"

// Namespace is a network namespace of its own.
type Namespace struct {
	t      testing.TB
	handle netns.NsHandle
}

// NewNamespace makes a namespace that goes with the test.
func NewNamespace(t testing.TB) *Namespace {
	t.Helper()
	needs.Root(t)
	n := &Namespace{t: t}
	made := make(chan error, 1)
	go func() {
		// The thread lives in the new namespace; it is not given back.
		runtime.LockOSThread()
		var err error
		n.handle, err = netns.New()
		made <- err
	}()
	if err := <-made; err != nil {
		t.Fatalf("make network namespace: %v", err)
	}
	t.Cleanup(func() { _ = n.handle.Close() })
	n.MustDo(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return n
}

// Do runs f on a thread inside the namespace. Sockets opened there stay there.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := netns.Set(n.handle); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// MustDo is Do for steps of the test itself.
func (n *Namespace) MustDo(f func() error) {
	n.t.Helper()
	if err := n.Do(f); err != nil {
		n.t.Fatal(err)
	}
}

// Cable joins two namespaces by a pair of interfaces, both called [Interface],
// that are up and have no address yet.
func Cable(t testing.TB, a, b *Namespace) {
	t.Helper()
	a.MustDo(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = Interface
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: Interface, PeerNamespace: netlink.NsFd(b.handle),
		})
	})
	for _, n := range []*Namespace{a, b} {
		n.MustDo(func() error {
			link, err := netlink.LinkByName(Interface)
			if err != nil {
				return err
			}
			return netlink.LinkSetUp(link)
		})
	}
}

// Address gives the HA interface an address, usable at once (no duplicate
// address detection).
func (n *Namespace) Address(prefix string) {
	n.t.Helper()
	n.MustDo(func() error {
		link, err := netlink.LinkByName(Interface)
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr(prefix)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			addr.Flags = unix.IFA_F_NODAD
		}
		return netlink.AddrAdd(link, addr)
	})
}

// Forger sends UDP datagrams over IPv4 with any source and TTL.
type Forger struct {
	t  testing.TB
	fd int
}

// Forger opens a raw socket inside the namespace.
func (n *Namespace) Forger() *Forger {
	n.t.Helper()
	f := &Forger{t: n.t}
	n.MustDo(func() (err error) {
		f.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	n.t.Cleanup(func() { _ = unix.Close(f.fd) })
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
