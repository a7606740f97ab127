// Package transport is the HA link: it brings authenticated connections to the
// one peer that is trusted, over DTLS 1.2 by pion/dtls, and refuses everything
// else under a reason of its own.
//
//	socket ──► demux (acceptor) ──┬─► record filter ──► pion/dtls ──► Conn
//	           or connected socket  │   internal/guard                 ▲
//	                                └─► a message: internal/suite ─────┘
//
// pion does the handshake and the goodbye. In between messages pass by it, since it
// starts a goroutine for each that is read or written; the suite keeps sequence
// numbers and replay window for both ways (see [Conn]). A heartbeat wakes up the
// goroutine that receives and the one that reads, and allocates nothing.
//
// An [Endpoint] is made by [New] and lives in [Endpoint.Run]. The initiator
// dials, each time from a fresh port; the acceptor owns one UDP socket and its
// own demux. Which is which follows from the keys (see [Side]). Connections come
// out of [Endpoint.Conns]; the newest authenticated one wins, and the owner
// closes the older ones.
//
// # Addresses
//
// Both ends may be fixed by [Config], or become known later: our own by
// [Endpoint.SetLocal], the peer's candidates, at most [MaxPeers], by
// [Endpoint.SetPeers]. Nobody vouches for a candidate. Two are dialed at a time,
// a new one 75 ms after the one before, the one last connected first; one that
// does not answer gives way after one and a half flight intervals, one that
// answers and gets no further after five, and each time it is given twice as
// long. A refused one is dialed less and less often. So one address that is
// spoofed costs the real peer some 75 ms, and seven that answer a second and a half.
// Who is no candidate is not admitted; a connection lives on when its address
// is no candidate any more.
//
// # New keys
//
// Every hour, and well before 2^20 records, the initiator makes a new connection
// beside the one in use ([Config.RekeyAfter]). Both work until their owner closes
// the older one. If it fails the old one stays in use, and it is tried again
// after 1 s, doubling to a minute.
//
// # Our own key elsewhere
//
// A cloned Socket computes the same side as we do, so that both would dial or both
// wait for ever. Each therefore looks, seldom, at who else is there: one that waits
// dials back to another whose poke it gets, one that dials answers a few hellos,
// and both look at whoever shows our fingerprint in a beacon ([Endpoint.SetTwins]).
// None of these handshakes makes a connection. One that proves to hold our key is
// the finding IdentityConflict, within ten seconds or so.
//
// # Path MTU
//
// Every flight of a handshake fits one datagram. A path that loses the large ones
// (about 700 bytes) and passes the small ones is named in [Stats], with the
// direction, after three handshakes in a row that got stuck there: about nine
// seconds. A handshake that completes clears it.
//
// # Hints
//
// Two hints bring a killed peer back faster than its silence would. Nobody
// vouches for them: they are only ever a reason to dial in parallel, and they
// end, reset and slow nothing.
//
//	poke        an acceptor that has opened its socket sends it to the peer's
//	            listening port at 0, 40 and 120 ms, then every 10 s, until the peer
//	            has connected
//	no session  an acceptor answers a protected record from the peer's address
//	            that belongs to no connection; it goes to where that came from
//
// So that a poke finds it, the initiator, too, listens on Config.Local: for
// hints and nothing else. Without that socket (its port is taken, say) the link
// works, a restarted acceptor is only found later.
//
// A hint is one UDP datagram of 8 bytes:
//
//	0  4  magic "SHAH"
//	4  1  version of this layout, 1
//	5  1  kind: 1 = poke, 2 = no session
//	6  2  zero; a receiver ignores what stands here
//
// Its first byte is outside of 20 to 63, so that no hint can be taken for a DTLS
// record (RFC 7983 section 7), and it is smaller than any record it answers.
// Other sizes, versions and kinds are no hints.
//
// Both ends limit them. The acceptor sends at most 50 answers a second, 8 at
// once. The initiator begins at most one dial for hints every 25 ms while it
// looks for the peer, and two a second, three at once, while it has a connection;
// never more than two dials run at once, and the one that was begun without a
// hint is not given up for one. An ICMP error is no hint in this sense: it is
// counted and changes nothing.
package transport
