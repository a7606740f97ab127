// Package suite is the one cipher suite of the HA link for pion/dtls:
// TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 (0xCCA9, RFC 7905).
//
// It exists because pion's own suites draw random explicit nonces
// (CVE-2026-26014) and because built-in identifiers shadow custom ones, so a
// suite that pion does not know is the only one we can define ourselves. The
// nonce is the record's epoch and sequence number, masked with the write IV:
// nothing random, nothing sent.
//
// Messages can be sealed and opened past pion ([Suite.Seal], [Suite.Open]), which
// starts a goroutine for every one. So the sequence numbers of the protected epoch
// are given out here, to pion and past it alike, and none twice; and the window
// of those that have come is kept here, so that a record read past pion cannot be
// sent again through it.
package suite
