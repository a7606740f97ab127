// Package sock opens the UDP sockets of the HA link.
//
// Every socket is bound to one interface (SO_BINDTODEVICE), sends with hop
// limit 255 and drops what arrives with any other (RFC 5082: a packet that
// crossed a router cannot have 255). The kernel accepts IP_MINTTL and
// IPV6_MINHOPCOUNT on UDP sockets but does not enforce them, so a classic BPF
// program does. All of it is set before the socket is bound: no packet is ever
// queued that the program did not see.
//
// Zones are given as interface indexes, not names: the net package remembers
// names for a minute, and an interface that is removed and added again has
// another index at once.
package sock
