package agent

import (
	"net/netip"
	"testing"

	"socketha/platform/link"
)

// The address in use is kept as long as it can be, and a tentative one waited for.
func TestUsableLinkLocal(t *testing.T) {
	addr := func(prefix string, tentative bool) link.Addr {
		return link.Addr{Prefix: netip.MustParsePrefix(prefix), Tentative: tentative}
	}
	one, two := netip.MustParseAddr("fe80::1%ha0"), netip.MustParseAddr("fe80::2%ha0")
	for name, c := range map[string]struct {
		addrs         []link.Addr
		current, want netip.Addr
	}{
		"none":               {nil, one, netip.Addr{}},
		"tentative":          {[]link.Addr{addr("fe80::1/64", true)}, netip.Addr{}, netip.Addr{}},
		"only IPv4":          {[]link.Addr{addr("169.254.1.1/16", false)}, netip.Addr{}, netip.Addr{}},
		"only global":        {[]link.Addr{addr("2001:db8::1/64", false)}, netip.Addr{}, netip.Addr{}},
		"first":              {[]link.Addr{addr("fe80::1/64", false), addr("fe80::2/64", false)}, netip.Addr{}, one},
		"current is kept":    {[]link.Addr{addr("fe80::1/64", false), addr("fe80::2/64", false)}, two, two},
		"current is no more": {[]link.Addr{addr("fe80::1/64", false)}, two, one},
	} {
		if got := usableLinkLocal(link.State{Name: "ha0", Addrs: c.addrs}, c.current); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
