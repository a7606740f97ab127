package nstest

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Veth adds a pair of joined interfaces, both down.
func (ns *NS) Veth(t testing.TB, name, peer string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	ns.Add(t, &netlink.Veth{LinkAttrs: attrs, PeerName: peer})
}

// Bridge adds a bridge, down.
func (ns *NS) Bridge(t testing.TB, name string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	ns.Add(t, &netlink.Bridge{LinkAttrs: attrs})
}

// Stack adds an interface on top of lower, down: a VLAN, or where the kernel
// has none, a macvlan, which follows the state of its lower interface in the
// same way. It returns the kind.
func (ns *NS) Stack(t testing.TB, lower, name string) string {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	attrs.ParentIndex = ns.Link(t, lower).Attrs().Index
	vlan := &netlink.Vlan{LinkAttrs: attrs, VlanId: 20}
	err := ns.Netlink.LinkAdd(vlan)
	if errors.Is(err, unix.EOPNOTSUPP) {
		macvlan := &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}
		ns.Add(t, macvlan)
		return macvlan.Type()
	}
	if err != nil {
		t.Fatalf("adding a VLAN on %s: %v", lower, err)
	}
	return vlan.Type()
}

// Add adds an interface.
func (ns *NS) Add(t testing.TB, link netlink.Link) {
	t.Helper()
	if err := ns.Netlink.LinkAdd(link); err != nil {
		t.Fatalf("adding the interface %s: %v", link.Attrs().Name, err)
	}
}

// Delete removes an interface, and with one end of a pair also the other.
func (ns *NS) Delete(t testing.TB, name string) {
	t.Helper()
	if err := ns.Netlink.LinkDel(ns.Link(t, name)); err != nil {
		t.Fatalf("removing the interface %s: %v", name, err)
	}
}

// Up sets interfaces up.
func (ns *NS) Up(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := ns.Netlink.LinkSetUp(ns.Link(t, name)); err != nil {
			t.Fatalf("setting %s up: %v", name, err)
		}
	}
}

// Down sets interfaces down. One end of a pair takes the carrier of the other.
func (ns *NS) Down(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := ns.Netlink.LinkSetDown(ns.Link(t, name)); err != nil {
			t.Fatalf("setting %s down: %v", name, err)
		}
	}
}

// Link returns an interface as it is now.
func (ns *NS) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	link, err := ns.Netlink.LinkByName(name)
	if err != nil {
		t.Fatalf("looking for the interface %s: %v", name, err)
	}
	return link
}

// Addr adds an address with a prefix length. flags are IFA_F_* of the kernel;
// IFA_F_NODAD makes an IPv6 address usable at once.
func (ns *NS) Addr(t testing.TB, name, prefix string, flags int) {
	t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	if err != nil {
		t.Fatal(err)
	}
	addr.Flags = flags
	if err := ns.Netlink.AddrAdd(ns.Link(t, name), addr); err != nil {
		t.Fatalf("adding %s to %s: %v", prefix, name, err)
	}
}
