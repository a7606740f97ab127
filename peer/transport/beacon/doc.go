// Package beacon finds the peer's IPv6 link-local address, so that the HA link
// needs no configuration but an interface and a pin.
//
// # What a beacon is worth
//
// Nothing in a beacon is authenticated: anyone on the link can send any, in
// anyone's name. A [Candidate] is only a reason to dial an address, or to admit
// a handshake that comes from it; who is there, the handshake tells. What may
// be had by lying is bounded: eight candidates, ten answers a second, and a
// line in the log a minute.
//
// # Message
//
// One UDP datagram of 42 bytes, numbers in network byte order:
//
//	 0  4  magic "SHAB"
//	 4  1  version of this layout, 1
//	 5  1  flags: 1 = solicit (tell me at once where you are)
//	 6  1  lowest heartbeat protocol version spoken, at least 1
//	 7  1  highest, at least the lowest
//	 8  2  UDP port on which the sender accepts handshakes, at least 1
//	10 32  fingerprint of the sender's key: SHA-256 of its SubjectPublicKeyInfo
//
// Flags and later fields are only ever added: a receiver ignores flags it does
// not know and up to 22 bytes that follow (64 in all). What cannot be said so
// gets another version, and a receiver ignores versions it does not know. The
// first byte is outside of 20 to 63, so that no beacon can be taken for a DTLS
// record (RFC 7983 section 7).
//
// # Where it goes
//
// To [Group], UDP port [Port], with hop limit 255, and no other hop limit is
// taken (RFC 5082): nothing that crossed a router counts. A socket bound to a
// link-local address gets no multicast, and one bound to no address would be in
// the way of the acceptor's, which has the same port. So there are two sockets:
//
//	ear    bound to the group: gets beacons, sends nothing
//	mouth  on a port of the kernel's choice: sends all, gets the answers, which
//	       come by unicast
//
// Both are bound to the interface. They are made anew whenever [Beacon.Rebind]
// says so and whenever sending fails, because a socket bound to an interface
// that was removed stays deaf for ever, and a group membership is lost with
// the interface's IPv6 (MTU below 1280, say).
//
// # When it goes
//
// At start, when sockets are made anew and when the session is lost: at 0, 40
// and 120 ms. Then every second while searching, and every 30 s while
// [Beacon.Settled] says that the session is up, each time 10 to 25 % early (RFC
// 5880 section 6.8.7). While searching every beacon is a solicit. A solicit from
// somebody wanted is answered at once by unicast, ten times a second and five
// at a time; where more ask, one beacon to the group 200 ms later answers all.
//
// A starting Socket thus knows its peer after one round trip, and its peer
// knows it at once. A solicit also says that the peer has no session: a
// restarted acceptor has no other way to tell its initiator (see
// [Candidate.Asked]).
//
// # Who is believed to be where
//
// At most [MaxCandidates] are kept, each heard within [MaxAge]. A spoofed beacon
// adds a candidate beside the real one and takes nothing away from it. With
// the table full one that was not heard for three seconds may give way, the
// longest silent first: the real peer, heard every second, stays. The address
// that a session was last made with ([Beacon.Confirm]) never gives way and does
// not age.
//
// The initiator asks [Beacon.Next] before every dial. Turns alternate: the
// newest address that was never tried, or else the confirmed one; then the one
// that has waited longest. So the first dial is the best guess, and whatever
// is spoofed, the real address gets its turn within 16 dials. A dial into the
// void takes seconds to fail, so start the next one beside it after a quarter
// of a second (RFC 8305 section 5). The acceptor asks [Beacon.Known] whether to
// admit a handshake; as everything on the link can forge a beacon, refusing
// strangers protects from mistakes, not from attackers.
package beacon
