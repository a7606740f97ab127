package beacon

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"socketha/peer/transport/internal/sock"
)

// kernel opens the machine's sockets. They are made by system calls, because
// package net binds to no address at all when it is asked to bind to a group,
// and names zones by a memory of interfaces that is up to a minute old.
type kernel struct{ iface string }

// receiveBuffer bounds what a flood can pile up, in bytes of kernel memory
// (doubled by the kernel, socket(7)): some 80 beacons.
const receiveBuffer = 32 << 10

func (k kernel) open(local netip.Addr) (port, error) {
	index, err := k.index()
	if err != nil {
		return nil, err
	}
	if k.disabled() {
		return nil, fmt.Errorf("IPv6 is disabled on %s (net.ipv6.conf.%s.disable_ipv6 is 1)", k.iface, k.iface)
	}
	if !local.IsValid() {
		if local, err = k.choose(index); err != nil {
			return nil, err
		}
	}
	p := &kernelPort{kernel: k, index: index, source: local}
	// The ear comes first: then the mouth cannot be given its port.
	if p.ear, err = k.socket(&unix.SockaddrInet6{Addr: Group.As16(), Port: Port, ZoneId: index}, join(index)); err != nil {
		return nil, err
	}
	if p.mouth, err = k.socket(&unix.SockaddrInet6{}, nil); err != nil {
		p.ear.close()
		return nil, err
	}
	return p, nil
}

// index looks the interface up.
func (k kernel) index() (uint32, error) {
	request, err := unix.NewIfreq(k.iface)
	if err != nil {
		return 0, fmt.Errorf("interface name %q: %w", k.iface, err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, k.explain("open socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, k.explain("look for the interface", err)
	}
	return request.Uint32(), nil
}

// disabled reports whether IPv6 is switched off on the interface. If that cannot
// be read, sending will show.
func (k kernel) disabled() bool {
	b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + k.iface + "/disable_ipv6")
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

// choose asks the kernel from which address it would send to the group: it
// connects a socket, which sends nothing.
func (k kernel) choose(index uint32) (netip.Addr, error) {
	s, err := k.socket(nil, func(fd int) error {
		return unix.Connect(fd, &unix.SockaddrInet6{Addr: Group.As16(), Port: Port, ZoneId: index})
	})
	if err != nil {
		return netip.Addr{}, err
	}
	defer s.close()
	var name unix.Sockaddr
	if cerr := s.raw.Control(func(fd uintptr) { name, err = unix.Getsockname(int(fd)) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return netip.Addr{}, k.explain("look for an address", err)
	}
	from := address(name).Addr()
	if !linkLocal(from) {
		return netip.Addr{}, k.explain("look for an address", unix.EADDRNOTAVAIL)
	}
	return from, nil
}

// option is one integer socket option.
type option struct {
	name         string
	level, which int
	value        int
}

var options = []option{
	{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
	{"IPV6_UNICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, sock.HopLimit},
	{"IPV6_MULTICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, sock.HopLimit},
	{"IPV6_MULTICAST_LOOP", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0},
	{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer},
}

// socket opens a socket, binds it unless at is nil, and then runs more.
func (k kernel) socket(at unix.Sockaddr, more func(fd int) error) (*kernelSocket, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, k.explain("open socket", err)
	}
	if err := k.prepare(fd, at, more); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	s := &kernelSocket{file: os.NewFile(uintptr(fd), "beacon")}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		s.close()
		return nil, fmt.Errorf("open socket: %w", err)
	}
	return s, nil
}

// prepare does to a socket all that is to be done before it may get anything:
// no datagram is queued that the filter did not see.
func (k kernel) prepare(fd int, at unix.Sockaddr, more func(fd int) error) error {
	if err := unix.BindToDevice(fd, k.iface); err != nil {
		return k.explain("bind to the interface", err)
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.which, o.value); err != nil {
			return k.explain("set "+o.name, err)
		}
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{
		Len:    uint16(len(hopLimitProgram)),
		Filter: &hopLimitProgram[0],
	}); err != nil {
		return k.explain("attach the hop limit filter", err)
	}
	if at != nil {
		if err := unix.Bind(fd, at); err != nil {
			return k.explain("bind", err)
		}
	}
	if more != nil {
		if err := more(fd); err != nil {
			return k.explain("join or connect", err)
		}
	}
	return nil
}

// join returns what makes a socket a member of the group on the interface.
func join(index uint32) func(int) error {
	return func(fd int) error {
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: Group.As16(), Interface: index})
	}
}

// hopLimitProgram accepts a packet only if its hop limit, byte 7 of the IPv6
// header, is 255. The network header is addressed by SKF_NET_OFF of
// linux/filter.h. The same stands in package sock, which does not export it.
var hopLimitProgram = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0xfff00000 + 7},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: sock.HopLimit},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// explain says in words what an error means here.
func (k kernel) explain(doing string, err error) error {
	var why string
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		why = "the kernel has no IPv6"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		why = "there is no interface " + k.iface
	case errors.Is(err, unix.EADDRNOTAVAIL):
		why = k.iface + " has no usable link-local address yet"
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.ENETDOWN):
		why = k.iface + " is down or has no IPv6"
	case errors.Is(err, unix.EADDRINUSE):
		why = "another program has the group's port on " + k.iface
	case errors.Is(err, unix.EPERM):
		why = "not permitted, by a missing capability or a firewall"
	default:
		return fmt.Errorf("%s on %s: %w", doing, k.iface, err)
	}
	return fmt.Errorf("%s (%s: %w)", why, doing, err)
}

// kernelPort is the pair of sockets.
type kernelPort struct {
	kernel
	index      uint32
	source     netip.Addr
	ear, mouth *kernelSocket
}

func (p *kernelPort) local() netip.Addr { return p.source }

func (p *kernelPort) receivers() []receiver { return []receiver{p.ear.receive, p.mouth.receive} }

func (p *kernelPort) close() {
	p.ear.close()
	p.mouth.close()
}

func (p *kernelPort) send(b []byte) error {
	return p.answer(b, netip.AddrPortFrom(Group, Port))
}

// answer sends from our address and no other. The kernel checks each time that
// it is still ours and usable (EINVAL if not).
func (p *kernelPort) answer(b []byte, to netip.AddrPort) error {
	from := unix.PktInfo6(&unix.Inet6Pktinfo{Addr: p.source.As16(), Ifindex: p.index})
	target := &unix.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port()), ZoneId: p.index}
	var err error
	if cerr := p.mouth.raw.Control(func(fd uintptr) { err = unix.Sendmsg(int(fd), b, from, target, 0) }); cerr != nil {
		return cerr
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR):
		return fmt.Errorf("%w: %w", errLost, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%s is not usable on %s (send: %w)", p.source, p.iface, err)
	}
	return p.explain("send", err)
}

// kernelSocket is a socket that the runtime's poller waits for.
type kernelSocket struct {
	file *os.File
	raw  syscall.RawConn
}

func (s *kernelSocket) close() { _ = s.file.Close() } // nothing is left to do about it

func (s *kernelSocket) receive(b []byte) (n int, from netip.AddrPort, err error) {
	werr := s.raw.Read(func(fd uintptr) bool {
		var name unix.Sockaddr
		for {
			n, name, err = unix.Recvfrom(int(fd), b, 0)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		from = address(name)
		return !errors.Is(err, unix.EAGAIN)
	})
	if werr != nil {
		err = werr // closed
	}
	if err != nil {
		return 0, from, fmt.Errorf("receive: %w", err)
	}
	return n, from, nil
}

// address translates without a zone: the socket is bound to one interface.
func address(name unix.Sockaddr) netip.AddrPort {
	if a, ok := name.(*unix.SockaddrInet6); ok {
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
