package role

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// This file turns netlink messages (rtnetlink(7)) into places. It is pure.

var errShort = errors.New("netlink message too short")

// typeMask is NLA_TYPE_MASK of linux/netlink.h: the type without the bits for
// nesting and byte order.
const typeMask = 0x3fff

// parseAddr reads a struct ifaddrmsg and its attributes. It is false for an
// address that is not looked for.
func parseAddr(data []byte, vips []netip.Addr) (index int, p place, ok bool) {
	if len(data) < unix.SizeofIfAddrmsg {
		return 0, place{}, false
	}
	flags := uint32(data[2])
	var local bool
	for typ, value := range attributes(data[unix.SizeofIfAddrmsg:]) {
		switch typ {
		case unix.IFA_LOCAL: // with a point-to-point peer, IFA_ADDRESS is the peer's
			p.addr, local = netip.AddrFromSlice(value)
		case unix.IFA_ADDRESS:
			if !local {
				p.addr, _ = netip.AddrFromSlice(value)
			}
		case unix.IFA_FLAGS: // the whole 32 bits, of which the header holds 8
			if len(value) == 4 {
				flags = binary.NativeEndian.Uint32(value)
			}
		}
	}
	p.usable = flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0
	return int(binary.NativeEndian.Uint32(data[4:])), p, p.addr.IsValid() && slices.Contains(vips, p.addr)
}

// parseLink reads a struct ifinfomsg and its attributes.
func parseLink(data []byte, p *place) error {
	if len(data) < unix.SizeofIfInfomsg {
		return errShort
	}
	const want = unix.IFF_UP | unix.IFF_LOWER_UP
	p.lowerUp = binary.NativeEndian.Uint32(data[8:])&want == want
	for typ, value := range attributes(data[unix.SizeofIfInfomsg:]) {
		switch typ {
		case unix.IFLA_IFNAME:
			p.ifname = string(bytes.TrimRight(value, "\x00"))
		case unix.IFLA_PROTO_DOWN:
			p.protoDown = len(value) == 1 && value[0] != 0
		}
	}
	return nil
}

// attributes yields type and value of each struct rtattr in b and stops at the
// first that does not fit.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofRtAttr || size > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&typeMask, b[unix.SizeofRtAttr:size]) {
				return
			}
			aligned := (size + unix.RTA_ALIGNTO - 1) &^ (unix.RTA_ALIGNTO - 1)
			b = b[min(aligned, len(b)):]
		}
	}
}
