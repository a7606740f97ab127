package guard

import (
	"sync/atomic"
)

// Window is the replay window to configure in pion, and the first plaintext
// sequence number that the filter drops. A handshake of 3 s that repeats its
// flights every 50 ms needs about 300 numbers.
const Window = 1024

// Limits of one handshake, far above what any real one needs.
const (
	maxHandshakeBytes  = 64 << 10 // received until established, repeats included
	maxMessageLength   = 8 << 10  // one handshake message: a certificate chain
	maxMessageSequence = 16
)

// Drop says why a record was dropped.
type Drop uint8

// Reasons for dropping a record.
const (
	DropTruncated   Drop = iota // cut short, with all that followed it
	DropEmpty                   // no body
	DropVersion                 // neither DTLS 1.0 nor 1.2
	DropType                    // unknown content type
	DropEpoch                   // epoch above 1
	DropCipherEpoch             // ChangeCipherSpec in the protected epoch
	DropSequence                // plaintext with an implausible sequence number
	DropAlert                   // plaintext alert to an established session
	DropHandshake               // plaintext handshake to an established session
	DropCipherSpec              // plaintext ChangeCipherSpec to an established session
	DropData                    // plaintext application data
	DropMalformed               // plaintext that no peer would send
	DropDirection               // handshake message this side never receives in plaintext
	DropBudget                  // more bytes than a handshake needs
	numDrops
)

// names are stable: they are counted under these words in the status document.
var names = [numDrops]string{
	DropTruncated:   "record_truncated",
	DropEmpty:       "record_empty",
	DropVersion:     "record_version",
	DropType:        "record_type",
	DropEpoch:       "record_epoch",
	DropCipherEpoch: "record_protected_ccs",
	DropSequence:    "record_sequence",
	DropAlert:       "record_plaintext_alert",
	DropHandshake:   "record_plaintext_handshake",
	DropCipherSpec:  "record_plaintext_ccs",
	DropData:        "record_plaintext_data",
	DropMalformed:   "record_malformed",
	DropDirection:   "record_direction",
	DropBudget:      "record_budget",
}

// String returns the word under which the reason is counted.
func (d Drop) String() string {
	if d < numDrops {
		return names[d]
	}
	return "record_unknown"
}

// Counters count dropped records by reason. One set serves all filters of an
// endpoint; the zero value is ready.
type Counters struct{ n [numDrops]atomic.Uint64 }

// Each calls yield for every reason that was counted at least once.
func (c *Counters) Each(yield func(reason string, count uint64)) {
	for d := range numDrops {
		if n := c.n[d].Load(); n > 0 {
			yield(d.String(), n)
		}
	}
}

// Count returns how many records were dropped for reason d.
func (c *Counters) Count(d Drop) uint64 { return c.n[d].Load() }

// Side is the DTLS side that a filter protects.
type Side uint8

// DTLS sides.
const (
	Client Side = iota // the initiator
	Server             // the acceptor
)

// expected holds, for each side, a bit for every handshake message that it may
// receive in plaintext. Finished is always protected; HelloRequest would ask
// for a renegotiation, which there is none of.
var expected = [...]uint32{
	Client: 1<<messageServerHello | 1<<messageVerify | 1<<messageCert | 1<<12 | 1<<13 | 1<<14,
	Server: 1<<messageHello | 1<<messageCert | 1<<15 | 1<<16,
}

// answers are the messages that may answer a ClientHello. pion's client takes
// anything else that comes before them for an error, and tells the server so
// with a fatal alert.
const answers = 1<<messageServerHello | 1<<messageVerify

// Filter judges the records of one association. Apply has one caller at a time;
// the other methods may be called from anywhere.
type Filter struct {
	side        Side
	counters    *Counters
	established atomic.Bool
	alert       atomic.Uint32
	seen        atomic.Uint32
	hellos      atomic.Uint32
	dones       atomic.Uint32
	budget      int
}

// NewFilter returns a filter that counts into counters.
func NewFilter(side Side, counters *Counters) *Filter {
	return &Filter{side: side, counters: counters, budget: maxHandshakeBytes}
}

// Establish ends the plaintext phase for good. It is called when the first
// record of the peer has authenticated.
func (f *Filter) Establish() {
	if !f.established.Load() {
		f.established.Store(true)
	}
}

// Established reports whether Establish was called.
func (f *Filter) Established() bool { return f.established.Load() }

// Alert returns the last plaintext alert let through before the session was
// established. Unauthenticated: fit for a counter, not for a decision.
func (f *Filter) Alert() (level, description byte, ok bool) {
	a := f.alert.Load()
	return byte(a >> 8), byte(a), a != 0
}

// Seen returns a bit for each type of handshake message let through in
// plaintext: how far the handshake came.
func (f *Filter) Seen() uint32 { return f.seen.Load() }

// Repeated returns how many ClientHellos and how many ServerHelloDones were let
// through in plaintext: a flight that comes again was not answered.
func (f *Filter) Repeated() (hellos, dones uint32) { return f.hellos.Load(), f.dones.Load() }

// Verified reports whether a HelloVerifyRequest came, Certified whether a
// certificate, or the hello or the end of the flight it comes in, did.
func (f *Filter) Verified() bool { return f.Seen()&(1<<messageVerify) != 0 }

// Certified is explained at Verified.
func (f *Filter) Certified() bool {
	return f.Seen()&(1<<messageServerHello|1<<messageCert|1<<messageDone) != 0
}

// Apply drops records from a datagram in place and returns how many bytes are
// left, in their old order; 0 if nothing is.
func (f *Filter) Apply(datagram []byte) int {
	kept := 0
	for rest := datagram; len(rest) > 0; {
		r, ok := cut(rest)
		if !ok {
			f.counters.n[DropTruncated].Add(1)
			break
		}
		if d, drop := f.judge(r); drop {
			f.counters.n[d].Add(1)
		} else {
			kept += copy(datagram[kept:], rest[:r.size])
		}
		rest = rest[r.size:]
	}
	return kept
}

// judge decides about one record.
func (f *Filter) judge(r record) (Drop, bool) {
	switch {
	case r.minor != version12 && r.minor != version10:
		return DropVersion, true
	case r.contentType < typeChangeCipherSpec || r.contentType > typeApplicationData:
		return DropType, true
	case len(r.body) == 0:
		return DropEmpty, true
	case r.epoch > 1:
		return DropEpoch, true
	case r.epoch == 1 && r.contentType == typeChangeCipherSpec:
		return DropCipherEpoch, true
	case r.epoch == 1 && f.established.Load():
		return 0, false // authenticated by the cipher suite
	case !f.established.Load():
		if f.budget -= r.size; f.budget < 0 {
			return DropBudget, true
		}
		if r.epoch == 1 {
			return 0, false
		}
		return f.judgeHandshake(r)
	}
	return plaintextDrop(r.contentType), true
}

// plaintextDrop names the plaintext record that came to an established session.
func plaintextDrop(contentType byte) Drop {
	switch contentType {
	case typeAlert:
		return DropAlert
	case typeHandshake:
		return DropHandshake
	case typeChangeCipherSpec:
		return DropCipherSpec
	default:
		return DropData
	}
}

// judgeHandshake decides about a plaintext record while the handshake runs.
func (f *Filter) judgeHandshake(r record) (Drop, bool) {
	if r.sequence >= Window {
		return DropSequence, true
	}
	switch r.contentType {
	case typeApplicationData:
		return DropData, true
	case typeChangeCipherSpec:
		if len(r.body) != 1 || r.body[0] != 1 {
			return DropMalformed, true
		}
		return 0, false
	case typeAlert:
		if len(r.body) != 2 || r.body[0] < 1 || r.body[0] > 2 {
			return DropMalformed, true
		}
		f.alert.Store(uint32(r.body[0])<<8 | uint32(r.body[1]))
		return 0, false
	}
	return f.judgeMessages(r.body)
}

// judgeMessages looks at every message in a handshake record. pion finds the
// end of a message by its whole length, not by the fragment's, so a fragment
// must be alone in its record.
func (f *Filter) judgeMessages(body []byte) (Drop, bool) {
	var kinds uint32
	for first := true; len(body) > 0; first = false {
		m, ok := parseMessage(body)
		if !ok || m.length > maxMessageLength || m.sequence > maxMessageSequence {
			return DropMalformed, true
		}
		size := handshakeHeaderSize + m.fragment
		if m.fragment != m.length && (!first || size != len(body)) {
			return DropMalformed, true
		}
		if m.kind > messageFinish || expected[f.side]&(1<<m.kind) == 0 {
			return DropDirection, true
		}
		switch m.kind {
		case messageHello:
			f.hellos.Add(1)
		case messageDone:
			f.dones.Add(1)
		}
		kinds |= 1 << m.kind
		body = body[size:]
	}
	seen := f.seen.Load()
	if f.side == Client && (seen|kinds)&answers == 0 {
		return DropDirection, true
	}
	if kinds&^seen != 0 {
		f.seen.Or(kinds)
	}
	return 0, false
}
