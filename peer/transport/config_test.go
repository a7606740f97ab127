package transport

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestSides applies the rule of contract section 4 to both ends: whatever the
// trust, they must not both wait nor both give way.
func TestSides(t *testing.T) {
	low, high := *identity(t, "SN-1"), *identity(t, "SN-2")
	low.fingerprint, high.fingerprint = Fingerprint{1}, Fingerprint{2}
	top := Fingerprint{3}
	pool := x509.NewCertPool()
	tests := []struct {
		name  string
		own   Identity
		trust Trust
		want  Side
	}{
		{"lower key", low, Trust{Pins: []Fingerprint{{2}}}, SideInitiator},
		{"higher key", high, Trust{Pins: []Fingerprint{{1}}}, SideAcceptor},
		{"lower serial", low, Trust{CA: pool, PeerSerial: "SN-2"}, SideInitiator},
		{"higher serial", high, Trust{CA: pool, PeerSerial: "SN-1"}, SideAcceptor},
		{"serials compare as text", low, Trust{CA: pool, PeerSerial: "SN-10"}, SideInitiator},
		{"a pin goes before the serial", high, Trust{CA: pool, PeerSerial: "SN-1", Pins: []Fingerprint{{3}}}, SideInitiator},
		{"two pins above", low, Trust{Pins: []Fingerprint{{2}, top}}, SideInitiator},
		{"pins around us", high, Trust{Pins: []Fingerprint{{1}, top}}, SideBoth},
		{"our own pin beside another", high, Trust{Pins: []Fingerprint{{2}, {1}}}, SideAcceptor},
		{"our own pin", low, Trust{Pins: []Fingerprint{{1}}}, SideNone},
		{"our own serial", low, Trust{CA: pool, PeerSerial: "SN-1"}, SideNone},
		{"our own serial, pinned", low, Trust{Pins: []Fingerprint{{2}}, PeerSerial: "SN-1"}, SideNone},
	}
	for _, tt := range tests {
		if got := sideOf(&tt.own, tt.trust); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	id := identity(t, "SN-1")
	good := Config{Identity: id, Trust: Trust{Pins: []Fingerprint{{1}}}, Local: addrA, Peer: addrB}
	ll := netip.MustParseAddrPort("[fe80::1]:20481")
	tests := []struct {
		want   string
		change func(*Config)
	}{
		{"no identity", func(c *Config) { c.Identity = nil }},
		{"no peer is trusted", func(c *Config) { c.Trust = Trust{PeerSerial: "SN-2"} }},
		{"needs the peer's serial", func(c *Config) { c.Trust = Trust{CA: x509.NewCertPool()} }},
		{"a pin is empty", func(c *Config) { c.Trust.Pins = []Fingerprint{{1}, {}} }},
		{"is not one host's", func(c *Config) { c.Peer = netip.MustParseAddrPort("224.0.0.1:1") }},
		{"is not one host's", func(c *Config) { c.Peer = netip.MustParseAddrPort("0.0.0.0:1") }},
		{"different families", func(c *Config) { c.Peer = netip.MustParseAddrPort("[2001:db8::1]:1") }},
		{"needs an interface", func(c *Config) { c.Local, c.Peer = ll, ll }},
		{"flight interval 9ms, allowed are 10ms to 1s", func(c *Config) { c.FlightInterval = 9 * time.Millisecond }},
		{"flight interval 2s, allowed are 10ms to 1s", func(c *Config) { c.FlightInterval = 2 * time.Second }},
		{"new keys after 1µs, allowed are 1ms to 24h", func(c *Config) { c.RekeyAfter = time.Microsecond }},
		{"idle time-out -1ns is negative", func(c *Config) { c.IdleTimeout = -1 }},
	}
	for _, tt := range tests {
		c := good
		tt.change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q in it", err, tt.want)
		}
	}
	c := good
	c.Local, c.Peer = netip.MustParseAddrPort("[::ffff:192.0.2.1]:0"), netip.MustParseAddrPort("192.0.2.2:0")
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if s := e.Stats(); s.Local != addrA || s.Peer != addrB {
		t.Errorf("local %s, peer %s; want %s and %s", s.Local, s.Peer, addrA, addrB)
	}
}
