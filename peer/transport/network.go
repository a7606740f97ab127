package transport

import (
	"context"
	"net"
	"net/netip"

	"socketha/peer/transport/internal/guard"
	"socketha/peer/transport/internal/sock"
)

// network opens sockets. The kernel's is used by default; tests bring others.
type network interface {
	Listen(ctx context.Context, local netip.AddrPort) (packetSocket, error)
	Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error)
}

// packetSocket is an unconnected UDP socket. What Sender returns costs less for
// many datagrams to one address.
type packetSocket interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Sender(to netip.AddrPort) (guard.Sender, error)
	LocalAddr() net.Addr
	Close() error
}

// kernel opens sockets of the machine, bound to one interface.
type kernel struct{ iface string }

func (k kernel) Listen(ctx context.Context, local netip.AddrPort) (packetSocket, error) {
	c, err := sock.Listen(ctx, k.iface, local)
	if err != nil {
		return nil, err
	}
	receiver, err := sock.NewReceiver(c, k.iface != "")
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return kernelSocket{c, receiver, k.iface != ""}, nil
}

// kernelSocket is a UDP socket; bound says whether to an interface. Then the
// addresses it receives from have no zone.
type kernelSocket struct {
	*net.UDPConn
	receiver *sock.Receiver
	bound    bool
}

func (s kernelSocket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	return s.receiver.Receive(b)
}

func (s kernelSocket) Sender(to netip.AddrPort) (guard.Sender, error) {
	return sock.NewSender(s.UDPConn, to, s.bound)
}

func (k kernel) Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	c, err := sock.Dial(ctx, k.iface, local, remote)
	if err != nil {
		return nil, err
	}
	return c, nil
}
