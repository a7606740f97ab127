package role

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// A point-to-point address names the peer's too, in either order.
func TestParseAddr(t *testing.T) {
	ours, peers := netip.MustParseAddr("192.0.2.5"), netip.MustParseAddr("192.0.2.6")
	header := []byte{unix.AF_INET, 30, 0, 0, 3, 0, 0, 0}
	local := []byte{8, 0, unix.IFA_LOCAL, 0, 192, 0, 2, 5}
	remote := []byte{8, 0, unix.IFA_ADDRESS, 0, 192, 0, 2, 6}
	failed := []byte{8, 0, unix.IFA_FLAGS, 0, unix.IFA_F_DADFAILED, 0, 0, 0}
	vips := []netip.Addr{ours}
	for name, data := range map[string][]byte{
		"peer first": slices.Concat(header, remote, local),
		"peer last":  slices.Concat(header, local, remote),
	} {
		index, p, ok := parseAddr(data, vips)
		if !ok || index != 3 || p.addr != ours || !p.usable {
			t.Errorf("%s: %d, %+v, %t; want %v of interface 3", name, index, p, ok, ours)
		}
		if _, _, ok := parseAddr(data, []netip.Addr{peers}); ok {
			t.Errorf("%s: the peer's address passes for ours", name)
		}
	}
	if _, p, ok := parseAddr(slices.Concat(header, local, failed), vips); !ok || p.usable {
		t.Errorf("a duplicate address: %+v, %t; want it unusable", p, ok)
	}
}

func TestParseLink(t *testing.T) {
	link := func(flags uint16, down byte) []byte {
		return slices.Concat(
			[]byte{unix.AF_UNSPEC, 0, 1, 0, 3, 0, 0, 0, byte(flags), byte(flags >> 8), byte(unix.IFF_LOWER_UP >> 16), 0, 0, 0, 0, 0},
			[]byte{9, 0, unix.IFLA_IFNAME, 0, 'e', 't', 'h', '0', 0, 0, 0, 0},
			[]byte{5, 0, unix.IFLA_PROTO_DOWN, 0, down, 0, 0, 0},
		)
	}
	for _, c := range []struct {
		data []byte
		want place
	}{
		{link(unix.IFF_UP, 0), place{ifname: "eth0", lowerUp: true}},
		{link(unix.IFF_UP, 1), place{ifname: "eth0", lowerUp: true, protoDown: true}},
		{link(0, 0), place{ifname: "eth0"}},
	} {
		var p place
		if err := parseLink(c.data, &p); err != nil || p != c.want {
			t.Errorf("%x = %+v, %v; want %+v", c.data, p, err, c.want)
		}
	}
	if err := parseLink(link(0, 0)[:15], new(place)); err == nil {
		t.Error("half a message has no error")
	}
}

func FuzzPlace(f *testing.F) {
	f.Add([]byte{unix.AF_INET, 30, 0, 0, 3, 0, 0, 0, 8, 0, unix.IFA_LOCAL, 0, 192, 0, 2, 5})
	vips := []netip.Addr{netip.MustParseAddr("192.0.2.5")}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, p, ok := parseAddr(data, vips); ok && p.addr != vips[0] {
			t.Fatalf("%x = %+v", data, p)
		}
		var p place
		if err := parseLink(data, &p); err == nil && len(data) < unix.SizeofIfInfomsg {
			t.Fatalf("%x = %+v", data, p)
		}
	})
}
