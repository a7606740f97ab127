// Package lab is what the tests of the HA link stand on: a cable between two
// namespaces (of package nstest), forged packets, and a relay for peers that do
// not send with hop limit 255. No program imports it.
package lab
