// Package lab is what the tests of the HA link stand on: network namespaces
// joined by a cable, forged packets, and a relay for peers that do not send
// with hop limit 255. No program imports it.
//
// Namespaces have no name and no file: the kernel removes them, with every
// interface inside, when the last descriptor is closed, and so even when the
// test is killed.
package lab
