package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// This file turns netlink messages (rtnetlink(7)) into readings. It is pure:
// bytes in, values out. Messages are from the kernel, but a datagram may have
// been cut, so lengths are checked.

var errShort = errors.New("netlink message too short")

// operStates are the words of RFC 2863 section 3.1.14, by the kernel's number
// (IF_OPER_*), spelt as in /sys/class/net/*/operstate.
var operStates = [...]string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

const (
	operUnknown = 0
	operUp      = 6

	// typeMask is NLA_TYPE_MASK of linux/netlink.h: the type without the bits
	// for nesting and byte order.
	typeMask = 0x3fff
)

// translate returns the message in data, whose netlink header named typ. It
// is false for what does not concern links and addresses.
func translate(typ uint16, data []byte) (message, bool) {
	switch typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		link, err := parseLink(data)
		if err != nil || data[0] != unix.AF_UNSPEC {
			return message{}, false // AF_BRIDGE: about a bridge port, not about the interface
		}
		m := message{kind: linkSet, index: link.Index, link: link}
		if typ == unix.RTM_DELLINK {
			m = message{kind: linkGone, index: link.Index}
		}
		return m, true
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		index, _, err := parseAddr(data)
		return message{kind: addrChanged, index: index}, err == nil
	}
	return message{}, false
}

// parseLink reads a struct ifinfomsg and its attributes.
func parseLink(data []byte) (reading, error) {
	if len(data) < unix.SizeofIfInfomsg {
		return reading{}, errShort
	}
	flags := binary.NativeEndian.Uint32(data[8:])
	oper := byte(operUnknown)
	r := reading{State: State{Known: true, Exists: true}}
	r.Index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	var counters int
	for typ, value := range attributes(data[unix.SizeofIfInfomsg:]) {
		switch typ {
		case unix.IFLA_IFNAME:
			r.Name = string(bytes.TrimRight(value, "\x00"))
		case unix.IFLA_MTU:
			r.MTU = int(number(value))
		case unix.IFLA_OPERSTATE:
			if len(value) == 1 && int(value[0]) < len(operStates) {
				oper = value[0]
				r.OperState = operStates[oper]
			}
		case unix.IFLA_CARRIER_CHANGES:
			r.changes = number(value)
			counters++
		case unix.IFLA_CARRIER_DOWN_COUNT:
			r.losses = number(value)
			counters++
		}
	}
	r.counted = counters == 2
	r.AdminUp = flags&unix.IFF_UP != 0
	r.Carrier = carrier(flags)
	r.Up = r.Carrier == CarrierYes && (oper == operUp || oper == operUnknown && flags&unix.IFF_RUNNING != 0)
	return r, nil
}

func carrier(flags uint32) Carrier {
	switch {
	case flags&unix.IFF_UP == 0:
		return CarrierUnknown
	case flags&unix.IFF_LOWER_UP == 0:
		return CarrierNo
	}
	return CarrierYes
}

// parseAddr reads a struct ifaddrmsg and its attributes.
func parseAddr(data []byte) (index int, addr Addr, err error) {
	if len(data) < unix.SizeofIfAddrmsg {
		return 0, Addr{}, errShort
	}
	bits, flags := int(data[1]), uint32(data[2])
	index = int(binary.NativeEndian.Uint32(data[4:]))
	var ip netip.Addr
	var local bool
	for typ, value := range attributes(data[unix.SizeofIfAddrmsg:]) {
		switch typ {
		case unix.IFA_LOCAL: // with a point-to-point peer, IFA_ADDRESS is the peer's
			ip, local = netip.AddrFromSlice(value)
		case unix.IFA_ADDRESS:
			if !local {
				ip, _ = netip.AddrFromSlice(value)
			}
		case unix.IFA_FLAGS: // the whole 32 bits, of which the header holds 8
			flags = number(value)
		}
	}
	prefix := netip.PrefixFrom(ip, bits)
	if !prefix.IsValid() {
		return index, Addr{}, errShort
	}
	return index, Addr{
		Prefix:    prefix,
		Tentative: flags&unix.IFA_F_TENTATIVE != 0,
		DADFailed: flags&unix.IFA_F_DADFAILED != 0,
	}, nil
}

// sortAddrs puts addresses in their published order, each once.
func sortAddrs(addrs []Addr) []Addr {
	slices.SortFunc(addrs, func(a, b Addr) int {
		if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
			return c
		}
		return a.Prefix.Bits() - b.Prefix.Bits()
	})
	return slices.Compact(addrs)
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

// number reads a 32-bit attribute; one of another size counts as 0.
func number(value []byte) uint32 {
	if len(value) != 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(value)
}
