// Package plan says how an upgrade of the pair to a target version would go: the
// steps in the documented order, what the pair would be after each of them, what a
// failover in that moment would cost, and what to type on which Socket. It starts
// nothing; it advises.
//
//	status.Document + target version (+ catalog) ──► Make ──► Plan ──► table, JSON
//
// The documented order is the primary first, but no order is required (contract
// section 3). There is one better way: where the majors differ already, the Socket
// with the lower one comes first if that alone brings both to one major.
//
// A Socket is never moved to a lower version: there is no downgrade. So a plan may
// have two steps, one, or none, and says why.
//
// What a failover would cost between two steps follows from the versions alone: it
// loses the features that came after the older Socket's version, up to the newer's, while
// the newer one is active. With a catalog they are named. Which of them the site uses
// is not known to a plan; the status document's impact says so of the pair as it is now.
//
// The package is pure: no clock, no I/O.
package plan
