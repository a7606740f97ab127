package transport

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"socketha/peer/transport/internal/lab"
	"socketha/scripts/nstest"
)

// TestNeighbourConfirmed gives each end a neighbour entry of the other that nobody
// has confirmed for long, and looks whether what is sent confirms it: the kernel
// keeps the time. Without that a session that is heard ends when address
// resolution alone is lost.
func TestNeighbourConfirmed(t *testing.T) {
	for _, addr := range [][2]string{{"192.0.2.1/30", "192.0.2.2/30"}, {"fe80::a/64", "fe80::b/64"}} {
		t.Run(addr[0], func(t *testing.T) {
			initiator, acceptor, here, there := wired(t, addr[0], addr[1])
			run(t, acceptor)
			run(t, initiator)
			a, b := next(t, initiator), next(t, acceptor)
			say(t, a, b, "there")
			say(t, b, a, "back")
			for _, end := range []struct {
				from, to *Conn
				ns       *nstest.NS
				peer     netip.Prefix
			}{
				{a, b, here, netip.MustParsePrefix(addr[1])},
				{b, a, there, netip.MustParsePrefix(addr[0])},
			} {
				age(t, end.ns, end.peer.Addr())
				before := confirmedAgo(t, end.ns, end.peer.Addr())
				say(t, end.from, end.to, "again")
				if now := confirmedAgo(t, end.ns, end.peer.Addr()); before < 1000 || now > before/2 {
					t.Errorf("to %v: confirmed %d ticks ago, %d before the heartbeat", end.peer, now, before)
				}
			}
		})
	}
}

// age replaces the entry of a neighbour by a new one with the same link address,
// which counts as not confirmed for twice the time that it may be trusted.
func age(t *testing.T, ns *nstest.NS, peer netip.Addr) {
	t.Helper()
	n := neighbour(t, ns, peer)
	if err := ns.Netlink.NeighDel(n); err != nil {
		t.Fatal(err)
	}
	n.State = netlink.NUD_STALE
	if err := ns.Netlink.NeighSet(n); err != nil {
		t.Fatal(err)
	}
}

// confirmedAgo returns how many clock ticks ago the neighbour was last confirmed.
func confirmedAgo(t *testing.T, ns *nstest.NS, peer netip.Addr) (ticks uint32) {
	t.Helper()
	return neighbour(t, ns, peer).Confirmed
}

func neighbour(t *testing.T, ns *nstest.NS, peer netip.Addr) *netlink.Neigh {
	t.Helper()
	family := netlink.FAMILY_V6
	if peer.Is4() {
		family = netlink.FAMILY_V4
	}
	all, err := ns.Netlink.NeighList(ns.Link(t, lab.Interface).Attrs().Index, family)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		if n.IP.Equal(peer.AsSlice()) {
			return &n
		}
	}
	t.Fatalf("no neighbour %v among %d", peer, len(all))
	return nil
}
