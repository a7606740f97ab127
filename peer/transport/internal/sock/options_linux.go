package sock

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// option is one integer socket option.
type option struct {
	name         string
	level, which int
	value        int
}

var (
	options4 = []option{{"IP_TTL", unix.IPPROTO_IP, unix.IP_TTL, HopLimit}}
	options6 = []option{
		{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
		{"IPV6_UNICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, HopLimit},
	}
)

// control returns the function that prepares a socket before it is bound.
func control(iface string, is4 bool) func(string, string, syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = prepare(int(fd), iface, is4) }); cerr != nil {
			return cerr
		}
		return err
	}
}

func prepare(fd int, iface string, is4 bool) error {
	if iface != "" {
		if err := unix.BindToDevice(fd, iface); err != nil {
			return fmt.Errorf("bind to interface %s: %w", iface, err)
		}
	}
	options := options6
	if is4 {
		options = options4
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.which, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	program := hopLimitProgram(is4)
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{
		Len:    uint16(len(program)),
		Filter: &program[0],
	}); err != nil {
		return fmt.Errorf("attach the hop limit filter: %w", err)
	}
	return nil
}

// skfNetOff addresses the network header in a classic BPF load (SKF_NET_OFF of
// linux/filter.h, -0x100000); a UDP socket's program otherwise starts at the
// UDP header.
const skfNetOff = 0xfff00000

// hopLimitProgram accepts a packet only if its TTL (byte 8 of an IPv4 header)
// or hop limit (byte 7 of an IPv6 header) is 255.
func hopLimitProgram(is4 bool) []unix.SockFilter {
	at := uint32(7)
	if is4 {
		at = 8
	}
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: skfNetOff + at},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: HopLimit},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
}
