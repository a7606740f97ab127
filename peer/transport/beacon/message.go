package beacon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"socketha/peer"
)

// Group is the multicast group beacons are sent to: ff12::e3c6:ad5f.
//
// ff12 is a group that is assigned to nobody for good (flag T) and never leaves
// the link (scope 2, RFC 4291 section 2.7). Its last 32 bits are the group ID,
// for such groups 80000000 to ffffffff (RFC 3307 section 4.3), and become the
// last 32 bits of the Ethernet address (RFC 2464 section 7), so a switch tells
// it apart. The ID is the beginning of SHA-256("socketha beacon"): as good as
// random, which RFC 3307 wants of a host that picks one, and the same for all.
// All-nodes (ff02::1) would wake every node on the link, and a group derived
// from an interface (RFC 4489) is of no use to those who do not know it yet.
var Group = netip.MustParseAddr("ff12::e3c6:ad5f")

// Port is the UDP port of the group, always the same: that the acceptor's may
// be another is what a beacon tells.
const Port = 20481

// Bounds of a beacon in bytes. Ours has MinMessage.
const (
	MinMessage = 42
	MaxMessage = 64
)

const (
	magic         = "SHAB"
	layoutVersion = 1
)

// Flags qualify a beacon. Unknown ones are ignored.
type Flags uint8

// FlagSolicit asks every receiver to tell at once where it is.
const FlagSolicit Flags = 1 << 0

// Message is what a beacon says. Nothing of it is authenticated.
type Message struct {
	Flags       Flags
	Protocol    peer.ProtocolRange // of the heartbeat; 1 ≤ Min ≤ Max
	Port        uint16             // where the sender accepts handshakes, not 0
	Fingerprint [32]byte           // of the sender's key, not 0
}

// Errors of Parse that a caller counts apart.
var (
	ErrVersion   = errors.New("beacon of an unknown version")
	ErrMalformed = errors.New("malformed beacon")
)

// Append appends the encoding of m, MinMessage bytes. It encodes whatever it
// is given; Parse refuses what is out of bounds.
func (m Message) Append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, layoutVersion, byte(m.Flags), m.Protocol.Min, m.Protocol.Max)
	b = binary.BigEndian.AppendUint16(b, m.Port)
	return append(b, m.Fingerprint[:]...)
}

// Parse reads a whole datagram. Its error wraps ErrVersion or ErrMalformed.
func Parse(b []byte) (Message, error) {
	var m Message
	if len(b) <= len(magic) || len(b) > MaxMessage || string(b[:len(magic)]) != magic {
		return m, fmt.Errorf("%w: %d bytes that do not begin as one", ErrMalformed, len(b))
	}
	if b[4] != layoutVersion {
		return m, fmt.Errorf("%w: %d", ErrVersion, b[4])
	}
	if len(b) < MinMessage {
		return m, fmt.Errorf("%w: %d bytes, want %d", ErrMalformed, len(b), MinMessage)
	}
	m.Flags = Flags(b[5]) & FlagSolicit
	m.Protocol = peer.ProtocolRange{Min: b[6], Max: b[7]}
	m.Port = binary.BigEndian.Uint16(b[8:])
	copy(m.Fingerprint[:], b[10:])
	return m, m.check()
}

func (m Message) check() error {
	switch {
	case m.Protocol.Min == 0 || m.Protocol.Min > m.Protocol.Max:
		return fmt.Errorf("%w: protocol range %d to %d", ErrMalformed, m.Protocol.Min, m.Protocol.Max)
	case m.Port == 0:
		return fmt.Errorf("%w: port 0", ErrMalformed)
	case m.Fingerprint == [32]byte{}:
		return fmt.Errorf("%w: no fingerprint", ErrMalformed)
	}
	return nil
}
