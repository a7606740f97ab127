// Package peer holds the words that two Sockets of an HA site exchange: who a
// Socket is, what it runs, what it can do and how it sees its neighbour.
//
// The types are plain values without behaviour over time: peer/compat judges
// them, peer/session times them, peer/wire puts them on the wire and
// peer/speaker carries them. No type here knows its encoding (peer/wire keeps
// the wire structures private), so the words may be used by every layer above.
//
// Zero values mean "unknown" throughout: an enumeration that nobody filled in
// can never read as a healthy state.
package peer
