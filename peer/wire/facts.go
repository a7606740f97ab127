package wire

import (
	"crypto/sha256"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
)

// Keys of the facts.
const (
	keySerial = iota
	keyModel
	keySite
	keyAgentVersion
	keyCatalog
	factsKeys
)

// AppendFacts appends the facts of a Socket that speaks the range p to dst. A
// string that is too long (see [peer.Facts]) or not UTF-8, and an empty serial,
// are errors; dst is then returned as it was.
func AppendFacts(dst []byte, p peer.ProtocolRange, f *peer.Facts) ([]byte, error) {
	if err := checkFacts(p, f); err != nil {
		return dst, fmt.Errorf("wire: facts: %w", err)
	}
	return appendFacts(appendEnvelope(dst, p, KindFacts), f), nil
}

// DigestFacts returns the digest by which a heartbeat names these facts.
func DigestFacts(f *peer.Facts) peer.Digest {
	sum := sha256.Sum256(appendFacts(nil, f))
	return peer.Digest(sum[:digestSize])
}

func appendFacts(dst []byte, f *peer.Facts) []byte {
	dst = appendHead(dst, majorMap, factsKeys)
	dst = appendText(appendUint(dst, keySerial), f.Serial)
	dst = appendText(appendUint(dst, keyModel), f.Model)
	dst = appendText(appendUint(dst, keySite), f.Site)
	dst = appendText(appendUint(dst, keyAgentVersion), f.AgentVersion)
	return appendBytes(appendUint(dst, keyCatalog), f.Catalog[:])
}

func checkFacts(p peer.ProtocolRange, f *peer.Facts) error {
	for _, field := range []struct {
		name, value string
		low, high   int
	}{
		{"serial", f.Serial, 1, peer.MaxSerial},
		{"model", f.Model, 0, peer.MaxModel},
		{"site", f.Site, 0, peer.MaxSite},
		{"agent version", f.AgentVersion, 0, peer.MaxAgentVersion},
	} {
		if err := checkText(field.name, field.value, field.low, field.high); err != nil {
			return err
		}
	}
	return checkProtocol(p)
}

// factsField reads the body under key 2.
type factsField struct{ body *peer.Facts }

// UnmarshalCBOR implements [cbor.Unmarshaler].
func (f *factsField) UnmarshalCBOR(b []byte) error {
	var m struct {
		Serial       cbor.RawMessage `cbor:"0,keyasint"`
		Model        cbor.RawMessage `cbor:"1,keyasint"`
		Site         cbor.RawMessage `cbor:"2,keyasint"`
		AgentVersion cbor.RawMessage `cbor:"3,keyasint"`
		Catalog      cbor.RawMessage `cbor:"4,keyasint"`
	}
	if err := unmarshalMap(b, &m); err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	r := reader{}
	facts := &peer.Facts{
		Serial:       r.on(m.Serial).text("serial", 1, peer.MaxSerial),
		Model:        r.on(m.Model).text("model", 0, peer.MaxModel),
		Site:         r.on(m.Site).text("site", 0, peer.MaxSite),
		AgentVersion: r.on(m.AgentVersion).text("agent version", 0, peer.MaxAgentVersion),
		Catalog:      r.on(m.Catalog).digest("catalog digest"),
	}
	if r.err != nil {
		return fmt.Errorf("facts: %w", r.err)
	}
	f.body = facts
	return nil
}
