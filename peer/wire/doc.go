// Package wire turns the words of package peer into CBOR (RFC 8949) and back.
//
// A message is one datagram of at most 1 KB: a map with integer keys in core
// deterministic encoding (RFC 8949 section 4.2.1). Key 0 is the range of
// protocol versions the sender speaks, and one other key holds the body and
// says by its number what the message is. heartbeat.cddl beside this file is
// the same in CDDL (RFC 8610).
//
//	{
//	  0: [min, max]        protocol versions, 1 to 255, both included
//	  1: heartbeat         or
//	  2: facts             or
//	  3: capability part   or
//	  4: request
//	}
//
//	heartbeat = [           by position, since it is sent all the time
//	   0 my discriminator   1 to 2^32-1
//	   1 your discriminator 0 to 2^32-1
//	   2 sequence           0 to 2^32-1
//	   3 desired transmit interval   50 to 60000 ms
//	   4 required receive interval   50 to 60000 ms
//	   5 detect multiplier  2 to 50
//	   6 session state      0 admin down, 1 down, 2 init, 3 up
//	   7 version            byte string of at most 65 bytes
//	   8 configured role    1 primary, 2 secondary
//	   9 HA state           1 active, 2 standby
//	  10 upstream           1 not configured, 2 connected, 3 disconnected
//	  11 readiness          1 not ready, 2 ready
//	  12 compatibility      1 compatible, 2 incompatible
//	  13 digests            24 bytes: facts, capabilities, inputs
//	  14 flags              1 poll, 2 final, 4 planned stop, 8 upgrading, 16 failover;
//	                        not there if none is set and nothing follows
//	  15 upgrade result     of the last one declared: 1 ok, 2 failed, 3 skipped;
//	                        not there if there is none
//	]
//
//	facts = {0: serial, 1: model, 2: site, 3: agent version, 4: catalog digest}
//
//	capability part = {0: digest of the set, 1: part, 2: parts, 3: [* entry]}
//	entry           = [id, supported, enabled, since]
//
//	request = {? 0: facts wanted, ? 1: digest of the set, ? 2: [* part]}
//
// # Rules that hold for every version of the protocol
//
// Numbers are append-only: a key, a position, a flag or a value of an
// enumeration is never given a second meaning. Key 0 keeps its place and form
// in all versions to come, so that two Sockets that share no version can still
// tell so: of such a peer only the range is read. Tags, indefinite lengths,
// NaN and infinities are never sent. A value that is not known is left out:
// null is not a value.
//
// # What a newer peer may add
//
// Keys, elements at the end of an array, flags and kinds of message that this
// version does not have are ignored. An enumeration that reads 0 or a value
// not known here means unknown. The one exception is the session state: there
// is no safe reading of a state that is not known, so such a heartbeat is
// refused.
//
// # What is refused
//
// Everything else that differs from the form above: a missing or null field, a
// value out of its range, a wrong type, a duplicate key, text that is not
// UTF-8, more than 1 KB. A refused message leaves nothing behind: [Unmarshal]
// returns no partly filled value.
//
// The version is a byte string, because it may be anything: it crosses the
// wire byte for byte, so that both Sockets judge the same one. Of a version
// longer than 64 bytes 65 are sent, which keeps it too long to be read.
//
// # Digests
//
// A digest is the first 8 bytes of a SHA-256. That of the facts covers their
// map as above, that of a capability set the array of all its entries sorted by
// id, both in deterministic encoding. Fields that later versions add are never
// covered, so that Sockets of different age agree on it.
package wire
