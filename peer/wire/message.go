package wire

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
)

// MaxMessage is the size in bytes that no message exceeds, either way.
const MaxMessage = 1024

// Kind says what a message is. The numbers are the keys on the wire.
type Kind uint8

// Kinds of message. Unknown is a kind that this version does not have, or any
// message of a peer with which we share no protocol version.
const (
	KindUnknown Kind = iota
	KindHeartbeat
	KindFacts
	KindCapabilities
	KindRequest
)

// String returns the kind as a word for logs.
func (k Kind) String() string {
	switch k {
	case KindHeartbeat:
		return "heartbeat"
	case KindFacts:
		return "facts"
	case KindCapabilities:
		return "capabilities"
	case KindRequest:
		return "request"
	case KindUnknown:
	}
	return "unknown"
}

// Message is one message as received. The field that Kind names is set, the
// other three are nil; none is for KindUnknown. Nothing in it aliases the bytes
// it was read from.
type Message struct {
	Kind     Kind
	Protocol peer.ProtocolRange // the sender's; Min <= Max, Min > 0

	Heartbeat *peer.Heartbeat
	Facts     *peer.Facts
	Part      *peer.CapabilityPart
	Request   *peer.Request
}

// spoken is the range of protocol versions that this package reads.
var spoken = peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax}

// Unmarshal reads one message, which must fill b to its end. It never panics
// and its time is bounded by [MaxMessage].
//
// A message of a kind not known here is not an error, nor is one from a peer
// that shares no protocol version with us: both read as KindUnknown with the
// sender's range. On an error the Message is zero.
func Unmarshal(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return Message{}, fmt.Errorf("wire: message of %d bytes, at most %d are read", len(b), MaxMessage)
	}
	var e envelope
	err := decoding.Unmarshal(b, &e)
	if err == nil && !e.Protocol.read {
		err = errors.New("protocol range is missing") // {}, null and undefined end here
	}
	if err != nil {
		return foreign(b, err)
	}
	if !e.Protocol.Overlaps(spoken) {
		return Message{Protocol: e.Protocol.ProtocolRange}, nil
	}
	return e.message()
}

// foreign gives a message that cannot be read a second look: its body may have
// a form of which this version knows nothing. It returns the sender's range if
// that excludes us, and the error of the first look otherwise.
func foreign(b []byte, first error) (Message, error) {
	var head struct {
		Protocol protocolField `cbor:"0,keyasint"`
	}
	if decoding.Unmarshal(b, &head) == nil && head.Protocol.read && !head.Protocol.Overlaps(spoken) {
		return Message{Protocol: head.Protocol.ProtocolRange}, nil
	}
	return Message{}, fmt.Errorf("wire: %w", first)
}

// envelope is the map that every message is. The library sorts keys and values
// apart and the fields read themselves, so that none can be null.
type envelope struct {
	Protocol  protocolField  `cbor:"0,keyasint"`
	Heartbeat heartbeatField `cbor:"1,keyasint"`
	Facts     factsField     `cbor:"2,keyasint"`
	Part      partField      `cbor:"3,keyasint"`
	Request   requestField   `cbor:"4,keyasint"`
}

// message returns the one body there is.
func (e *envelope) message() (Message, error) {
	m := Message{Protocol: e.Protocol.ProtocolRange}
	bodies := 0
	if m.Heartbeat = e.Heartbeat.body; m.Heartbeat != nil {
		m.Kind, m.Heartbeat.Protocol = KindHeartbeat, m.Protocol
		bodies++
	}
	if m.Facts = e.Facts.body; m.Facts != nil {
		m.Kind = KindFacts
		bodies++
	}
	if m.Part = e.Part.body; m.Part != nil {
		m.Kind = KindCapabilities
		bodies++
	}
	if m.Request = e.Request.body; m.Request != nil {
		m.Kind = KindRequest
		bodies++
	}
	if bodies > 1 {
		return Message{}, errors.New("wire: more than one body in a message")
	}
	return m, nil
}

// protocolField reads the range under key 0.
type protocolField struct {
	peer.ProtocolRange
	read bool
}

// UnmarshalCBOR implements [cbor.Unmarshaler].
func (f *protocolField) UnmarshalCBOR(b []byte) error {
	r := reader{b: b}
	r.array("protocol range", 2)
	f.Min = uint8(r.uint("lowest protocol version", 1, 255))
	f.Max = uint8(r.uint("highest protocol version", uint64(f.Min), 255))
	f.read = r.err == nil
	return r.err
}

// appendEnvelope starts a message: the map, the range and the key of the body.
func appendEnvelope(dst []byte, p peer.ProtocolRange, k Kind) []byte {
	dst = appendHead(dst, majorMap, 2)
	dst = appendHead(dst, majorUint, 0)
	dst = appendHead(dst, majorArray, 2)
	dst = appendHead(dst, majorUint, uint64(p.Min))
	dst = appendHead(dst, majorUint, uint64(p.Max))
	return appendHead(dst, majorUint, uint64(k))
}

func checkProtocol(p peer.ProtocolRange) error {
	if p.Min == 0 || p.Max < p.Min {
		return fmt.Errorf("protocol range %d to %d is none", p.Min, p.Max)
	}
	return nil
}

// decoding refuses what no message has. Keys that are not known stay allowed.
// The ban on bignums and the exact match of names are second locks: tags are
// banned whole, and no key is a name.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		BignumTag:         cbor.BignumTagForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       32,
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants: a test would not get this far
	}
	return mode
}()

// maxElements bounds every array in a message.
const maxElements = 64
