package wire

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
)

// Keys of a request.
const (
	keyWantFacts = iota
	keyWantSet
	keyWantParts
)

// MaxRequestParts is the number of parts that one request can name.
const MaxRequestParts = maxElements

// AppendRequest appends a request of a Socket that speaks the range p to dst.
// Parts must be ascending, at most [MaxRequestParts], below [MaxParts] and of a
// set that is named; anything else is an error, and dst is returned as it was.
// A request that asks for nothing may be sent.
func AppendRequest(dst []byte, p peer.ProtocolRange, q *peer.Request) ([]byte, error) {
	err := checkProtocol(p)
	if err == nil {
		err = checkRequest(q)
	}
	if err != nil {
		return dst, fmt.Errorf("wire: request: %w", err)
	}
	dst = appendEnvelope(dst, p, KindRequest)
	hasSet, hasParts := q.Capabilities != peer.Digest{}, len(q.Parts) > 0
	dst = appendHead(dst, majorMap, 1+count(hasSet)+count(hasParts))
	dst = appendBool(appendUint(dst, keyWantFacts), q.Facts)
	if hasSet {
		dst = appendBytes(appendUint(dst, keyWantSet), q.Capabilities[:])
	}
	if hasParts {
		dst = appendHead(appendUint(dst, keyWantParts), majorArray, uint64(len(q.Parts)))
		for _, part := range q.Parts {
			dst = appendUint(dst, uint64(part))
		}
	}
	return dst, nil
}

func checkRequest(q *peer.Request) error {
	if len(q.Parts) > MaxRequestParts {
		return fmt.Errorf("%d parts, at most %d", len(q.Parts), MaxRequestParts)
	}
	if len(q.Parts) > 0 && q.Capabilities == (peer.Digest{}) {
		return fmt.Errorf("%d parts of no set", len(q.Parts))
	}
	for i, part := range q.Parts {
		if part >= MaxParts || i > 0 && part <= q.Parts[i-1] {
			return fmt.Errorf("part %d: parts ascend and are below %d", part, MaxParts)
		}
	}
	return nil
}

// requestField reads the body under key 4.
type requestField struct{ body *peer.Request }

// UnmarshalCBOR implements [cbor.Unmarshaler]. All fields may be missing: a
// newer peer may ask for something else.
func (f *requestField) UnmarshalCBOR(b []byte) error {
	var m struct {
		Facts cbor.RawMessage `cbor:"0,keyasint"`
		Set   cbor.RawMessage `cbor:"1,keyasint"`
		Parts cbor.RawMessage `cbor:"2,keyasint"`
	}
	if err := unmarshalMap(b, &m); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	r, q := reader{}, &peer.Request{}
	if m.Facts != nil {
		q.Facts = r.on(m.Facts).bool("facts wanted")
	}
	if m.Set != nil {
		q.Capabilities = r.on(m.Set).digest("digest of the set")
	}
	if m.Parts != nil {
		q.Parts = r.on(m.Parts).parts()
	}
	err := r.err
	if err == nil {
		err = checkRequest(q)
	}
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	f.body = q
	return nil
}

func (r *reader) parts() []uint16 {
	n := r.array("parts", 0)
	if n == 0 {
		return nil
	}
	parts := make([]uint16, 0, n)
	for range n {
		parts = append(parts, uint16(r.uint("part", 0, MaxParts-1)))
	}
	return parts
}
