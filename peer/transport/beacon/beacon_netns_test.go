//go:build linux

package beacon

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"socketha/peer/transport/internal/sock"
	"socketha/scripts/nstest"
)

// pairOn joins two namespaces by a cable and makes a Beacon in each.
func pairOn(t testing.TB) (here, there *nstest.NS, a, b *Beacon) {
	t.Helper()
	here, there = newNS(t), newNS(t)
	cable(t, here, iface, there)
	return here, there, newKernelNode(t, here, 1, wants(2)), newKernelNode(t, there, 2, wants(1))
}

// mustFind waits until a knows that key is at addr.
func mustFind(t testing.TB, a *Beacon, fingerprint byte, addr netip.Addr) {
	t.Helper()
	await(a, func() bool {
		for _, c := range a.Candidates() {
			if c.Fingerprint == key(fingerprint) && c.Addr == netip.AddrPortFrom(addr, Port) {
				return true
			}
		}
		return false
	})
}

// Both find each other, beside acceptors on the same port, which one may open
// before the beacons and the other after. Nothing is left behind.
func TestNetnsFind(t *testing.T) {
	here, there, a, b := pairOn(t)
	addrHere, addrThere := usableLinkLocalOf(t, here), usableLinkLocalOf(t, there)
	acceptor := func(ns *nstest.NS, addr netip.Addr) {
		if err := ns.Do(func() error {
			c, err := sock.Listen(t.Context(), iface, netip.AddrPortFrom(addr, Port))
			if err == nil {
				t.Cleanup(func() { _ = c.Close() })
			}
			return err
		}); err != nil {
			t.Errorf("open an acceptor's socket beside a beacon: %v", err)
		}
	}
	acceptor(here, addrHere)
	goroutines, descriptors := runtime.NumGoroutine(), countDescriptors(t)
	stopA, stopB := run(t, a), run(t, b)
	mustFind(t, a, 2, addrThere)
	mustFind(t, b, 1, addrHere)
	if got := a.Stats().Local; got.WithZone(iface) != addrHere {
		t.Errorf("sends from %v, want %v", got, addrHere)
	}
	stopA()
	stopB()
	if n := countDescriptors(t); n != descriptors {
		t.Errorf("%d descriptors after, %d before", n, descriptors)
	}
	for runtime.NumGoroutine() > goroutines { // one that ends may still be counted
		runtime.Gosched()
	}
	acceptor(there, addrThere)
	again := newKernelNode(t, there, 2, wants(1))
	run(t, again)
	await(again, func() bool { return again.Stats().Sent > 0 })
}

func countDescriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Addresses are tentative for a second or two after the interface came up.
func TestNetnsTentative(t *testing.T) {
	here, there := nstest.New(t), nstest.New(t)
	cable(t, here, iface, there)
	a, b := newKernelNode(t, here, 1, wants(2)), newKernelNode(t, there, 2, wants(1))
	run(t, a)
	await(a, func() bool { return strings.Contains(a.Stats().Error, "has no usable link-local address yet") })
	own := linkLocalOf(t, there)
	b.orders.local = own.WithZone("") // named, and tentative as well
	run(t, b)
	await(b, func() bool {
		return strings.Contains(b.Stats().Error, own.WithZone("").String()+" is not usable on ha0")
	})
	mustFind(t, a, 2, own)
	mustFind(t, b, 1, linkLocalOf(t, here))
}

// Beacons with hop limits other than 255 are dropped by the kernel, and those of
// strangers, of our own key and with forged sources do as they should.
func TestNetnsForged(t *testing.T) {
	here, there, a, _ := pairOn(t)
	run(t, a)
	await(a, func() bool { return a.Stats().Sent > 0 })
	forge := newForger(t, there, iface)
	from := at(0x77, 4242)
	for _, hops := range []byte{0, 1, 64, 254} {
		forge.send(from, hops, message(2).Append(nil))
	}
	global := netip.MustParseAddrPort("[2001:db8::1]:1")
	forge.send(global, 255, message(2).Append(nil))
	forge.send(from, 255, message(9).Append(nil))
	forge.send(from, 255, message(1).Append(nil))
	forge.send(netip.AddrPortFrom(linkLocalOf(t, here), 1), 255, message(1).Append(nil))
	forge.send(from, 255, make([]byte, 1000))
	forge.send(at(0x78, 4242), 255, message(2).Append(nil)) // datagrams keep their order
	mustFind(t, a, 2, host(0x78))
	s := a.Stats()
	if s.Heard != 1 || len(a.Candidates()) != 1 {
		t.Errorf("heard %d: %+v", s.Heard, a.Candidates())
	}
	for _, reason := range []Reason{ReasonSource, ReasonUnwanted, ReasonOwnKey, ReasonReflected, ReasonMalformed} {
		if s.Ignored[reason] != 1 {
			t.Errorf("%s: ignored %v", reason, s.Ignored)
		}
	}
	if s.Conflict == nil || s.Conflict.Addr.Addr() != host(0x77) {
		t.Errorf("conflict %+v", s.Conflict)
	}
}

// A flood of solicits with the right key from spoofed addresses costs no memory
// to speak of, few answers, and does not keep the real peer from being found.
func TestNetnsFlood(t *testing.T) {
	here, there, a, b := pairOn(t)
	run(t, a)
	stop := run(t, b)
	real := linkLocalOf(t, there)
	mustFind(t, a, 2, real)
	mustFind(t, b, 1, linkLocalOf(t, here))
	forge := newForger(t, there, iface)
	spoof := message(2)
	spoof.Flags = FlagSolicit
	goroutines := runtime.NumGoroutine()
	before := allocated()
	began := time.Now()
	for n := range 10_000 {
		forge.send(at(n+0x1000, 4242), 255, spoof.Append(nil))
	}
	took := time.Since(began)
	grown := int64(allocated()) - int64(before)
	if runtime.NumGoroutine() > goroutines+2 || grown > 1<<20 {
		t.Errorf("%d goroutines and %d bytes more", runtime.NumGoroutine()-goroutines, grown)
	}
	if !a.Known(real) || len(a.Candidates()) > MaxCandidates {
		t.Errorf("the real peer is not among %d candidates", len(a.Candidates()))
	}
	s := a.Stats()
	if limit := 6 + uint64(10*time.Since(began).Seconds()) + 10; s.Answered > limit {
		t.Errorf("%d answers in %v", s.Answered, took)
	}
	t.Logf("10,000 in %v: %d heard, %d answered, %d bytes more; ignored %v", took, s.Heard, s.Answered, grown, s.Ignored)

	stop() // the peer restarts
	again := newKernelNode(t, there, 2, wants(1))
	run(t, again)
	mustFind(t, again, 1, linkLocalOf(t, here))
}

// allocated returns the live heap in bytes.
func allocated() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Over a bridge a third party with a key of its own is seen as a stranger, and
// whose key all want (as with a CA), as a candidate. The bridge sends our own
// beacons back, too.
func TestNetnsBridge(t *testing.T) {
	middle, here, there, third := newNS(t), newNS(t), newNS(t), newNS(t)
	middle.Bridge(t, "br0")
	middle.Up(t, "br0")
	for name, ns := range map[string]*nstest.NS{"port1": here, "port2": there, "port3": third} {
		cable(t, middle, name, ns)
		if err := middle.Netlink.LinkSetMaster(middle.Link(t, name), middle.Link(t, "br0")); err != nil {
			t.Fatal(err)
		}
	}
	a, b := newKernelNode(t, here, 1, wants(2)), newKernelNode(t, there, 2, wants(1))
	c := newKernelNode(t, third, 3, func([32]byte) bool { return true })
	run(t, a)
	run(t, b)
	run(t, c)
	mustFind(t, a, 2, linkLocalOf(t, there))
	mustFind(t, b, 1, linkLocalOf(t, here))
	mustFind(t, c, 1, linkLocalOf(t, here))
	mustFind(t, c, 2, linkLocalOf(t, there))
	for _, n := range []*Beacon{a, b} {
		await(n, func() bool { return n.Stats().Stranger != nil })
		if s := n.Stats().Stranger; s.Fingerprint != key(3) || s.Addr.Addr() != linkLocalOf(t, third) || len(n.Candidates()) != 1 {
			t.Errorf("stranger %+v, candidates %+v", s, n.Candidates())
		}
	}
	if err := middle.Netlink.LinkSetHairpin(middle.Link(t, "port1"), true); err != nil {
		t.Fatal(err)
	}
	await(a, func() bool { return a.Stats().Ignored[ReasonReflected] > 0 })
	if got := a.Stats(); got.Conflict != nil || got.Ignored[ReasonOwnKey] != 0 {
		t.Errorf("our own beacon is taken for a conflict: %+v", got)
	}
}

// The interface is missing, comes, goes down and up, is removed and comes again
// with another index, loses IPv6 and gets it back: each is survived without
// being told, and said.
func TestNetnsInterfaceComesAndGoes(t *testing.T) {
	here, there := newNS(t), newNS(t)
	a, b := newKernelNode(t, here, 1, wants(2)), newKernelNode(t, there, 2, wants(1))
	descriptors := countDescriptors(t)
	stop := run(t, a)
	says := func(text string) {
		t.Helper()
		await(a, func() bool { return strings.Contains(a.Stats().Error, text) })
	}
	finds := func() {
		t.Helper()
		since := time.Now()
		await(a, func() bool { return a.Stats().Error == "" })
		// The other end searches on, and its solicits are told.
		await(a, func() bool { list := a.Candidates(); return len(list) > 0 && list[0].Heard.After(since) })
	}
	says("there is no interface ha0")
	cable(t, here, iface, there)
	stopOther := run(t, b)
	finds()

	here.Down(t, iface)
	says("ha0")
	here.Up(t, iface)
	finds()

	first := here.Link(t, iface).Attrs().Index
	here.Delete(t, iface)
	says("there is no interface ha0")
	here.Veth(t, "used-up-1", "used-up-2")
	cable(t, here, iface, there)
	if here.Link(t, iface).Attrs().Index == first {
		t.Fatal("the interface has its old index")
	}
	finds()

	sysctl(t, here, iface+"/disable_ipv6", "1")
	says("IPv6 is disabled on ha0 (net.ipv6.conf.ha0.disable_ipv6 is 1)")
	sysctl(t, here, iface+"/disable_ipv6", "0")
	finds()

	setMTU(t, here, 1000) // less than IPv6 needs: the group membership is lost
	says("ha0")
	setMTU(t, here, 1500)
	finds()

	here.Down(t, iface)
	if err := here.Netlink.LinkSetName(here.Link(t, iface), "ha1"); err != nil {
		t.Fatal(err)
	}
	says("there is no interface ha0")
	stop()
	stopOther()
	if n := countDescriptors(t); n != descriptors {
		t.Errorf("%d descriptors after, %d before", n, descriptors)
	}
}

func setMTU(t testing.TB, ns *nstest.NS, mtu int) {
	t.Helper()
	if err := ns.Netlink.LinkSetMTU(ns.Link(t, iface), mtu); err != nil {
		t.Fatal(err)
	}
}

// What the wire carries: hop limit 255 and 42 bytes, from the address that is
// told, to the group and to who asks alike.
func TestNetnsWire(t *testing.T) {
	here, there, a, _ := pairOn(t)
	a.cfg.Port = 999
	index := uint32(there.Link(t, iface).Attrs().Index)
	member, asker := plainSocket(t, there, Port), plainSocket(t, there, 0)
	if err := unix.SetsockoptIPv6Mreq(member, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
		&unix.IPv6Mreq{Multiaddr: Group.As16(), Interface: index}); err != nil {
		t.Fatal(err)
	}
	run(t, a)
	expect := func(fd int, flags Flags) {
		t.Helper()
		b, oob := make([]byte, 100), make([]byte, 100)
		n, oobn, _, from, err := unix.Recvmsg(fd, b, oob, 0)
		if err != nil {
			t.Fatal(err)
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			t.Fatalf("%d control messages, %v", len(messages), err)
		}
		if hops := binary.NativeEndian.Uint32(messages[0].Data); hops != 255 {
			t.Errorf("hop limit %d", hops)
		}
		want := message(1)
		want.Flags, want.Port = flags, 999
		m, err := Parse(b[:n])
		if err != nil || m != want || n != 42 {
			t.Errorf("%d bytes: %+v, %v", n, m, err)
		}
		if got := address(from).Addr(); got.WithZone(iface) != linkLocalOf(t, here) {
			t.Errorf("from %v", got)
		}
	}
	expect(member, FlagSolicit)
	solicit := message(2)
	solicit.Flags = FlagSolicit
	if err := unix.Sendto(asker, solicit.Append(nil), 0,
		&unix.SockaddrInet6{Addr: Group.As16(), Port: Port, ZoneId: index}); err != nil {
		t.Fatal(err)
	}
	expect(asker, 0)
}

// plainSocket opens a blocking UDP socket that tells hop limits and sends 255.
func plainSocket(t testing.TB, ns *nstest.NS, udpPort int) (fd int) {
	t.Helper()
	err := ns.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0),
			unix.Bind(fd, &unix.SockaddrInet6{Port: udpPort}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// Two programs cannot both be the agent of an interface, and one is told why.
func TestNetnsTwoOnOneInterface(t *testing.T) {
	here, _, a, _ := pairOn(t)
	run(t, a)
	await(a, func() bool { return a.Stats().Sent > 0 })
	second := newKernelNode(t, here, 3, wants(2))
	run(t, second)
	await(second, func() bool {
		return strings.Contains(second.Stats().Error, "another program has the group's port on ha0")
	})
}

// Beacons come from the address named, although there are two, and nothing of
// it comes back to ourselves.
func TestNetnsNamedAddress(t *testing.T) {
	here, there, a, b := pairOn(t)
	here.Addr(t, iface, "fe80::1:2:3:4/64", 0)
	run(t, b)
	run(t, a)
	named := netip.MustParseAddr("fe80::1:2:3:4%ha0")
	for _, local := range []netip.Addr{named, linkLocalOf(t, here)} {
		if err := a.Rebind(local); err != nil {
			t.Fatal(err)
		}
		mustFind(t, b, 1, local)
	}
	mustFind(t, a, 2, linkLocalOf(t, there))
	if n := a.Stats().Ignored; len(n) != 0 {
		t.Errorf("ignored %v", n)
	}
	// The address goes: nothing is sent from it any more, and it is said.
	list, err := here.Netlink.AddrList(here.Link(t, iface), netlink.FAMILY_V6)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Rebind(named); err != nil {
		t.Fatal(err)
	}
	await(a, func() bool { return a.Stats().Local == named.WithZone("") })
	for _, addr := range list {
		if addr.IP.Equal(named.AsSlice()) {
			if err := here.Netlink.AddrDel(here.Link(t, iface), &addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	await(a, func() bool { return strings.Contains(a.Stats().Error, "fe80::1:2:3:4 is not usable on ha0") })
}
