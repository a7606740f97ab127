package sock

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// HopLimit is sent and required (RFC 5082 section 3).
const HopLimit = 255

// Listen opens an unconnected UDP socket on local, bound to the named
// interface; an empty name leaves it unbound (loopback, tests).
func Listen(ctx context.Context, iface string, local netip.AddrPort) (*net.UDPConn, error) {
	local, err := zoned(iface, local)
	if err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: control(iface, local.Addr().Is4())}
	pc, err := lc.ListenPacket(ctx, network(local), local.String())
	if err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", err)
	}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		_ = pc.Close()
		return nil, fmt.Errorf("open UDP socket: got a %T", pc)
	}
	return c, nil
}

// Dial opens a UDP socket connected to remote, from a port of the kernel's
// choice on local's address. Only datagrams from remote reach it.
func Dial(ctx context.Context, iface string, local netip.Addr, remote netip.AddrPort) (*Conn, error) {
	from, err := zoned(iface, netip.AddrPortFrom(local, 0))
	if err != nil {
		return nil, err
	}
	to, err := zoned(iface, remote)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Control: control(iface, to.Addr().Is4())}
	c, err := d.DialUDP(ctx, network(to), from, to)
	if err != nil {
		return nil, fmt.Errorf("open connected UDP socket: %w", err)
	}
	bound := iface != ""
	sender, err := NewSender(c, netip.AddrPort{}, bound)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	receiver, err := NewReceiver(c, bound)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return &Conn{c, sender, receiver}, nil
}

func network(a netip.AddrPort) string {
	if a.Addr().Is4() {
		return "udp4"
	}
	return "udp6"
}

// zoned gives a link-local IPv6 address the index of its interface as zone.
func zoned(iface string, a netip.AddrPort) (netip.AddrPort, error) {
	addr := a.Addr().Unmap()
	if !addr.IsLinkLocalUnicast() || addr.Is4() {
		return netip.AddrPortFrom(addr.WithZone(""), a.Port()), nil
	}
	name := iface
	if name == "" {
		name = addr.Zone()
	}
	if name == "" {
		return a, fmt.Errorf("address %s needs an interface", addr)
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return a, fmt.Errorf("interface %s: %w", name, err)
	}
	return netip.AddrPortFrom(addr.WithZone(strconv.Itoa(i.Index)), a.Port()), nil
}
