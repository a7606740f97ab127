package sock

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls here are made without telling Go's scheduler (RawSyscall6):
// the sockets never block, and telling wakes up the runtime's monitor thread,
// which for a heartbeat a second is as much work as the heartbeat.

// name is an address as the kernel takes it; no length for a connected socket.
type name struct {
	b [unix.SizeofSockaddrInet6]byte
	n uint32
}

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
		if s.to, err = nameOf(to, bound); err != nil {
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
	var to unsafe.Pointer
	if s.to.n > 0 {
		to = unsafe.Pointer(&s.to.b) //nolint:gosec // s holds what it points to
	}
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.b))), //nolint:gosec // s holds what it points to
			uintptr(len(s.b)), uintptr(flags), uintptr(to), uintptr(s.to.n))
		switch errno {
		case 0:
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			s.err = errno
			return true
		}
	}
}

// nameOf encodes an address: struct sockaddr_in and sockaddr_in6 of ip(7) and
// ipv6(7).
func nameOf(a netip.AddrPort, bound bool) (n name, err error) {
	addr := a.Addr().Unmap()
	binary.BigEndian.PutUint16(n.b[2:], a.Port())
	if addr.Is4() {
		binary.NativeEndian.PutUint16(n.b[:], unix.AF_INET)
		v4 := addr.As4()
		copy(n.b[4:], v4[:])
		n.n = unix.SizeofSockaddrInet4
		return n, nil
	}
	binary.NativeEndian.PutUint16(n.b[:], unix.AF_INET6)
	v6 := addr.As16()
	copy(n.b[8:], v6[:])
	n.n = unix.SizeofSockaddrInet6
	if zone := addr.Zone(); zone != "" && !bound {
		index, err := strconv.ParseUint(zone, 10, 32)
		if err != nil {
			i, err := net.InterfaceByName(zone)
			if err != nil {
				return n, fmt.Errorf("interface %s: %w", zone, err)
			}
			index = uint64(i.Index)
		}
		binary.NativeEndian.PutUint32(n.b[24:], uint32(index))
	}
	return n, nil
}

// address decodes one. A zone is only given by a socket that is bound to no
// interface.
func (n *name) address(bound bool) netip.AddrPort {
	port := binary.BigEndian.Uint16(n.b[2:])
	if binary.NativeEndian.Uint16(n.b[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n.b[4:8])), port)
	}
	addr := netip.AddrFrom16([16]byte(n.b[8:24]))
	if index := binary.NativeEndian.Uint32(n.b[24:]); index != 0 && !bound {
		addr = addr.WithZone(strconv.FormatUint(uint64(index), 10))
	}
	return netip.AddrPortFrom(addr, port)
}

// Receiver receives datagrams over one socket without allocating. One goroutine
// at a time may use it.
type Receiver struct {
	raw   syscall.RawConn
	call  func(fd uintptr) bool
	bound bool

	b    []byte
	n    int
	from name
	err  error
}

// NewReceiver returns what receives over c; bound says that the socket is bound
// to an interface: then senders have no zone.
func NewReceiver(c *net.UDPConn, bound bool) (*Receiver, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("prepare a UDP socket for receiving: %w", err)
	}
	r := &Receiver{raw: raw, bound: bound}
	r.call = r.receive
	return r, nil
}

// Receive waits for a datagram, copies as much of it as fits, and says from where
// it came.
func (r *Receiver) Receive(b []byte) (int, netip.AddrPort, error) {
	r.b, r.n, r.err = b, 0, nil
	err := r.raw.Read(r.call)
	r.b = nil
	if err == nil {
		err = r.err
	}
	if err != nil {
		return 0, netip.AddrPort{}, err // as the net package would return it
	}
	return r.n, r.from.address(r.bound), nil
}

// receive is called by package net, which waits and calls again for false.
func (r *Receiver) receive(fd uintptr) bool {
	for {
		r.from.n = uint32(len(r.from.b))
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(r.b))), //nolint:gosec // r holds what it points to
			uintptr(len(r.b)), 0, uintptr(unsafe.Pointer(&r.from.b)), uintptr(unsafe.Pointer(&r.from.n))) //nolint:gosec // likewise
		switch errno {
		case 0:
			r.n = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			r.err = errno
			return true
		}
	}
}
