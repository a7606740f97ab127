// Package guard is the record filter that stands between the network and
// pion/dtls v2.2.12.
//
// Without it one unauthenticated datagram from the peer's address ends or
// deafens an established session: pion acts on plaintext alerts, answers
// plaintext data with a fatal alert, lets a ChangeCipherSpec of the protected
// epoch move its replay window, and stalls its read loop for every handshake
// record. Datagrams are UDP: anyone on the link can send them.
//
// The filter looks at each record of a datagram, not at the datagram, because a
// forged record may ride beside a good one. What it lets through depends on one
// fact: whether the peer has already sent a record that authenticates
// ([Filter.Establish]). Before, the handshake must run in plaintext, and only
// what cannot belong to this side of it is dropped. After, nothing in plaintext
// is needed any more, so nothing is let through: when the last flight is lost,
// pion repeats it for a repeated Finished, and that record is protected.
//
// pion keeps a window of [Window] sequence numbers for each epoch. As long as
// the filter lets no larger number pass in plaintext, a forged one cannot push
// the window past the numbers of the real peer.
//
// [CheckHello] answers the other question asked of an unauthenticated datagram:
// whether it is worth starting a handshake for.
package guard
