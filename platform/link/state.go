package link

import (
	"net/netip"
	"slices"
)

// Carrier says whether the interface hears its cable, or for a virtual one its
// lower layer.
type Carrier uint8

// Carrier values. An interface that does not exist or is administratively down
// tells nothing about its cable.
const (
	CarrierUnknown Carrier = iota
	CarrierNo
	CarrierYes
)

// String returns "yes", "no" or "unknown".
func (c Carrier) String() string {
	switch c {
	case CarrierYes:
		return "yes"
	case CarrierNo:
		return "no"
	case CarrierUnknown:
	}
	return "unknown"
}

// Addr is one address of the interface.
type Addr struct {
	Prefix    netip.Prefix // the address itself with its prefix length, no zone
	Tentative bool         // duplicate address detection has not ended
	DADFailed bool         // somebody else has this address
}

// Usable reports whether the kernel lets a socket use the address.
func (a Addr) Usable() bool { return !a.Tentative && !a.DADFailed }

// State is the interface at one moment. It is never changed once published,
// and its Addrs must not be changed by who receives it. The zero State means
// that the interface has not been looked at.
type State struct {
	// Known is false until the interface has been read, and again while the
	// kernel cannot be asked. The other fields then are the last known ones.
	Known bool

	Exists    bool
	Index     int    // of the kernel, 0 if it does not exist; new after each re-add
	Name      string // as the kernel has it; as configured if it does not exist
	OperState string // RFC 2863 word: up, down, lowerlayerdown, dormant, notpresent, testing, unknown; empty if it does not exist
	AdminUp   bool   // set up by configuration
	Carrier   Carrier
	Up        bool   // carries traffic: admin up, carrier, and oper state up, or unknown and running
	MTU       int    // bytes
	Addrs     []Addr // sorted, without duplicates

	// Flaps counts how often the interface was lost since the watcher started:
	// every carrier loss the kernel counted, also those between two reads, and
	// every other way from up to not up.
	Flaps uint64
}

// Usable returns the addresses a socket can use, sorted. Link-local IPv6
// addresses carry the interface name as their zone.
func (s State) Usable() []netip.Addr {
	var usable []netip.Addr
	for _, a := range s.Addrs {
		if !a.Usable() {
			continue
		}
		addr := a.Prefix.Addr()
		if addr.Is6() && addr.IsLinkLocalUnicast() {
			addr = addr.WithZone(s.Name)
		}
		usable = append(usable, addr)
	}
	return usable
}

// Equal reports whether s and o say the same.
func (s State) Equal(o State) bool {
	addrs, others := s.Addrs, o.Addrs
	return s.Known == o.Known && s.Exists == o.Exists && s.Index == o.Index && s.Name == o.Name &&
		s.OperState == o.OperState && s.AdminUp == o.AdminUp && s.Carrier == o.Carrier && s.Up == o.Up &&
		s.MTU == o.MTU && s.Flaps == o.Flaps && slices.Equal(addrs, others)
}

// reading is what the kernel said, in a whole read or in one message: the
// state, and the counters that order carrier changes in time.
type reading struct {
	State

	counted bool   // the kernel is recent enough (4.16) to give the counters
	changes uint32 // carrier changes since the interface was made, wraps
	losses  uint32 // those of them that were losses, wraps
}

// overtakes reports whether r, taken from a message, tells of a carrier loss
// that current has not seen yet. Without counters every loss counts as new:
// the read that follows corrects it.
func (r reading) overtakes(current reading) bool {
	if current.Carrier != CarrierYes || r.Carrier == CarrierYes {
		return false
	}
	// Serial number arithmetic, because the counters wrap.
	return !r.counted || !current.counted || int32(r.changes-current.changes) > 0
}

// withLoss returns r with the loss that a message told of, all else unchanged.
func (r reading) withLoss(message reading) reading {
	r.AdminUp, r.Carrier, r.Up = message.AdminUp, message.Carrier, false
	r.counted, r.changes, r.losses = message.counted, message.changes, message.losses
	if message.OperState != "" {
		r.OperState = message.OperState
	}
	return r
}

// flapCounter counts losses. The kernel's own count is preferred, because it
// includes those that came and went between two reads.
type flapCounter struct {
	n        uint64
	advanced bool // a loss was counted before the kernel counted it
}

// observe takes the step from one reading to the next and returns the count.
func (c *flapCounter) observe(from, to reading) uint64 {
	if !from.Exists {
		return c.n
	}
	same := from.counted && to.counted && to.Exists && from.Index == to.Index
	var delta uint32
	if same {
		delta = to.losses - from.losses
	}
	switch lost := from.Up && !to.Up; {
	case delta > 0:
		if c.advanced {
			delta--
		}
		c.n += uint64(delta)
		c.advanced = false
	case lost:
		c.n++
		c.advanced = same
	case to.Up:
		c.advanced = false
	}
	return c.n
}
