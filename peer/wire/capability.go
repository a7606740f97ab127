package wire

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
)

// Bounds of a capability set on the wire.
const (
	MaxCapabilities = 2000 // entries of a set
	MaxParts        = 256  // parts of a set
	maxEntries      = maxElements
	entryElements   = 4
)

// Keys of a capability part.
const (
	keySet = iota
	keyPart
	keyParts
	keyEntries
	partKeys
)

// AppendCapabilityPart appends one part of the capability set of a Socket that
// speaks the range p to dst. An entry, number or order that a peer would refuse
// is an error, as is a part that does not fit a message; dst is then returned
// as it was. [SplitCapabilities] makes parts that fit.
func AppendCapabilityPart(dst []byte, p peer.ProtocolRange, part *peer.CapabilityPart) ([]byte, error) {
	err := checkProtocol(p)
	if err == nil {
		err = checkPart(part)
	}
	if err != nil {
		return dst, fmt.Errorf("wire: capabilities: %w", err)
	}
	out := appendEnvelope(dst, p, KindCapabilities)
	out = appendHead(out, majorMap, partKeys)
	out = appendBytes(appendUint(out, keySet), part.Digest[:])
	out = appendUint(appendUint(out, keyPart), uint64(part.Part))
	out = appendUint(appendUint(out, keyParts), uint64(part.Parts))
	out = appendHead(appendUint(out, keyEntries), majorArray, uint64(len(part.Entries)))
	for i := range part.Entries {
		out = appendEntry(out, &part.Entries[i])
	}
	if size := len(out) - len(dst); size > MaxMessage {
		return dst, fmt.Errorf("wire: capabilities: part of %d bytes, at most %d are sent", size, MaxMessage)
	}
	return out, nil
}

// appendEntry appends an entry in the form that the digest covers too.
func appendEntry(dst []byte, c *peer.Capability) []byte {
	dst = appendHead(dst, majorArray, entryElements)
	dst = appendText(dst, c.ID)
	dst = appendBool(dst, c.Supported)
	dst = appendBool(dst, c.Enabled)
	return appendText(dst, c.Since)
}

func checkPart(p *peer.CapabilityPart) error {
	switch {
	case p.Parts == 0 || p.Parts > MaxParts || p.Part >= p.Parts:
		return fmt.Errorf("part %d of %d: parts count from 0, at most %d", p.Part, p.Parts, MaxParts)
	case len(p.Entries) > maxEntries:
		return fmt.Errorf("%d entries in a part, at most %d", len(p.Entries), maxEntries)
	}
	for i := range p.Entries {
		if err := checkEntry(&p.Entries[i]); err != nil {
			return err
		}
		if i > 0 && p.Entries[i].ID <= p.Entries[i-1].ID {
			return fmt.Errorf("entry %q is out of order", p.Entries[i].ID)
		}
	}
	return nil
}

func checkEntry(c *peer.Capability) error {
	if err := checkText("id", c.ID, 1, peer.MaxCapabilityID); err != nil {
		return err
	}
	if err := checkText("since", c.Since, 0, peer.MaxVersion); err != nil {
		return fmt.Errorf("entry %q: %w", c.ID, err)
	}
	return nil
}

// partField reads the body under key 3.
type partField struct{ body *peer.CapabilityPart }

// UnmarshalCBOR implements [cbor.Unmarshaler].
func (f *partField) UnmarshalCBOR(b []byte) error {
	var m struct {
		Set     cbor.RawMessage `cbor:"0,keyasint"`
		Part    cbor.RawMessage `cbor:"1,keyasint"`
		Parts   cbor.RawMessage `cbor:"2,keyasint"`
		Entries cbor.RawMessage `cbor:"3,keyasint"`
	}
	if err := unmarshalMap(b, &m); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	r := reader{}
	part := &peer.CapabilityPart{
		Digest: r.on(m.Set).digest("digest of the set"),
		Part:   uint16(r.on(m.Part).uint("part", 0, MaxParts-1)),
		Parts:  uint16(r.on(m.Parts).uint("parts", 1, MaxParts)),
	}
	err := r.err
	if err == nil {
		part.Entries, err = unmarshalEntries(m.Entries)
	}
	if err == nil {
		err = checkPart(part)
	}
	if err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	f.body = part
	return nil
}

func unmarshalEntries(raw cbor.RawMessage) ([]peer.Capability, error) {
	if len(raw) == 0 || raw[0]>>5 != majorArray {
		return nil, errors.New("entries are missing") // null, to the library, is an empty array
	}
	var entries []entryField
	if err := decoding.Unmarshal(raw, &entries); err != nil || len(entries) == 0 {
		return nil, err
	}
	set := make([]peer.Capability, len(entries))
	for i := range entries {
		set[i] = entries[i].Capability
	}
	return set, nil
}

// entryField reads one entry of a part.
type entryField struct{ peer.Capability }

// UnmarshalCBOR implements [cbor.Unmarshaler].
func (f *entryField) UnmarshalCBOR(b []byte) error {
	r := reader{b: b}
	r.array("entry", entryElements)
	f.Capability = peer.Capability{
		ID:        r.text("id", 1, peer.MaxCapabilityID),
		Supported: r.bool("supported"),
		Enabled:   r.bool("enabled"),
		Since:     r.text("since", 0, peer.MaxVersion),
	}
	return r.err
}
