// Package e2e proves the promises of a pair with the real parts: two built
// socketha binaries, real DTLS, two network namespaces joined by a veth cable,
// real keys made by the commands an administrator would use.
//
// The tests need root. They wait for events, never for a time: a deadline only
// ends a test that has already failed.
package e2e
