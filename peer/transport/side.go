package transport

import "strings"

// Side is the DTLS side of a Socket. It has nothing to do with its HA role.
type Side uint8

// Sides. Both holds while it is not known which key the peer has: with pins on
// either side of our own key. SideNone means that no side can be told, because
// the peer expected is ourselves: an identity conflict.
const (
	SideNone Side = iota
	SideInitiator
	SideAcceptor
	SideBoth
)

// String returns the word for logs and status.
func (s Side) String() string {
	switch s {
	case SideInitiator:
		return "initiator"
	case SideAcceptor:
		return "acceptor"
	case SideBoth:
		return "both"
	case SideNone:
	}
	return "none"
}

// Initiates and Accepts report whether the side dials, and whether it listens.
func (s Side) Initiates() bool { return s == SideInitiator || s == SideBoth }

// Accepts reports whether the side listens.
func (s Side) Accepts() bool { return s == SideAcceptor || s == SideBoth }

// sideOf applies contract section 4: the lower fingerprint initiates; with a CA
// and no pin, the lower serial. Pins equal to our own key count for nothing.
func sideOf(own *Identity, trust Trust) Side {
	if trust.PeerSerial == own.serial {
		return SideNone
	}
	if len(trust.Pins) == 0 {
		return sideByOrder(strings.Compare(own.serial, trust.PeerSerial))
	}
	side := SideNone
	for _, pin := range trust.Pins {
		switch s := sideByOrder(own.fingerprint.Compare(pin)); {
		case side == SideNone:
			side = s
		case s != SideNone && s != side:
			side = SideBoth
		}
	}
	return side
}

// sideByOrder turns the comparison of ours with theirs into a side.
func sideByOrder(order int) Side {
	switch {
	case order < 0:
		return SideInitiator
	case order > 0:
		return SideAcceptor
	}
	return SideNone
}
