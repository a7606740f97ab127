package sock

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// name is an address as system calls take it; nil for a connected socket.
type name = unix.Sockaddr

// NewSender returns what sends over c to an address; the zero address means the
// one that c is connected to. bound says that the socket is bound to an
// interface, which makes a zone superfluous.
func NewSender(c *net.UDPConn, to netip.AddrPort, bound bool) (*Sender, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("prepare a UDP socket for sending: %w", err)
	}
	s := &Sender{raw: raw}
	if to.IsValid() {
		if s.to, err = sockaddr(to, bound); err != nil {
			return nil, err
		}
	}
	s.call = s.send
	return s, nil
}

// send is called by package net, which waits and calls again for false.
func (s *Sender) send(fd uintptr) bool {
	flags := 0
	if s.confirm {
		flags = unix.MSG_CONFIRM
	}
	for {
		if s.to == nil {
			s.err = unix.Send(int(fd), s.b, flags)
		} else {
			s.err = unix.Sendto(int(fd), s.b, flags, s.to)
		}
		if !errors.Is(s.err, unix.EINTR) {
			return !errors.Is(s.err, unix.EAGAIN)
		}
	}
}

func sockaddr(a netip.AddrPort, bound bool) (unix.Sockaddr, error) {
	addr := a.Addr().Unmap()
	if addr.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}, nil
	}
	to := &unix.SockaddrInet6{Port: int(a.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" && !bound {
		index, err := strconv.ParseUint(zone, 10, 32)
		if err != nil {
			i, err := net.InterfaceByName(zone)
			if err != nil {
				return nil, fmt.Errorf("interface %s: %w", zone, err)
			}
			index = uint64(i.Index)
		}
		to.ZoneId = uint32(index)
	}
	return to, nil
}
