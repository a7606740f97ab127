// Package impact says what a failover would cost the site in features: what does
// not work now, what would stop, and what a failover would bring back (contract
// section 2, "Impact"). It says nothing of whether the pair is compatible.
//
// With E = what the site has enabled, on either Socket:
//
//	now                    E − supported(active)
//	on_failover            (E ∩ supported(active)) − supported(standby)
//	restored_on_failover   (E ∩ supported(standby)) − supported(active)
//
// so every restored feature stands under now as well, and none of those that
// would be lost does. After a failover what was on_failover stands under now.
//
// # Where the sets come from
//
// A Socket advertises its capability set, from its firmware's manifest. One that
// advertises none (an older agent) is taken to support every feature of the
// [Catalog] that came with its version or an earlier one, compared number by
// number, and to have nothing enabled. A feature that the catalog does not know, or
// any feature where the version cannot be read, is not known to be supported: it is
// listed like one that is not, and its source is unknown. Every entry says the
// weakest source that its place in the list rests on:
//
//	advertised   both Sockets' own words
//	catalog      the catalog and the version of at least one of them
//	unknown      of at least one of them neither tells
//
// # Which Socket is active
//
// The basis of an impact is one word, the same on both Sockets, except for the last:
//
//	ha_state          the HA states tell: one is active, the other is not
//	primary_assumed   they do not tell (unknown, both active, both standby), so the
//	                  configured primary is taken for the active one
//	other_assumed     the primary is known to be standby, or the roles do not tell
//	                  either, but one Socket is known to be standby: the other one
//	self_assumed      nothing tells, so the Socket that computes is
//
// # Catalog
//
// A catalog is data that ships with the firmware, see [ParseCatalog]. [Sample] is an
// example, made of the public release notes of a real product line.
//
// The package is pure: no clock, no I/O. Whatever goes in, something comes out, in
// the order of the ids; unusable entries (an id given twice, a since that cannot be
// read) are taken at their worst.
package impact
