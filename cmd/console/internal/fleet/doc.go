// Package fleet makes up sites for demos, load and tests: pairs of Sockets with the
// troubles that real ones have, the reports they would send, and the certificates
// they would show. The same number always gives the same site.
package fleet
